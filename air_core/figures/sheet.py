"""Step colours, and sheets: square pictures with boxes and captions on one pair of axes."""

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
"""Colour, line style and name of step 1, 2, 3, ...; colour and line repeat after the sixth."""

MUTED = "#8a8f98"
"""A grey that can be read on white and on black."""


def step_style(step: int) -> dict[str, str]:
    """Colour, its name in Markdown, dash and name of step 0, 1, ... (0 is the first)."""
    k = step % len(STEP_COLOURS)
    return {
        "colour": STEP_COLOURS[k],
        "colour_name": STEP_COLOUR_NAMES[k],
        "dash": STEP_DASHES[k],
        "name": STEP_NAMES[step] if step < len(STEP_NAMES) else f"{step + 1}th",
    }


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


def glowing(image: np.ndarray, heat: np.ndarray, colour: str) -> np.ndarray:
    """A dimmed grey picture (H, W), uint8 or in [0, 1], with `heat` (H, W) in [0, 1] as a glow: (H, W, 3)."""
    grey = image / 255 if image.dtype == np.uint8 else image
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    heat = np.clip(heat, 0, 1)[..., None]
    return np.clip(0.6 * grey[..., None] * (1 - 0.5 * heat) + 0.85 * heat * rgb, 0, 1)


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
            go.Image(
                source=png_uri(image),
                x0=x + pixel / 2,
                y0=y + pixel / 2,
                dx=pixel,
                dy=pixel,
                hoverinfo="skip",
            )
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
            {
                "type": "rect",
                "x0": x,
                "y0": y,
                "x1": x + 1,
                "y1": y + 1,
                "line": {"color": colour, "width": 2, "dash": dash},
            }
        )

    def text(self, row: int, column: float, text: str, colour: str = MUTED, size: int = 12) -> None:
        """Write below a tile (needs `caption`); `column` may lie between two."""
        self._text(self._centre(column), self.corner(row, 0)[1] + 1.02, text, colour, size, "top")

    def heading(self, column: float, text: str, colour: str = MUTED, size: int = 13) -> None:
        """Write above the first row (needs `header`); `column` may lie between two."""
        self._text(self._centre(column), 0.8 * self.header, text, colour, size, "bottom")

    def label(self, row: int, column: int, text: str) -> None:
        """Write in place of a tile."""
        self._text(self._centre(column), self.corner(row, column)[1] + 0.5, text, MUTED, 13, "middle")

    def _centre(self, column: float) -> float:
        low, high = self.corner(0, int(np.floor(column))), self.corner(0, int(np.ceil(column)))
        return (low[0] + high[0] + 1) / 2

    def _text(self, x: float, y: float, text: str, colour: str, size: int, anchor: str) -> None:
        font = {"color": colour, "size": size}
        self._texts.append(
            {
                "x": x,
                "y": y,
                "text": text,
                "showarrow": False,
                "font": font,
                "yanchor": anchor,
                "xanchor": "center",
            }
        )

    def figure(self, legend: bool = True) -> go.Figure:
        """The sheet as a figure; its legend names the steps whose boxes it shows."""
        figure = go.Figure(self._images)
        for step, lines in sorted(self._lines.items()):
            style = step_style(step)
            xs, ys = np.concatenate(lines, 1)
            line = {"color": style["colour"], "dash": style["dash"], "width": 2.2}
            figure.add_scatter(
                x=xs, y=ys, mode="lines", line=line, name=f"{style['name']} step", hoverinfo="skip"
            )
        right, bottom = self.corner(max(self._rows - 1, 0), self.columns - 1)
        width, height = right + 1, bottom + 1 + self.caption
        unit = min(self.tile_pixels, self.width_pixels / width)
        legend = legend and bool(self._lines)
        margin = {"l": 0, "r": 0, "t": 4, "b": 34 if legend else 4}
        fixed = {"visible": False, "fixedrange": True}
        figure.update_layout(
            annotations=self._texts,
            shapes=self._frames,
            margin=margin,
            dragmode=False,
            showlegend=legend,
            height=int(height * unit) + margin["t"] + margin["b"],
            xaxis=fixed | {"range": [-0.02, width + 0.02], "constrain": "domain"},
            yaxis=fixed | {"range": [height + 0.02, -0.02], "scaleanchor": "x", "constrain": "domain"},
            legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "top"},
            plot_bgcolor="rgba(0,0,0,0)",
            paper_bgcolor="rgba(0,0,0,0)",
        )
        return figure
