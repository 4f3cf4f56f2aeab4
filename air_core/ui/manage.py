"""Keeping house among runs: take over a run's settings, hide it, delete it."""

from __future__ import annotations

import streamlit as st

from air_core.runs import SHIPPED, Run, RunError, delete_run, hide_run


def manage(run: Run) -> None:
    """A menu for the run: copy its settings into the start form, hide or show it, delete it."""
    with st.sidebar.popover("This run", icon=":material/folder:"):
        st.caption(f"`{run.folder}`")
        st.button(
            "Start a copy with changed settings",
            key="copy-run",
            icon=":material/content_copy:",
            on_click=_copy,
            args=(run,),
        )
        if run.hidden:
            icon = ":material/visibility:"
            st.button("Show it again", key="unhide-run", icon=icon, on_click=hide_run, args=(run, False))
        else:
            tip = "Leave it out of the lists; 'Hidden runs too' in the sidebar shows it again."
            icon = ":material/visibility_off:"
            st.button("Hide it", key="hide-run", icon=icon, help=tip, on_click=_hide, args=(run,))
        shipped = run.name in SHIPPED
        tip = "The shipped run is part of the app; hide it instead." if shipped else None
        if st.button("Delete it …", key="delete-run", icon=":material/delete:", disabled=shipped, help=tip):
            _confirm(run)


def _copy(run: Run) -> None:
    st.session_state["new-origin"] = f"run:{run.name}"
    st.session_state["start-form"] = True


def _hide(run: Run) -> None:
    hide_run(run)
    st.session_state["chosen-run"] = None


@st.dialog("Delete this run?")
def _confirm(run: Run) -> None:
    steps = run.steps()
    size = sum(path.stat().st_size for path in run.folder.glob("*")) / 1e6
    st.markdown(
        f"**{run.name}**, {f'trained to step {steps[-1]:,}, ' if steps else ''}{size:,.0f} MB in "
        f"`{run.folder}`: its weights, curves and settings. This cannot be undone."
    )
    with st.container(horizontal=True):
        icon = ":material/delete:"
        yes = st.button(
            "Delete for good", key="delete-yes", type="primary", icon=icon, on_click=_delete, args=(run,)
        )
        no = st.button("Keep it", key="delete-no")
    if yes or no:
        st.rerun()


def _delete(run: Run) -> None:
    try:
        delete_run(run)
        st.session_state["chosen-run"] = None
    except (RunError, OSError) as error:
        st.toast(str(error), icon=":material/block:")
