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


def accuracy_by_count(shares: dict[str, np.ndarray], learned: tuple[int, ...]) -> go.Figure:
    """Share of scenes counted right (N,) by how many digits they hold, 0 to N - 1, a group of bars a name.

    Counts that were not `learned` from are marked.
    """
    figure = go.Figure()
    for k, (name, share) in enumerate(shares.items()):
        figure.add_bar(
            x=[str(n) for n in range(len(share))],
            y=share,
            name=name,
            marker_color=RUN_COLOURS[k],
            hovertemplate=f"{name}, %{{x}} digits: %{{y:.1%}}<extra></extra>",
        )
        for n in range(len(share)):
            if n not in learned and k == 0:
                figure.add_annotation(
                    x=str(n), y=1.1, text="never seen", showarrow=False, font={"color": MUTED, "size": 12}
                )
    figure.update_layout(
        height=300,
        margin={"l": 56, "r": 0, "t": 8, "b": 40},
        xaxis={"title": "digits in the scene", "type": "category"},
        yaxis={"title": "counted right", "range": [0, 1.18], "tickformat": ".0%", "tickvals": [0, 0.5, 1]},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        bargap=0.35,
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
