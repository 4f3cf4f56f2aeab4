"""The curves of a training on the page: which there are, what they say, and their mount."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from air_core.config import Config
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


def axes_controls(likelihoods: bool = True) -> Axes:
    """Controls of how curves are drawn, kept across pages; `likelihoods` can be shown above blank."""
    keep = {"persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        units = ["steps", "epochs", "seconds"]
        unit = st.segmented_control(
            "Horizontal axis", units, default="steps", required=True, key="axis", **keep
        )
        tip = "Trailing mean over so many logged points, of values that are logged every few steps."
        span = st.slider("Smoothing", 1, 50, 5, key="smoothing", help=tip, width=220, **keep)
        log_x = st.toggle("Logarithmic", key="logarithmic", help="Early steps get more room.", **keep)
        above = likelihoods and st.toggle(
            "Nats above blank", key="above-blank", help=GLOSSARY["nats above blank"], **keep
        )
    return Axes(unit, log_x, span, above)


def of_run(axes: Axes, config: Config, mark: int | None = None) -> Axes:
    """The axes for the curves of a run with these settings; `mark` is the step of its pictures."""
    return replace(axes, steps_per_epoch=config.scene.n_train / config.train.batch_size, mark=mark)


@st.cache_resource(show_spinner=False, max_entries=16)
def _texts(folder: str, version: int, axes: Axes, views: tuple, _history: History) -> list[str]:
    zoomed = dict(views)
    return [
        live.Panel(
            name=title,
            figure=figure(_history, axes, zoomed.get(title)),
            alt=f"{title} over the training",
            title=title,
            help=tip,
            height=height,
            revision=f"{axes.unit} {axes.log_x} {axes.above_blank}",
        ).as_json()
        for title, figure, height, tip in CHARTS
    ]


def show_curves(run: Run, history: History, axes: Axes) -> None:
    """Draw all charts, or update them; sessions that want the same share the work."""
    views = tuple(sorted(live.views_of("curves").items()))
    texts = _texts(str(run.folder), history.version, axes, views, history)
    live.show(texts, "curves", stamp=str(history.last.step if history.last else ""))
