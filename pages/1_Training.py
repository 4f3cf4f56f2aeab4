"""Training: start it, watch it, steer it, rewind it."""

import streamlit as st

from air_core.config import Config
from air_core.control import state_of
from air_core.figures import Axes, confusion_figure, picture_sheet, scene_sheet
from air_core.health import diagnose
from air_core.records import confusion_of
from air_core.runs import Run
from air_core.store import read_events
from air_core.ui import cached, live
from air_core.ui.curves import axes_controls, of_run, show_curves
from air_core.ui.frame import page
from air_core.ui.manage import manage
from air_core.ui.rewind import moment_of, pick_moment
from air_core.ui.trainer import controls, show_state, start_form

POLL_SECONDS = 0.6  # a new point is to be on screen within a second
N_SCENES, N_DREAMS, P_MORE = 12, 6, 0.5

run = page(
    "Training",
    "How a run learned: its evidence lower bound splits into what it explains and what its latent "
    "variables cost, and counting appears on its own.",
    when_empty=start_form,
)
start_form()
manage(run)


@st.fragment(run_every=POLL_SECONDS if run.is_trained_now() else 5)
def watch(run: Run, config: Config, axes: Axes, alive_before: bool, steps_before: list[int]) -> None:
    """Everything that changes while a run is trained; the whole page anew when a snapshot came."""
    alive, history = run.is_trained_now(), cached.history(run)
    if alive != alive_before or run.steps() != steps_before:
        st.rerun()
    state = state_of(run, alive)
    controls(run, state)
    show_state(run, config.train, history, state)
    for finding in diagnose(history.telling_rows()):
        st.warning(f"**{finding.title}.** {finding.evidence} {finding.remedy}", icon=":material/healing:")
    if history.last:
        show_curves(run, history, axes)
    else:
        hint = "Nothing is logged yet. The first point appears within seconds of the start."
        st.info(hint, icon=":material/hourglass:")


def pictures(run: Run, step: int) -> list[live.Panel]:
    """The same validation scenes, counts and dreams, as the network of a snapshot has them."""
    scenes = cached.held_out_scenes(run.config().scene, "validation")
    shown = cached.pick_scenes(scenes, N_SCENES, seed=0)
    found = cached.explanation(run, shown, step, "validation")
    sheet = scene_sheet(scenes.images[list(shown)], found.canvases, found.boxes, found.counts, columns=4)
    panels = [
        live.Panel(
            "scenes",
            sheet,
            "Twelve validation scenes with the guide's boxes, each above what was painted back",
            title="Twelve scenes, always the same",
            help="Validation scenes with the guide's boxes, each above what AIR paints back.",
            fit=True,
        )
    ]
    look = next((row for row in reversed(cached.history(run).looks) if row.step <= step), None)
    if look:
        panels.append(
            live.Panel(
                "confusion",
                confusion_figure(confusion_of(look.record)),
                "Confusion matrix of counts",
                title="Counts",
                help=f"All validation scenes by how many digits they hold and how many were counted, at step {look.step:,}.",
                height=230,
            )
        )
    air = cached.load_air(run, step)
    canvases, boxes = cached.sample_prior(air, N_DREAMS * 2, P_MORE, seed=0)
    panels.append(
        live.Panel(
            "dreams",
            picture_sheet(canvases, N_DREAMS, boxes),
            "Scenes drawn from the prior",
            title="What it dreams",
            help=f"Scenes drawn from the prior with p_more = {P_MORE}, always with the same noise.",
            fit=True,
        )
    )
    return panels


steps = run.steps()
mark = moment_of(run) if steps and moment_of(run) != steps[-1] else None
config = run.config()
axes = of_run(axes_controls(), config, mark)
left, right = st.columns([3, 2], gap="large")
with left:
    watch(run, config, axes, run.is_trained_now(), steps)
with right:
    if steps:
        live.show(pictures(run, pick_moment(run)), "moment-pictures")
    else:
        st.caption("Pictures appear with the first snapshot.")

with st.expander("What happened", icon=":material/history:"):
    for _, at, kind, text in read_events(run.folder):
        st.text(f"{kind}: {text}" if at < 0 else f"step {at:,} · {kind}: {text}")
