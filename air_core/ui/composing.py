"""What a person composed: kept for the session, written into the URL, checked by torch."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import streamlit as st

from air_core.composed import LogJoint, log_joint
from air_core.config import ModelConfig
from air_core.runs import Run
from air_core.spatial_transformer import MIN_SCALE
from air_core.ui import cached, studio
from air_core.ui.targets import Target

LONGEST = 50
"""States of a scene that can be undone after coming back to the page."""

PARAMETER = "objects"


def to_url(objects: list[dict]) -> str:
    """Objects as a short text: z_where in float32, z_what in float16."""
    parts = [
        np.asarray(o["zWhere"], "<f4").tobytes() + np.asarray(o["zWhat"], "<f2").tobytes() for o in objects
    ]
    return base64.urlsafe_b64encode(b"".join(parts)).decode().rstrip("=")


def from_url(text: str, config: ModelConfig) -> list[dict] | None:
    """The objects of `to_url`'s text, or None if it is not that of objects of such a model."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    size = 4 * 3 + 2 * config.z_what_size
    if len(content) % size or len(content) // size > config.max_steps:
        return None
    objects = []
    for start in range(0, len(content), size):
        where = np.frombuffer(content, "<f4", 3, start)
        what = np.frombuffer(content, "<f2", config.z_what_size, start + 12)
        if not (np.isfinite(where).all() and np.isfinite(what).all() and where[0] >= MIN_SCALE):
            return None
        objects.append({"zWhere": where.astype(float).tolist(), "zWhat": what.astype(float).tolist()})
    return objects


def compose(run: Run, target: Target) -> tuple[dict, LogJoint] | None:
    """The Compose view of a scene, and after a release what the browser and torch say of the objects.

    Goes on where the session, or else the URL, left this scene.
    """
    key, config = f"compose-{run.name}-{target.name}", run.config().model
    states = st.session_state.setdefault("composed", {})
    begun = states.get(key)
    if studio.state_key(key) not in st.session_state:  # what a view is told must not change while it is there
        *whose, shared = st.query_params.get(PARAMETER, "").split(".")
        first = from_url(shared, config) if whose == [run.name, target.name] and not begun else None
        if whose and whose != [run.name, target.name]:
            del st.query_params[PARAMETER]  # the objects of another scene
        begun = begun or ([first] if first is not None else [])
        st.session_state["composing-from"] = begun
    begun = st.session_state["composing-from"]
    said = studio.compose(run, target.image, key, begun[-1] if begun else None, begun[:-1])
    if not said:
        return None
    states[key] = with_state(states.get(key) or begun, said)
    st.query_params[PARAMETER] = f"{run.name}.{target.name}.{to_url(said['objects'])}"
    return said, torch_says(run, target, said["objects"])


def with_state(history: list[list[dict]], said: dict) -> list[list[dict]]:
    """The states of a scene, oldest first, after a release: one more, or one less if it was undone."""
    history, now = history or [said["before"] or []], said["objects"]
    return history[: history.index(now) + 1] if now in history else [*history, now][-LONGEST:]


def torch_says(run: Run, target: Target, objects: list[dict]) -> LogJoint:
    """The densities of the objects by Python's own model."""
    with cached.pyro_turn():
        return log_joint(
            cached.load_air(run),
            target.image,
            np.array([o["zWhere"] for o in objects]).reshape(-1, 3),
            np.array([o["zWhat"] for o in objects]).reshape(-1, run.config().model.z_what_size),
        )
