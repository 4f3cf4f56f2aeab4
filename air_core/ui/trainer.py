"""Starting and steering trainings from the app."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from dataclasses import Field, fields
from typing import Any

import numpy as np
import streamlit as st

from air_core.air import AIR
from air_core.config import Config, ConfigError, TrainConfig, parse_setting, setting_text
from air_core.control import launch, living_runs, state_of
from air_core.estimators import ESTIMATORS
from air_core.guide import GUIDES
from air_core.history import History
from air_core.networks import ACTIVATIONS, EMBEDDINGS
from air_core.presets import PRESETS
from air_core.priors import PRIORS
from air_core.runs import Run, RunError, create_run, list_runs
from air_core.scenes import SCENES
from air_core.store import StoreError, read_events, send_request

CHOICES = {
    registry.setting: list(registry)
    for registry in (SCENES, PRIORS, GUIDES, EMBEDDINGS, ACTIVATIONS, ESTIMATORS)
}
"""What a registry holds; other choices are the field's own."""

START_SECONDS = 30
"""How long a trainer may take to begin before its log is shown instead."""


SECTION_TITLES = {"scene": "Scenes", "model": "Model and guide", "train": "Optimisation"}


def start_form() -> None:
    """The form that starts a training: what to start from, name, settings, the equal command line."""
    with st.expander("Start a training", icon=":material/play_arrow:", key="start-form", on_change="rerun"):
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
        origins = _origins()
        origin = left.selectbox(
            "Start from",
            list(origins),
            key="new-origin",
            format_func=lambda key: origins[key][0],
            help="A preset, or the settings of a run.",
        )
        config = origins[origin][1]
        tip = "Of its folder in checkpoints/: a-z, 0-9, _ and -."
        name = right.text_input("Name", _free_name(), max_chars=64, key="new-name", help=tip)
        everything = st.toggle("All settings", key="new-all", help="Also those that are seldom changed.")
        changes = _settings(config, origin, everything)
        st.caption("The same on the command line:")
        st.code(_command(config, name, changes), language="bash")
        if st.button("Start", key="start", type="primary", icon=":material/play_arrow:"):
            _start(name, config, changes)


def _origins() -> dict[str, tuple[str, Config]]:
    """What a training can start from: key to label and settings."""
    origins = {f"preset:{name}": (f"preset {name}", config) for name, config in PRESETS.items()}
    for run in list_runs(hidden=False):
        with suppress(RunError):
            origins[f"run:{run.name}"] = (f"settings of run {run.name}", run.config())
    return origins


def _command(config: Config, name: str, changes: dict[str, str]) -> str:
    """The command line of the form: the preset that is nearest to `config`, and what differs."""

    def differences(preset: Config) -> dict[str, str]:
        theirs = preset.values()
        return {k: setting_text(v) for k, v in config.values().items() if v != theirs[k]}

    preset = min(PRESETS, key=lambda key: len(differences(PRESETS[key])))
    flags = "".join(
        f" --set {shlex.quote(f'{key}={value}')}"
        for key, value in (differences(PRESETS[preset]) | changes).items()
    )
    return f"python -m air_core.train --preset {preset} --name {shlex.quote(name)}{flags}"


def controls(run: Run, state: str) -> None:
    """The buttons that fit how a run stands."""
    buttons = {
        "running": (("Pause", "pause", ":material/pause:"), ("Stop", "stop", ":material/stop:")),
        "paused": (("Continue", "continue", ":material/play_arrow:"), ("Stop", "stop", ":material/stop:")),
    }
    if state in buttons:
        with st.container(horizontal=True):
            for label, action, icon in buttons[state]:
                st.button(label, key=f"do-{action}", icon=icon, on_click=_ask, args=(run, action))
    elif state in ("interrupted", "failed", "new"):
        others = living_runs()
        label = "Start" if state == "new" else "Resume"
        tip = (
            f"Run {others[0].name} is being trained; stop it first."
            if others
            else "Go on from its last saved state."
        )
        if st.button(label, key="resume", icon=":material/play_arrow:", disabled=bool(others), help=tip):
            _launch(run)


def show_state(run: Run, config: TrainConfig, history: History, state: str) -> None:
    """Where the training stands, and what to do if it does not go on."""
    if state == "interrupted":
        how = f"python -m air_core.train --resume {run.name}"
        st.warning(
            f"This training ended before its last step. Resume it here, or with `{how}`",
            icon=":material/warning:",
        )
    if state == "failed":
        reason = [text for _, _, kind, text in read_events(run.folder) if kind == "failed"][-1:]
        st.error(f"This training broke. {''.join(reason)}", icon=":material/block:")
    if not history.last:
        return
    last, steps = history.last, config.steps
    speeds = history.series("scenes_per_second").values[-40:]
    speed = float(np.median(speeds)) if len(speeds) else 0.0
    rest = (steps - last.step) * config.batch_size / max(speed, 1e-9) / 60
    time_label = "Time" if last.step >= steps else f"Time ({rest:.0f} min to go)"
    with st.container(horizontal=True, gap="medium"):
        for label, value in (
            ("State", state),
            (f"Step of {steps:,}", f"{last.step:,}"),
            (time_label, f"{last.seconds / 60:.1f} min"),
            ("Scenes/s", f"{speed:,.0f}"),
        ):
            st.metric(label, value, width="content")


def _free_name() -> str:
    taken = {run.name for run in list_runs()}
    return next(name for k in range(1, 10_000) if (name := f"my-run-{k}") not in taken)


def _settings(config: Config, origin: str, everything: bool) -> dict[str, str]:
    """Widgets for the settings; what differs from `config`, as text for `--set`."""
    changes = {}
    for title, section in config.sections():
        st.caption(SECTION_TITLES[title])
        shown = [item for item in fields(section) if everything or not item.metadata["advanced"]]
        for column, item in zip(_columns(len(shown)), shown):
            before = getattr(section, item.name)
            text = _widget(column, item, before, f"new-{origin}-{item.name}")
            if text != setting_text(before):
                changes[item.name] = text
    return changes


def _columns(n: int) -> list:
    return [column for _ in range(-(-n // 4)) for column in st.columns(4)]


def _widget(column: Any, item: Field, value: Any, key: str) -> str:
    """One setting's control with its own words as tooltip; its value as text."""
    label, tip = item.name, f"{item.metadata['doc']}{_range(item)}"
    if choices := CHOICES.get(label) or list(item.metadata["choices"]):
        return column.selectbox(label, choices, choices.index(value), key=key, help=tip)
    if isinstance(value, int):
        low, high = item.metadata["low"], item.metadata["high"]
        return str(column.number_input(label, low, high, value, key=key, help=tip))
    text = column.text_input(label, setting_text(value), key=key, help=tip).strip()
    return text if isinstance(value, str) else text.replace(" ", "")


def _range(item: Field) -> str:
    low, high = (
        bound if bound is None else f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
        for bound in (item.metadata["low"], item.metadata["high"])
    )
    if low is None:
        return ""
    lower = f"{'Above' if item.metadata['open_low'] else 'From'} {low}"
    return f" {lower}." if high is None else f" {lower} to {high}."


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
