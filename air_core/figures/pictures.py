"""What AIR sees, finds, paints and dreams, as sheets of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from air_core.figures.sheet import MUTED, STEP_COLOURS, Sheet, glowing, signed_colours, step_style


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
    images: np.ndarray,
    canvases: np.ndarray,
    boxes: np.ndarray,
    counts: np.ndarray,
    truth: np.ndarray | None,
    pairs: int = 4,
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
        sheet.text(
            row,
            2 * pair + 1,
            f"found {counts[i]}" + ("" if right else "  ✗"),
            MUTED if right else STEP_COLOURS[0],
        )
    return sheet.figure()


def attention_sheet(
    images: np.ndarray,
    crops: np.ndarray,
    windows: np.ndarray,
    canvases: np.ndarray,
    boxes: np.ndarray,
    counts: np.ndarray,
    p_pres: np.ndarray,
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
                sheet.text(
                    row,
                    2 * t + 1.5,
                    f"one more? {percent(p_pres[row, t])}",
                    style["colour"] if meant else MUTED,
                )
        sheet.picture(row, columns - 1, canvases[row])
    return sheet.figure(legend=False)


def search_sheet(images: np.ndarray, salience: np.ndarray, counts: np.ndarray) -> go.Figure:
    """Where the guide searched: images (N, S, S), salience (N, T, n, n) as log weights, counts (N,).

    A column a scene, a row a step: the scene, dimmed, with the weight of each place relative to
    the greatest in the step's colour. Of each scene the steps up to the one that finds nothing.
    """
    sheet = Sheet(len(images), caption=0.2, tile_pixels=160)
    for column, (image, maps) in enumerate(zip(images, salience)):
        for step in range(min(counts[column] + 1, len(maps))):
            style = step_style(step)
            heat = np.exp(maps[step] - maps[step].max()).astype(np.float32)
            heat = np.asarray(Image.fromarray(heat).resize(image.shape, Image.Resampling.BICUBIC))
            sheet.picture(step, column, glowing(image, heat, style["colour"]))
            sheet.text(
                step,
                column,
                f"{style['name']} step" if step < counts[column] else "nothing left",
                style["colour"] if step < counts[column] else MUTED,
            )
    return sheet.figure(legend=False)


def picture_sheet(
    images: np.ndarray,
    columns: int,
    boxes: Sequence[np.ndarray] | None = None,
    captions: Sequence[str] | None = None,
    tile_pixels: int = 118,
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
    sheet = Sheet(1, header=0.08, tile_pixels=440)
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
