"""Training: start it, watch it, steer it, rewind it."""

import streamlit as st

from air_core.config import Config
from air_core.control import living_runs, state_of
from air_core.figures import Axes
from air_core.health import diagnose, settled_after
from air_core.runs import Run
from air_core.store import read_events
from air_core.ui import cached, live
from air_core.ui.curves import axes_controls, of_run, show_curves
from air_core.ui.frame import page
from air_core.ui.manage import manage
from air_core.ui.moment import pictures
from air_core.ui.rewind import moment_of, pick_moment
from air_core.ui.trainer import controls, show_state, start_form

POLL_SECONDS = 0.7  # a new point is to be on screen within a second

run = page(
    "Training",
    "How a run learned: its evidence lower bound splits into what it explains and what its latent "
    "variables cost, and counting appears on its own.",
    when_empty=start_form,
)
start_form()
manage(run)


def on_disk(run: Run) -> tuple:
    """What the page is laid out by: which runs live, and what the shown one has."""
    return [other.name for other in living_runs()], run.steps(), run.folder.exists()


@st.fragment(run_every=POLL_SECONDS if run.is_trained_now() else 5)
def watch(run: Run, config: Config, axes: Axes, shown: tuple) -> None:
    """Everything that changes while a run is trained; the whole page anew if what it shows has changed."""
    if on_disk(run) != shown:
        st.rerun()
    alive, history = run.is_trained_now(), cached.history(run)
    state = state_of(run, alive)
    controls(run, state)
    show_state(run, config.train, history, state)
    for finding in diagnose(history.telling_rows(), settled_after(config.train)):
        st.warning(f"**{finding.title}.** {finding.evidence} {finding.remedy}", icon=":material/healing:")
    if history.last:
        show_curves(run, history, axes)
    else:
        hint = "Nothing is logged yet. The first point appears within seconds of the start."
        st.info(hint, icon=":material/hourglass:")


steps = run.steps()
mark = moment_of(run) if steps and moment_of(run) != steps[-1] else None
config = run.config()
axes = of_run(axes_controls(), config, mark)
left, right = st.columns([3, 2], gap="large")
with left:
    watch(run, config, axes, on_disk(run))
with right:
    if steps:
        live.show(pictures(run, pick_moment(run)), "moment-pictures")
    else:
        st.caption("Pictures appear with the first snapshot.")

with st.expander("What happened", icon=":material/history:"):
    for _, at, kind, text in read_events(run.folder):
        st.text(f"{kind}: {text}" if at < 0 else f"step {at:,} · {kind}: {text}")
