"""Arrays to Plotly figures. Knows no network and no Streamlit.

Step colours and line styles live here: the same colour means the same step in every view.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
from PIL import Image

STEP_COLOURS = ("#ff4b4b", "#21c354", "#3d8bff", "#ffa421", "#b36bff", "#00c0c0")
STEP_COLOUR_NAMES = ("red", "green", "blue", "orange", "violet", "primary")
STEP_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
STEP_NAMES = ("first", "second", "third", "fourth", "fifth", "sixth")
"""Colour, line style and name of step 1, 2, 3, ...; they repeat after the sixth."""

RUN_COLOURS = ("#7c5cff", "#ff8a3d", "#12b5a6", "#e5486b", "#8a8f98", "#c2a500")
MUTED = "#8a8f98"
"""A grey that can be read on white and on black."""

PICTURE_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
"""Plotly's config for pictures, which are looked at; curves keep their tool bar."""


def step_style(step: int) -> dict[str, str]:
    """Colour, its name in Markdown, dash and name of step 0, 1, ... (0 is the first)."""
    k = step % len(STEP_COLOURS)
    return {"colour": STEP_COLOURS[k], "colour_name": STEP_COLOUR_NAMES[k], "dash": STEP_DASHES[k], "name": STEP_NAMES[k]}


def png_uri(image: np.ndarray) -> str:
    """A picture as a PNG data URI: (H, W) grey or (H, W, 3), uint8 or float in [0, 1]."""
    if image.dtype != np.uint8:
        image = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def signed_colours(image: np.ndarray) -> np.ndarray:
    """A signed picture (H, W) in [-1, 1] as colours (H, W, 3): orange above 0, blue below."""
    above, below = np.clip(image, 0, 1)[..., None], np.clip(-image, 0, 1)[..., None]
    return above * np.array([1.0, 0.55, 0.15]) + below * np.array([0.25, 0.55, 1.0])


@dataclass
class Sheet:
    """A sheet of square tiles: pictures with boxes and captions, on one pair of axes.

    One tile is one unit wide; `gap`, `header` and `caption` (the heights of a line above all and
    below each tile) are in units. `wide_gaps` adds space before some columns, to set groups of
    tiles apart. The sheet is as high as its tiles are when it is `width_pixels` wide, or when
    they are `tile_pixels`, whichever is less.
    """

    columns: int
    gap: float = 0.06
    caption: float = 0.0
    header: float = 0.0
    wide_gaps: Sequence[int] = ()
    tile_pixels: int = 110
    width_pixels: int = 980
    _images: list[go.Image] = field(default_factory=list)
    _lines: dict[int, list[np.ndarray]] = field(default_factory=dict)
    _texts: list[dict] = field(default_factory=list)
    _frames: list[dict] = field(default_factory=list)
    _rows: int = 0

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """The top left corner of a tile in units, y downwards."""
        extra = 0.25 * sum(c <= column for c in self.wide_gaps)
        return column * (1 + self.gap) + extra, self.header + row * (1 + self.gap + self.caption)

    def picture(self, row: int, column: int, image: np.ndarray) -> None:
        """Show an image (see `png_uri`) in a tile."""
        x, y = self.corner(row, column)
        pixel = 1 / len(image)
        self._images.append(
            go.Image(source=png_uri(image), x0=x + pixel / 2, y0=y + pixel / 2, dx=pixel, dy=pixel, hoverinfo="skip")
        )
        self._rows = max(self._rows, row + 1)

    def boxes(self, row: int, column: int, boxes: np.ndarray, side: int) -> None:
        """Outline boxes (n, 4), x, y, w, h in pixels of a canvas of `side`, in step colours."""
        x, y = self.corner(row, column)
        for step, (left, top, width, height) in enumerate(boxes):
            xs = np.clip(np.array([left, left + width, left + width, left, left, np.nan]) / side, 0, 1) + x
            ys = np.clip(np.array([top, top, top + height, top + height, top, np.nan]) / side, 0, 1) + y
            self._lines.setdefault(step, []).append(np.stack([xs, ys]))

    def frame(self, row: int, column: int, colour: str, dash: str = "solid") -> None:
        """Draw a frame around a tile."""
        x, y = self.corner(row, column)
        self._frames.append(
            {"type": "rect", "x0": x, "y0": y, "x1": x + 1, "y1": y + 1, "line": {"color": colour, "width": 2, "dash": dash}}
        )

    def text(self, row: int, column: float, text: str, colour: str = MUTED, size: int = 12) -> None:
        """Write below a tile (needs `caption`); `column` may lie between two."""
        self._text(self._centre(column), self.corner(row, 0)[1] + 1.02, text, colour, size, "top")

    def heading(self, column: float, text: str, colour: str = MUTED, size: int = 13) -> None:
        """Write above the first row (needs `header`); `column` may lie between two."""
        self._text(self._centre(column), self.header - 0.06, text, colour, size, "bottom")

    def label(self, row: int, column: int, text: str) -> None:
        """Write in place of a tile."""
        self._text(self._centre(column), self.corner(row, column)[1] + 0.5, text, MUTED, 13, "middle")

    def _centre(self, column: float) -> float:
        low, high = self.corner(0, int(np.floor(column))), self.corner(0, int(np.ceil(column)))
        return (low[0] + high[0] + 1) / 2

    def _text(self, x: float, y: float, text: str, colour: str, size: int, anchor: str) -> None:
        font = {"color": colour, "size": size}
        self._texts.append(
            {"x": x, "y": y, "text": text, "showarrow": False, "font": font, "yanchor": anchor, "xanchor": "center"}
        )

    def figure(self, legend: bool = True) -> go.Figure:
        """The sheet as a figure; its legend names the steps whose boxes it shows."""
        figure = go.Figure(self._images)
        for step, lines in sorted(self._lines.items()):
            style = step_style(step)
            xs, ys = np.concatenate(lines, 1)
            line = {"color": style["colour"], "dash": style["dash"], "width": 2.2}
            figure.add_scatter(x=xs, y=ys, mode="lines", line=line, name=f"{style['name']} step", hoverinfo="skip")
        right, bottom = self.corner(max(self._rows - 1, 0), self.columns - 1)
        width, height = right + 1, bottom + 1 + self.caption
        unit = min(self.tile_pixels, self.width_pixels / width)
        legend = legend and bool(self._lines)
        margin = {"l": 0, "r": 0, "t": 4, "b": 34 if legend else 4}
        fixed = {"visible": False, "fixedrange": True}
        figure.update_layout(
            annotations=self._texts, shapes=self._frames, margin=margin, dragmode=False, showlegend=legend,
            height=int(height * unit) + margin["t"] + margin["b"],
            xaxis=fixed | {"range": [-0.02, width + 0.02], "constrain": "domain"},
            yaxis=fixed | {"range": [height + 0.02, -0.02], "scaleanchor": "x", "constrain": "domain"},
            legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "top"},
            plot_bgcolor="rgba(0,0,0,0)", paper_bgcolor="rgba(0,0,0,0)",
        )
        return figure


def percent(probability: float) -> str:
    """A probability for a caption: never '100 %' for what is not certain."""
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    return f"{100 * probability:.1f} %"


def scene_sheet(
    images: np.ndarray, canvases: np.ndarray, boxes: np.ndarray, counts: np.ndarray, columns: int
) -> go.Figure:
    """Scenes over what AIR found in them: images, canvases (N, S, S), boxes (N, T, 4), counts (N,).

    Each scene takes two tiles, one above the other: the scene with its boxes, and below it the
    canvas that AIR painted back.
    """
    sheet = Sheet(columns, tile_pixels=160)
    for i, (image, canvas) in enumerate(zip(images, canvases)):
        row, column = divmod(i, columns)
        sheet.picture(2 * row, column, image)
        sheet.boxes(2 * row, column, boxes[i, : counts[i]], image.shape[-1])
        sheet.picture(2 * row + 1, column, canvas)
    return sheet.figure()


def gallery_sheet(
    images: np.ndarray, canvases: np.ndarray, boxes: np.ndarray, counts: np.ndarray,
    truth: np.ndarray | None, pairs: int = 4,
) -> go.Figure:
    """Scene and reconstruction side by side, `pairs` a row, each with its counts below."""
    columns = 2 * pairs
    sheet = Sheet(columns, caption=0.2, wide_gaps=range(2, columns, 2), tile_pixels=108)
    for i, (image, canvas) in enumerate(zip(images, canvases)):
        row, pair = divmod(i, pairs)
        sheet.picture(row, 2 * pair, image)
        sheet.boxes(row, 2 * pair, boxes[i, : counts[i]], image.shape[-1])
        sheet.picture(row, 2 * pair + 1, canvas)
        right = truth is None or truth[i] == counts[i]
        if truth is not None:
            sheet.text(row, 2 * pair, f"holds {truth[i]}")
        sheet.text(row, 2 * pair + 1, f"found {counts[i]}" + ("" if right else "  ✗"), MUTED if right else STEP_COLOURS[0])
    return sheet.figure()


def attention_sheet(
    images: np.ndarray, crops: np.ndarray, windows: np.ndarray, canvases: np.ndarray,
    boxes: np.ndarray, counts: np.ndarray, p_pres: np.ndarray,
) -> go.Figure:
    """Step by step, one scene a row: the scene with boxes; per step the crop it saw and the window
    it painted, with p(z_pres); the canvas. Steps after the last object are dimmed."""
    max_steps = crops.shape[1]
    columns = 2 * max_steps + 2
    sheet = Sheet(columns, caption=0.22, header=0.34, wide_gaps=range(1, columns, 2), tile_pixels=118)
    sheet.heading(0, "scene")
    sheet.heading(columns - 1, "painted back")
    for t in range(max_steps):
        style = step_style(t)
        sheet.heading(2 * t + 1.5, f"{style['name']} step: saw, painted", style["colour"])
    for row, image in enumerate(images):
        sheet.picture(row, 0, image)
        sheet.boxes(row, 0, boxes[row, : counts[row]], image.shape[-1])
        for t in range(max_steps):
            style, meant = step_style(t), t < counts[row]
            for column, picture in ((2 * t + 1, crops[row, t]), (2 * t + 2, windows[row, t])):
                sheet.picture(row, column, picture if meant else 0.25 * picture)
                if meant:
                    sheet.frame(row, column, style["colour"], style["dash"])
            if t <= counts[row]:
                sheet.text(row, 2 * t + 1.5, f"one more? {percent(p_pres[row, t])}", style["colour"] if meant else MUTED)
        sheet.picture(row, columns - 1, canvases[row])
    return sheet.figure(legend=False)


def picture_sheet(
    images: np.ndarray, columns: int, boxes: Sequence[np.ndarray] | None = None,
    captions: Sequence[str] | None = None, tile_pixels: int = 118,
) -> go.Figure:
    """Images (N, H, H) row by row, with the boxes (n, 4) and the caption of each if given."""
    sheet = Sheet(columns, caption=0.2 if captions else 0, tile_pixels=tile_pixels)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        sheet.picture(row, column, image)
        if boxes is not None:
            sheet.boxes(row, column, boxes[i], image.shape[-1])
        if captions:
            sheet.text(row, column, captions[i])
    return sheet.figure()


def traversal_sheet(strips: np.ndarray, values: np.ndarray, dimensions: Sequence[int]) -> go.Figure:
    """Strips (R, C, W, W): row r changes `dimensions[r]` of z_what through `values` (C,)."""
    n_rows, n_columns = strips.shape[:2]
    sheet = Sheet(n_columns + 1, gap=0.04, header=0.3, wide_gaps=[1], tile_pixels=84)
    for column, value in enumerate(values):
        sheet.heading(column + 1, f"{value:+.1f}" if abs(value) > 1e-9 else "0")
    for row in range(n_rows):
        sheet.label(row, 0, f"z_what[{dimensions[row]}]")
        for column in range(n_columns):
            sheet.picture(row, column + 1, strips[row, column])
    return sheet.figure()


def canvas_sheet(canvas: np.ndarray, boxes: np.ndarray) -> go.Figure:
    """One large canvas (S, S) with the boxes (n, 4) of its objects."""
    sheet = Sheet(1, header=0.06, tile_pixels=440)
    sheet.heading(0, "your canvas")
    sheet.picture(0, 0, canvas)
    sheet.boxes(0, 0, boxes, len(canvas))
    return sheet.figure()


def difference_sheet(canvas: np.ndarray, target: np.ndarray) -> go.Figure:
    """The target scene (S, S) over what a canvas (S, S) lacks of it or has too much."""
    sheet = Sheet(1, caption=0.14, tile_pixels=205)
    sheet.picture(0, 0, target)
    sheet.text(0, 0, "target scene")
    sheet.picture(1, 0, signed_colours(target - canvas))
    sheet.text(1, 0, "missing (orange), too much (blue)")
    return sheet.figure()


def count_bars(q_counts: np.ndarray, truth: int | None = None) -> go.Figure:
    """q(n | x) of one scene (T + 1,) as bars, the true count marked."""
    labels = [str(n) for n in range(len(q_counts))]
    colours = [MUTED, *(step_style(t)["colour"] for t in range(len(q_counts) - 1))]
    figure = go.Figure(go.Bar(x=labels, y=q_counts, marker_color=colours, hovertemplate="n = %{x}: %{y:.2%}<extra></extra>"))
    if truth is not None:
        figure.add_annotation(x=str(truth), y=1.08, text="truth", showarrow=False, font={"color": MUTED, "size": 12})
    figure.update_layout(
        height=200, margin={"l": 0, "r": 0, "t": 8, "b": 0}, xaxis_title="count n", xaxis_type="category",
        yaxis={"range": [0, 1.15], "tickformat": ".0%", "tickvals": [0, 0.5, 1], "title": "q(n | x)"},
    )
    return figure


def confusion_figure(confusion: np.ndarray) -> go.Figure:
    """Scenes by true count (rows) and counted (columns), coloured by share of the row."""
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    truth, counted = ([str(n) for n in range(k)] for k in confusion.shape)
    figure = go.Figure(
        go.Heatmap(
            z=share, x=counted, y=truth, text=confusion, showscale=False,
            colorscale=[[0, "rgba(124,92,255,0.04)"], [1, RUN_COLOURS[0]]], zmin=0, zmax=1, xgap=3, ygap=3,
            hovertemplate="holds %{y}, counted %{x}: %{text} scenes (%{z:.2%})<extra></extra>",
        )
    )
    for (row, column), n in np.ndenumerate(confusion):
        colour = "#ffffff" if share[row, column] > 0.5 else MUTED
        figure.add_annotation(x=counted[column], y=truth[row], text=f"{n:,}", showarrow=False, font={"color": colour})
    axis = {"type": "category", "fixedrange": True, "showgrid": False}
    figure.update_layout(
        height=260, margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis=axis | {"title": "counted"}, yaxis=axis | {"title": "holds", "autorange": "reversed"},
    )
    return figure


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its name, points (N,) and (N,), colour and dash."""

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    dash: str = "solid"


def smooth(values: np.ndarray, span: int) -> np.ndarray:
    """Trailing mean of `values` (N,) over up to `span` points; the first ones over fewer."""
    if span <= 1 or len(values) == 0:
        return values
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - span, 0)
    return (total[end] - total[start]) / (end - start)


def curves_figure(
    curves: Sequence[Curve], x_title: str, y_title: str, percent_axis: bool = False, floor: float | None = None
) -> go.Figure:
    """Lines over training; `floor` draws the score of a blank canvas as a dotted line."""
    figure = go.Figure()
    form = ".2%" if percent_axis else ",.1f"
    for curve in curves:
        figure.add_scatter(
            x=curve.x, y=curve.y, name=curve.name, mode="lines", line={"color": curve.colour, "dash": curve.dash, "width": 2},
            hovertemplate=f"%{{y:{form}}}",
        )
    if floor is not None:
        figure.add_hline(y=floor, line={"color": MUTED, "dash": "dot", "width": 1}, annotation_text="blank canvas", annotation_font_color=MUTED)
    figure.update_layout(
        height=340, margin={"l": 0, "r": 0, "t": 24, "b": 0}, hovermode="x unified",
        xaxis_title=x_title, yaxis_title=y_title, yaxis_tickformat=".0%" if percent_axis else None,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return figure
