"""The curves of a training on the page: which there are, what they say, and their mount."""

from __future__ import annotations

import streamlit as st

from air_core.figures import (
    Axes,
    accuracy_figure,
    elbo_figure,
    gradient_figure,
    latents_figure,
    speed_figure,
)
from air_core.history import History
from air_core.runs import Run
from air_core.ui import live
from air_core.ui.frame import GLOSSARY

CHARTS = (
    ("ELBO", elbo_figure, 300, GLOSSARY["ELBO"]),
    (
        "Count accuracy",
        accuracy_figure,
        280,
        "Share of validation scenes whose count is right, by true count.",
    ),
    (
        "What the latents cost",
        latents_figure,
        250,
        "Kullback-Leibler divergence of each latent from its prior, in nats per scene.",
    ),
    (
        "Gradient variance of z_pres",
        gradient_figure,
        210,
        "How much the gradient that teaches the guide to count varies from draw to draw, on 64 validation "
        "scenes: what estimators differ by. In nats² per scene, summed over the weights that z_pres is read "
        "from, logarithmic.",
    ),
    ("Speed", speed_figure, 190, "Scenes that the trainer works through in a second."),
)
"""Title, figure, height in pixels and explanation of every chart, in order."""


@st.cache_resource(show_spinner=False, max_entries=16)
def _text(folder: str, version: int, axes: Axes, views: tuple, _history: History) -> str:
    zoomed = dict(views)
    panels = [
        live.Panel(
            name=title,
            figure=figure(_history, axes, zoomed.get(title)),
            alt=f"{title} over the training",
            title=title,
            help=tip,
            height=height,
            revision=f"{axes.unit} {axes.log_x} {axes.above_blank}",
        )
        for title, figure, height, tip in CHARTS
    ]
    return live.panels_json(panels)


def show_curves(run: Run, history: History, axes: Axes) -> None:
    """Draw all charts, or update them; sessions that want the same share the work."""
    views = tuple(sorted(live.views_of("curves").items()))
    text = _text(str(run.folder), history.version, axes, views, history)
    live.show(text, "curves", stamp=str(history.last.step if history.last else ""))
