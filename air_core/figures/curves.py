"""Curves over training: smoothed, thinned to what a screen can show, as plain Plotly figures.

A chart that grows is drawn again about once a second, so its figure is a plain dict with packed
numbers rather than a `go.Figure`, whose checks cost more than all the rest.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from air_core.figures.sheet import MUTED

FEW = 8
BUCKETS = 400
"""Points kept along the width of a chart are at most twice as many: a minimum and a maximum each."""


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its name, points (N,) and (N,) with x rising, colour and dash.

    `span` is how many points its trailing mean takes; above 1 the raw line stays as a shadow.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: str
    dash: str = "solid"
    span: int = 1


def smooth(values: np.ndarray, span: int) -> np.ndarray:
    """Trailing mean of `values` (N,) over up to `span` points; the first ones over fewer."""
    if span <= 1 or len(values) == 0:
        return values
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - span, 0)
    return (total[end] - total[start]) / (end - start)


def decimate(
    x: np.ndarray,
    y: np.ndarray,
    log_x: bool = False,
    view: tuple[float, float] | None = None,
    buckets: int = BUCKETS,
) -> np.ndarray:
    """Indices, rising, of the points (N,) that a chart needs to look as if it had all.

    The x axis, as it is seen (`log_x`), is cut into equal buckets, and of each the points with the
    least and the largest y are kept, and the first and the last point of all. Within `view`, the
    part of the x axis that is zoomed into, there are as many buckets again.
    """
    if view is not None:
        inside = np.flatnonzero((x >= view[0]) & (x <= view[1]))
        fine = inside[decimate(x[inside], y[inside], log_x, None, buckets)] if len(inside) else inside
        return np.union1d(decimate(x, y, log_x, None, buckets), fine)
    if len(x) <= 2 * buckets:
        return np.arange(len(x))
    place = np.log10(np.maximum(x, 1e-9)) if log_x else x
    place = (place - place[0]) / max(place[-1] - place[0], 1e-12)
    bucket = np.minimum((place * buckets).astype(np.int64), buckets - 1)
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    kept = [np.array([0, len(x) - 1])]
    for reduce in (np.minimum, np.maximum):
        extreme = np.repeat(reduce.reduceat(y, starts), np.diff(starts, append=len(y)))
        hits = np.flatnonzero(y == extreme)
        kept.append(hits[np.flatnonzero(np.diff(bucket[hits], prepend=-1))])
    return np.unique(np.concatenate(kept))


def packed(values: np.ndarray) -> dict[str, str]:
    """Numbers as plotly.js reads them without parsing: base64 of float32."""
    return {"dtype": "f4", "bdata": base64.b64encode(values.astype("<f4").tobytes()).decode()}


def _trace(curve: Curve, log_x: bool, log_y: bool, view: tuple[float, float] | None, form: str) -> list[dict]:
    fit = np.isfinite(curve.y)
    if log_y:
        fit &= curve.y > 0
    if log_x:
        fit &= curve.x > 0
    x, raw = curve.x[fit], curve.y[fit]
    y = smooth(raw, curve.span)

    def line(values: np.ndarray, **more) -> dict:
        at = decimate(x, values, log_x, view)
        mode = "lines" if len(at) > FEW else "lines+markers"  # a line through one point is not seen
        return {"type": "scatter", "mode": mode, "x": packed(x[at]), "y": packed(values[at]), **more}

    style = {"color": curve.colour, "dash": curve.dash, "width": 2}
    lines = [line(y, uid=curve.name, name=curve.name, line=style, hovertemplate=f"%{{y:{form}}}")]
    if curve.span > 1:
        thin = {"color": curve.colour, "width": 1}
        shadow = {"opacity": 0.25, "hoverinfo": "skip", "showlegend": False, "legendgroup": curve.name}
        lines[0]["legendgroup"] = curve.name
        lines.insert(0, line(raw, uid=f"{curve.name} raw", line=thin, **shadow))
    return lines


def curves_figure(
    curves: Sequence[Curve],
    x_title: str,
    y_title: str,
    *,
    percent_axis: bool = False,
    log_x: bool = False,
    log_y: bool = False,
    floor: float | None = None,
    mark: float | None = None,
    view: tuple[float, float] | None = None,
    form: str = ",.1f",
) -> dict:
    """Lines over training, as a plain Plotly figure.

    `floor` is the score of a blank canvas, a dotted line; `mark` the moment that other pictures
    show, an upright one; `view` the part of the x axis that is zoomed into, which gets more points.
    `form` is how hovering shows a y, in d3's language. Points that an axis cannot show are left out.
    """
    form = ".2%" if percent_axis else form
    thin = {"color": MUTED, "width": 1}
    shapes = []
    if floor is not None:
        across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": floor, "y1": floor}
        label = {"text": "blank canvas", "textposition": "end", "font": {"color": MUTED, "size": 11}}
        shapes.append(across | {"line": thin | {"dash": "dot"}, "label": label})
    if mark is not None and (mark > 0 or not log_x):
        upright = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": mark, "x1": mark}
        shapes.append(upright | {"line": thin})
    layout = {
        "margin": {"l": 56, "r": 8, "t": 8, "b": 40},
        "hovermode": "x unified",
        "shapes": shapes,
        "showlegend": len(curves) > 1,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"title": {"text": x_title}, "type": "log" if log_x else "linear"},
        "yaxis": {"title": {"text": y_title}, "type": "log" if log_y else "linear"},
    }
    if percent_axis:
        layout["yaxis"]["tickformat"] = ".0%"
    if not any(len(curve.x) for curve in curves):
        place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "showarrow": False}
        layout["annotations"] = [place | {"text": "not logged yet", "font": {"color": MUTED}}]
        layout["xaxis"]["showticklabels"] = layout["yaxis"]["showticklabels"] = False
    data = [trace for curve in curves for trace in _trace(curve, log_x, log_y, view, form)]
    return {"data": data, "layout": layout}
