"""Training: curves of any run, finished or running."""

import numpy as np
import streamlit as st

from air_core.control import state_of
from air_core.figures import (
    MUTED,
    RUN_COLOURS,
    STEP_DASHES,
    Curve,
    confusion_figure,
    curves_figure,
    smooth,
    step_style,
)
from air_core.records import LOOK, confusion_of, is_look, recall_counts
from air_core.store import Row, read_events
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, chart, page
from air_core.ui.trainer import controls, start_form

run = page(
    "Training",
    "How a run learned: its evidence lower bound splits into what it explains and what its latent "
    "variables cost, and counting appears on its own.",
    when_empty=start_form,
)
start_form()

left, middle, right = st.columns([2, 2, 3])
axis = left.segmented_control(
    "Horizontal axis",
    ["steps", "epochs", "seconds"],
    default="steps",
    required=True,
    key="axis",
    persist_state="session",
)
logarithmic = middle.toggle(
    "Logarithmic", key="logarithmic", persist_state="session", help="Early steps get more room."
)
span = right.slider(
    "Smoothing",
    1,
    50,
    5,
    key="smoothing",
    persist_state="session",
    help="Trailing mean over so many logged points.",
)


def series(
    rows: list[Row], name: str, colour: str, dash: str = "solid", title: str = "", span: int = 1
) -> Curve:
    """The curve of one logged value over the chosen axis."""
    config = run.config()
    points = [row for row in rows if name in row.record]
    x = np.array([row.seconds if axis == "seconds" else row.step for row in points], float)
    if axis == "epochs":
        x *= config.train.batch_size / config.scene.n_train
    return Curve(title or name, x, smooth(np.array([row.record[name] for row in points]), span), colour, dash)


def show(figure, key: str, alt: str) -> None:
    if logarithmic:
        figure.update_xaxes(type="log")
    chart(figure, key, alt)


def show_state(rows: list[Row]) -> None:
    """Where the training stands, and what to do if it does not go on."""
    state = state_of(run)
    last, speeds = rows[-1], [row.record["scenes_per_second"] for row in rows[-40:]]
    columns = st.columns(4)
    columns[0].metric("State", state)
    columns[1].metric(f"Step of {run.config().train.steps:,}", f"{last.step:,}")
    columns[2].metric("Time", f"{last.seconds / 60:.1f} min")
    columns[3].metric("Speed", f"{np.median(speeds):,.0f} scenes/s")
    if state == "interrupted":
        how = f"python -m air_core.train --resume {run.name}"
        st.warning(f"This training was cut. Resume it here, or with `{how}`", icon=":material/warning:")
    if state == "failed":
        reason = [text for _, _, kind, text in read_events(run.folder) if kind == "failed"][-1:]
        st.error(f"This training broke. {''.join(reason)}", icon=":material/block:")


def show_elbo(rows: list[Row], looks: list[Row]) -> None:
    """The ELBO of training and validation scenes over that of a blank canvas."""
    st.subheader("ELBO", help=GLOSSARY["ELBO"])
    lines = [series(rows, "elbo", RUN_COLOURS[0], title="training scenes", span=span)]
    if looks:
        lines.append(series(looks, LOOK + "elbo", RUN_COLOURS[1], "dash", "validation scenes"))
    floor = looks[-1].record[LOOK + "blank"] if looks else None
    show(curves_figure(lines, axis, "nats", floor=floor), "elbo", "ELBO over training")


def show_accuracy(looks: list[Row]) -> None:
    """Count accuracy, with one line per true count."""
    st.subheader("Count accuracy", help="Share of validation scenes whose count is right, by true count.")
    lines = [series(looks, LOOK + "count_accuracy", RUN_COLOURS[0], title="all")]
    for n in recall_counts(looks[-1].record) if looks else ():
        style = step_style(n - 1) if n else {"colour": MUTED, "dash": "dot"}
        lines.append(series(looks, f"{LOOK}recall_{n}", style["colour"], style["dash"], f"holding {n}"))
    figure = curves_figure(lines, axis, "share right", percent_axis=True)
    show(figure, "accuracy", "Count accuracy over training")


def show_latents(rows: list[Row]) -> None:
    """What each latent costs; from validation scenes where the estimator does not tell."""
    tip = "Kullback-Leibler divergence from the prior of each latent, in nats per scene."
    st.subheader("What the latents cost", help=tip)
    prefix = "" if "kl_what" in rows[-1].record else LOOK
    lines = [
        series(rows, f"{prefix}kl_{name}", RUN_COLOURS[k], STEP_DASHES[k], f"z_{name}", 1 if prefix else span)
        for k, name in enumerate(("what", "where", "pres"))
    ]
    show(curves_figure(lines, axis, "nats"), "kl", "KL divergences over training")


def show_confusion(looks: list[Row]) -> None:
    """True against found counts at the last look."""
    tip = "Validation scenes by how many digits they hold and how many were counted."
    st.subheader("Counts, at the last look", help=tip)
    if looks:
        chart(confusion_figure(confusion_of(looks[-1].record)), "confusion", "Confusion matrix of counts")


alive_before = run.is_trained_now()


@st.fragment(run_every=2 if alive_before else 10)
def curves() -> None:
    """Everything that changes while a run is trained."""
    alive = run.is_trained_now()
    if alive != alive_before:
        st.rerun()
    rows = cached.metrics(run)
    controls(run)
    if not rows:
        hint = "Nothing is logged yet. The first point appears within seconds of the start."
        st.info(hint, icon=":material/hourglass:")
        return
    show_state(rows)
    looks = [row for row in rows if is_look(row.record)]
    left, right = st.columns(2)
    with left:
        show_elbo(rows, looks)
        show_latents(rows)
    with right:
        show_accuracy(looks)
        show_confusion(looks)
    with st.expander("What happened"):
        for _, step, kind, text in read_events(run.folder):
            st.text(f"{kind}: {text}" if step < 0 else f"step {step:,} · {kind}: {text}")


curves()
