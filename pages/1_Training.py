"""Training: curves of any run, finished or running."""

import numpy as np
import streamlit as st

from air_core.figures import (
    MUTED,
    RUN_COLOURS,
    STEP_COLOURS,
    STEP_DASHES,
    Curve,
    confusion_figure,
    curves_figure,
    smooth,
)
from air_core.store import Row, read_events, read_metrics, read_status
from air_core.ui.frame import GLOSSARY, chart, page

run = page(
    "Training",
    "How a run learned: its evidence lower bound splits into what it explains and what its latent "
    "variables cost, and counting appears on its own.",
)

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


def curves() -> None:
    rows = read_metrics(run.folder)
    if not rows:
        st.info(
            "Nothing is logged yet. The first point appears within seconds of the start.",
            icon=":material/hourglass:",
        )
        return
    status = read_status(run.folder)
    alive = run.is_trained_now()
    state = (
        "running"
        if alive
        else "interrupted"
        if status.get("state") == "running"
        else status.get("state", "unknown")
    )
    last = rows[-1]
    looks = [row for row in rows if "validation/elbo" in row.record]

    columns = st.columns(4)
    columns[0].metric("State", state)
    columns[1].metric(f"Step of {run.config().train.steps:,}", f"{last.step:,}")
    columns[2].metric("Time", f"{last.seconds / 60:.1f} min")
    columns[3].metric(
        "Speed", f"{np.median([row.record['scenes_per_second'] for row in rows[-40:]]):,.0f} scenes/s"
    )
    if state == "interrupted":
        st.warning(
            f"This training was cut. Continue it with `python -m air_core.train --resume {run.name}`",
            icon=":material/warning:",
        )

    top_left, top_right = st.columns(2)
    floor = looks[-1].record["validation/blank"] if looks else None
    elbo = [series(rows, "elbo", RUN_COLOURS[0], title="training scenes", span=span)]
    if looks:
        elbo.append(series(rows, "validation/elbo", RUN_COLOURS[1], "dash", "held-out scenes"))
    with top_left:
        st.subheader("ELBO", help=GLOSSARY["ELBO"])
        show(curves_figure(elbo, axis, "nats", floor=floor), "elbo", "ELBO over training")
    with top_right:
        st.subheader(
            "Count accuracy", help="Share of held-out scenes whose number of digits is right, by true count."
        )
        counts = sorted(
            {name for row in looks for name in row.record if name.startswith("validation/recall_")}
        )
        lines = [series(rows, "validation/count_accuracy", RUN_COLOURS[0], title="all")]
        for name in counts:
            n = int(name.rsplit("_", 1)[1])
            colour, dash = (MUTED, "dot") if n == 0 else (STEP_COLOURS[(n - 1) % 6], STEP_DASHES[(n - 1) % 6])
            lines.append(series(rows, name, colour, dash, f"holding {n}"))
        show(
            curves_figure(lines, axis, "share right", percent_axis=True),
            "accuracy",
            "Count accuracy over training",
        )

    bottom_left, bottom_right = st.columns(2)
    with bottom_left:
        st.subheader(
            "What the latents cost",
            help="Kullback-Leibler divergence from the prior of each latent, in nats per scene.",
        )
        parts = [("kl_what", "z_what", 0), ("kl_where", "z_where", 1), ("kl_pres", "z_pres", 2)]
        lines = [
            series(rows, name, RUN_COLOURS[k], STEP_DASHES[k], title, span)
            for name, title, k in parts
            if name in rows[-1].record
        ]
        show(curves_figure(lines, axis, "nats"), "kl", "KL divergences over training")
    with bottom_right:
        st.subheader(
            "Counts, at the last look",
            help="Held-out scenes by how many digits they hold and how many were counted.",
        )
        if looks:
            record = looks[-1].record
            cells = {
                tuple(map(int, name.split("_")[1:])): v
                for name, v in record.items()
                if name.startswith("validation/confusion_")
            }
            table = np.zeros(np.max(list(cells), axis=0) + 1, int)
            for (truth, counted), n in cells.items():
                table[truth, counted] = n
            chart(confusion_figure(table), "confusion", "Confusion matrix of counts")
    with st.expander("What happened"):
        for _, step, kind, text in read_events(run.folder):
            st.text(f"{kind}: {text}" if step < 0 else f"step {step:,} · {kind}: {text}")


st.fragment(curves, run_every=2 if run.is_trained_now() else None)()
