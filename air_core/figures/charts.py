"""Charts: counts and their confusion."""

from __future__ import annotations

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
        margin={"l": 46, "r": 0, "t": 8, "b": 40},
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
        margin={"l": 48, "r": 0, "t": 8, "b": 40},
        xaxis=axis | {"title": "counted"},
        yaxis=axis | {"title": "holds", "autorange": "reversed"},
    )
    return figure
