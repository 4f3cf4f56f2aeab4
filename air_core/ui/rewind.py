"""Looking back: one slider over the snapshots of a run, with buttons to step and to play."""

from __future__ import annotations

import time

import streamlit as st

from air_core.runs import Run
from air_core.ui.frame import say_damaged

PLAY_SECONDS = 0.9


def moment_of(run: Run) -> int:
    """The snapshot that was chosen for this run on any page; the last, if none was."""
    steps = run.steps()
    chosen = st.session_state.get(f"moment-{run.name}")
    return chosen if chosen in steps else steps[-1]


def _choose(run: Run, step: int) -> None:
    """Remember a snapshot; the last one as "whatever is last", so that a living run is followed."""
    st.session_state[f"moment-{run.name}"] = None if step == run.steps()[-1] else step


def _move(run: Run, by: int) -> None:
    steps = run.steps()
    place = steps.index(moment_of(run)) + by
    _choose(run, steps[min(max(place, 0), len(steps) - 1)])
    st.session_state["playing"] = None


def _toggle_play(run: Run) -> None:
    if st.session_state.get("playing") == run.name:
        st.session_state["playing"] = None
        return
    st.session_state.update({"playing": run.name, "moved-at": time.monotonic()})
    if moment_of(run) == run.steps()[-1]:
        _choose(run, run.steps()[0])


def _slid(run: Run) -> None:
    _choose(run, st.session_state[f"slider-{run.name}"])
    st.session_state["playing"] = None


def _tick(run: Run) -> None:
    """Go one snapshot on, once each time that it is called by the clock."""
    if time.monotonic() - st.session_state["moved-at"] < 0.8 * PLAY_SECONDS:
        return  # called by the page
    if not run.steps():
        st.rerun()  # the run was deleted elsewhere
    _move(run, 1)
    at_end = moment_of(run) == run.steps()[-1]
    st.session_state.update({"playing": None if at_end else run.name, "moved-at": time.monotonic()})
    st.rerun()


def pick_moment(run: Run) -> int:
    """The step of the snapshot to look through; a slider and buttons, if there is more than one."""
    steps, now = run.steps(), moment_of(run)
    if len(steps) > 1:
        playing = st.session_state.get("playing") == run.name
        if playing:
            st.fragment(_tick, run_every=PLAY_SECONDS)(run)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _slider(run)
            for key, icon, tip, action, arguments, off in (
                ("back", "skip_previous", "One snapshot back", _move, (run, -1), now == steps[0]),
                ("play", *_PLAY[playing], _toggle_play, (run,), False),
                ("forward", "skip_next", "One snapshot on", _move, (run, 1), now == steps[-1]),
            ):
                label = f":material/{icon}:"
                st.button(label, key=f"moment-{key}", help=tip, on_click=action, args=arguments, disabled=off)
    say_damaged(run, now)
    return now


_PLAY = {True: ("pause", "Stop playing"), False: ("play_arrow", "Play the training from here")}


def _slider(run: Run) -> None:
    st.session_state[f"slider-{run.name}"] = moment_of(run)
    st.select_slider(
        "Moment of the training",
        run.steps(),
        key=f"slider-{run.name}",
        format_func=lambda step: f"step {step:,}",
        on_change=_slid,
        args=(run,),
        help="Look through the network as it was then. Training and Attention show the same moment.",
    )
