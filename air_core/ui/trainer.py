"""Starting and steering trainings from the app."""

from __future__ import annotations

import time
from dataclasses import Field, fields
from typing import Any

import streamlit as st

from air_core.air import AIR
from air_core.config import Config, ConfigError, parse_setting
from air_core.control import launch, living_runs, state_of
from air_core.estimators import ESTIMATORS
from air_core.guide import GUIDES
from air_core.networks import EMBEDDINGS
from air_core.presets import PRESETS
from air_core.priors import PRIORS
from air_core.runs import Run, RunError, create_run, list_runs
from air_core.scenes import SCENES
from air_core.store import StoreError, send_request

CHOICES = {registry.setting: list(registry) for registry in (SCENES, PRIORS, GUIDES, EMBEDDINGS, ESTIMATORS)}
CHOICES["decay"] = ["cosine", "constant"]
START_SECONDS = 30
"""How long a trainer may take to begin before its log is shown instead."""


SECTION_TITLES = {"scene": "Scenes", "model": "Model and guide", "train": "Optimisation"}


def start_form() -> None:
    """The form that starts a training: preset, name, settings, the equal command line."""
    with st.expander("Start a training", icon=":material/play_arrow:"):
        alive = living_runs()
        if alive:
            name = alive[0].name
            st.info(
                f"Run {name} is being trained. One at a time: stop it first.", icon=":material/hourglass:"
            )
            st.button(
                f"Stop {name}",
                key="stop-other",
                icon=":material/stop:",
                on_click=_ask,
                args=(alive[0], "stop"),
            )
            return
        left, right = st.columns(2)
        preset = left.selectbox("Preset", list(PRESETS), key="new-preset", help="Settings to start from.")
        tip = "Of its folder in checkpoints/: a-z, 0-9, _ and -."
        name = right.text_input("Name", _free_name(), max_chars=64, key="new-name", help=tip)
        everything = st.toggle("All settings", key="new-all", help="Also those that are seldom changed.")
        changes = _settings(PRESETS[preset], preset, everything)
        flags = "".join(f" --set {key}={value}" for key, value in changes.items())
        st.caption("The same on the command line:")
        st.code(f"python -m air_core.train --preset {preset} --name {name}{flags}", language="bash")
        if st.button("Start", key="start", type="primary", icon=":material/play_arrow:"):
            _start(name, PRESETS[preset], changes)


def controls(run: Run) -> None:
    """The buttons that fit how a run stands."""
    state = state_of(run)
    buttons = {
        "running": (("Pause", "pause", ":material/pause:"), ("Stop", "stop", ":material/stop:")),
        "paused": (("Continue", "continue", ":material/play_arrow:"), ("Stop", "stop", ":material/stop:")),
    }
    if state in buttons:
        with st.container(horizontal=True):
            for label, action, icon in buttons[state]:
                st.button(label, key=f"do-{action}", icon=icon, on_click=_ask, args=(run, action))
    elif state in ("interrupted", "new"):
        others = living_runs()
        label = "Resume" if state == "interrupted" else "Start"
        tip = (
            f"Run {others[0].name} is being trained; stop it first."
            if others
            else "Go on from its last saved state."
        )
        if st.button(label, key="resume", icon=":material/play_arrow:", disabled=bool(others), help=tip):
            _launch(run)


def _free_name() -> str:
    taken = {run.name for run in list_runs()}
    return next(name for k in range(1, 10_000) if (name := f"my-run-{k}") not in taken)


def _settings(config: Config, preset: str, everything: bool) -> dict[str, str]:
    """Widgets for the settings; what differs from the preset, as text for `--set`."""
    changes = {}
    for title, section in config.sections():
        st.caption(SECTION_TITLES[title])
        shown = [item for item in fields(section) if everything or not item.metadata["advanced"]]
        for column, item in zip(_columns(len(shown)), shown):
            before = getattr(section, item.name)
            text = _widget(column, item, before, f"new-{preset}-{item.name}")
            if text != _as_text(before):
                changes[item.name] = text
    return changes


def _columns(n: int) -> list:
    return [column for _ in range(-(-n // 4)) for column in st.columns(4)]


def _as_text(value: Any) -> str:
    return (
        ",".join(f"{v:g}" for v in value)
        if isinstance(value, tuple)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _widget(column: Any, item: Field, value: Any, key: str) -> str:
    """One setting's control with its own words as tooltip; its value as text."""
    label, tip = item.name, item.metadata["doc"]
    if label in CHOICES:
        return column.selectbox(label, CHOICES[label], CHOICES[label].index(value), key=key, help=tip)
    if isinstance(value, int):
        low, high = item.metadata["low"], item.metadata["high"]
        return str(
            column.number_input(label, low, high, value, key=key, help=f"{tip} From {low:,} to {high:,}.")
        )
    return column.text_input(label, _as_text(value), key=key, help=tip).replace(" ", "")


def _start(name: str, preset: Config, changes: dict[str, str]) -> None:
    try:
        config = preset.with_settings(
            **dict(parse_setting(f"{key}={value}") for key, value in changes.items())
        )
        AIR(config)  # every name in the settings exists
        run = create_run(name, config)
    except (ConfigError, RunError) as error:
        st.error(str(error), icon=":material/block:")
        return
    st.session_state["chosen-run"] = run.name
    _launch(run)


def _launch(run: Run) -> None:
    launch(run)
    with st.spinner("Starting the trainer …"):
        for _ in range(START_SECONDS * 10):
            if run.is_trained_now() or state_of(run) == "finished":
                st.rerun()
            time.sleep(0.1)
    lines = (run.folder / "trainer.log").read_text(errors="replace").strip().splitlines()
    st.error(f"The trainer did not begin. {lines[-1] if lines else ''}", icon=":material/block:")


def _ask(run: Run, action: str) -> None:
    try:
        send_request(run.folder, action)
    except StoreError as error:
        st.toast(str(error), icon=":material/block:")
