"""The frame that every page stands in: title, one sentence, the run picker, empty states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from plotly.graph_objects import Figure

from air_core.runs import Run, RunError, list_runs
from air_core.ui import cached, live

GLOSSARY = {
    "z_pres": "Whether there is one more object. The guide gives its probability at every step.",
    "z_where": "Where an object is: scale s, and x, y. The box covers 1/s of the canvas; a larger s is a smaller object.",
    "z_what": "What an object looks like: numbers (50 in the shipped run) that the decoder turns into a picture.",
    "ELBO": "Evidence lower bound, in nats: how well model and guide together explain a scene. Larger is better.",
    "q(n | x)": "The guide's probability for each number of objects n in the scene x.",
    "nats above blank": "ELBO minus the score of an empty canvas: what explaining the objects has gained.",
    "p_more": "Prior probability of one more object.",
}
"""The terms that tooltips explain, each in one place."""


ICON = Path(__file__).parent / "icon.png"

STYLE = """<style>
[data-testid="stMainBlockContainer"] {padding-top: 3rem; padding-bottom: 3rem;}
/* Streamlit names the first page after its file, app.py. */
[data-testid="stSidebarNavItems"] li:first-child a p {font-size: 0;}
[data-testid="stSidebarNavItems"] li:first-child a p::after {content: "Home"; font-size: 0.875rem;}
</style>"""


def page(title: str, sentence: str, when_empty: Callable[[], None] = lambda: None) -> Run:
    """Set up a page and return the run chosen in the sidebar.

    If there is no run, says so, calls `when_empty` and stops the page.
    """
    st.set_page_config(page_title=f"{title} · AIR Explorer", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    st.title(title)
    st.markdown(sentence)
    return _pick_run(when_empty)


def _pick_run(when_empty: Callable[[], None]) -> Run:
    all_runs = list_runs()
    with_hidden = any(run.hidden for run in all_runs) and st.sidebar.toggle(
        "Hidden runs too", key="hidden-too", persist_state="session"
    )
    runs = {run.name: run for run in all_runs if with_hidden or not run.hidden}
    if not runs:
        hint = (
            "There is no trained run yet. Train one: on the Training page, or with `python -m air_core.train`"
            if not all_runs
            else "All runs are hidden; the switch in the sidebar shows them."
        )
        st.info(hint, icon=":material/potted_plant:")
        when_empty()
        st.stop()

    # By hand rather than by `bind` and `persist_state`, which forget a value that came with the
    # URL at the first change of page. "chosen-run" belongs to no widget, so it outlives pages.
    def choose() -> None:
        st.session_state["chosen-run"] = st.session_state["run"]

    wanted = (st.session_state.get("chosen-run"), st.query_params.get("run"))
    name = next((name for name in wanted if name in runs), next(iter(runs)))
    st.session_state["chosen-run"] = st.session_state["run"] = st.query_params["run"] = name
    st.sidebar.selectbox(
        "Run",
        list(runs),
        key="run",
        on_change=choose,
        help="A training and its weights: a folder in checkpoints/. All pages show this run.",
    )
    run = runs[name]
    try:
        config = run.config()
    except RunError as error:
        st.error(str(error), icon=":material/block:")
        st.stop()
    steps = run.steps()
    if steps:
        st.sidebar.caption(
            f"{config.model.guide} guide · {config.train.estimator} · step {steps[-1]:,} of {config.train.steps:,}"
        )
    return run


def need_snapshot(run: Run) -> None:
    """Stop the page with a sentence if the run has no weights yet; name the last if it is damaged."""
    if not run.steps():
        st.info(
            f"Run {run.name} has no snapshot yet. Its curves are on the Training page.",
            icon=":material/hourglass:",
        )
        st.stop()
    say_damaged(run)


def say_damaged(run: Run, step: int | None = None) -> None:
    """Name the snapshots that are damaged and which one is shown instead."""
    used, damaged = cached.whole_step(run, step)
    for message in damaged:
        st.warning(f"{message}. The snapshot of step {used:,} is shown instead.", icon=":material/warning:")


def picture(figure: Figure, key: str, alt: str) -> None:
    """Show a sheet of pictures: no tool bar, no zoom, the full width."""
    live.show([live.Panel(key, figure, alt, fit=True)], key)


def chart(figure: Figure, key: str, alt: str) -> None:
    """Show a chart with Plotly's tool bar."""
    live.show([live.Panel(key, figure, alt, height=figure.layout.height)], key)


def reseed(label: str, key: str) -> int:
    """A button that draws something else each time; the seed, 0 before the first click."""
    state = f"seed-{key}"
    st.session_state.setdefault(state, 0)
    if st.button(label, key=key, icon=":material/casino:"):
        st.session_state[state] += 1
    return st.session_state[state]
