"""Charts: counts, confusion, curves over training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from air_core.figures.sheet import MUTED, step_style

RUN_COLOURS = ("#7c5cff", "#ff8a3d", "#12b5a6", "#e5486b", "#8a8f98", "#c2a500")


def count_bars(q_counts: np.ndarray, truth: int | None = None) -> go.Figure:
    """q(n | x) of one scene (T + 1,) as bars, the true count marked."""
    labels = [str(n) for n in range(len(q_counts))]
    colours = [MUTED, *(step_style(t)["colour"] for t in range(len(q_counts) - 1))]
    figure = go.Figure(
        go.Bar(x=labels, y=q_counts, marker_color=colours, hovertemplate="n = %{x}: %{y:.2%}<extra></extra>")
    )
    if truth is not None:
        figure.add_annotation(
            x=str(truth), y=1.08, text="truth", showarrow=False, font={"color": MUTED, "size": 12}
        )
    figure.update_layout(
        height=200,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title="count n",
        xaxis_type="category",
        yaxis={"range": [0, 1.15], "tickformat": ".0%", "tickvals": [0, 0.5, 1], "title": "q(n | x)"},
    )
    return figure


def confusion_figure(confusion: np.ndarray) -> go.Figure:
    """Scenes by true count (rows) and counted (columns), coloured by share of the row."""
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    truth, counted = ([str(n) for n in range(k)] for k in confusion.shape)
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=counted,
            y=truth,
            text=confusion,
            showscale=False,
            colorscale=[[0, "rgba(124,92,255,0.04)"], [1, RUN_COLOURS[0]]],
            zmin=0,
            zmax=1,
            xgap=3,
            ygap=3,
            hovertemplate="holds %{y}, counted %{x}: %{text} scenes (%{z:.2%})<extra></extra>",
        )
    )
    for (row, column), n in np.ndenumerate(confusion):
        colour = "#ffffff" if share[row, column] > 0.5 else MUTED
        figure.add_annotation(
            x=counted[column], y=truth[row], text=f"{n:,}", showarrow=False, font={"color": colour}
        )
    axis = {"type": "category", "fixedrange": True, "showgrid": False}
    figure.update_layout(
        height=260,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis=axis | {"title": "counted"},
        yaxis=axis | {"title": "holds", "autorange": "reversed"},
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
    curves: Sequence[Curve],
    x_title: str,
    y_title: str,
    percent_axis: bool = False,
    floor: float | None = None,
) -> go.Figure:
    """Lines over training; `floor` draws the score of a blank canvas as a dotted line."""
    figure = go.Figure()
    form = ".2%" if percent_axis else ",.1f"
    for curve in curves:
        figure.add_scatter(
            x=curve.x,
            y=curve.y,
            name=curve.name,
            mode="lines",
            line={"color": curve.colour, "dash": curve.dash, "width": 2},
            hovertemplate=f"%{{y:{form}}}",
        )
    if floor is not None:
        figure.add_hline(
            y=floor,
            line={"color": MUTED, "dash": "dot", "width": 1},
            annotation_text="blank canvas",
            annotation_font_color=MUTED,
        )
    figure.update_layout(
        height=340,
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        hovermode="x unified",
        xaxis_title=x_title,
        yaxis_title=y_title,
        yaxis_tickformat=".0%" if percent_axis else None,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    return figure
