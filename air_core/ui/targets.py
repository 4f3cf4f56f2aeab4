"""Choosing a scene: held out, of training digits, kept from drawing, or a person's own picture."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st

from air_core.pictures import KINDS, PictureError, scene_of_picture
from air_core.runs import Run
from air_core.ui import cached

N_OFFERED = 1_000
KEPT = "kept-scenes"
"""Where a session keeps drawings: a list of scenes uint8 (S, S), the newest last."""

HELD_OUT, TRAINING, DRAWN, UPLOADED = "held out", "training digits", "kept drawings", "own picture"


class Target(NamedTuple):
    """A scene uint8 (S, S) and a name that tells it from others, also in a URL."""

    image: np.ndarray
    name: str


def kept(side: int) -> list[np.ndarray]:
    """The drawings that this session kept, of the given side."""
    return [image for image in st.session_state.get(KEPT, []) if image.shape == (side, side)]


def keep(image: np.ndarray) -> None:
    """Keep a drawing for this session."""
    st.session_state.setdefault(KEPT, []).append(image)


def pick_target(run: Run, first: int) -> Target:
    """Controls to choose a scene; the chosen one. The `first`-th held-out scene of most objects to begin with.

    Stops the page with a sentence while there is nothing to show.
    """
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        source = st.segmented_control(
            "Scene",
            [HELD_OUT, TRAINING, DRAWN, UPLOADED],
            default=HELD_OUT,
            required=True,
            key="target-source",
            bind="query-params",
            help="Digits that training never saw, digits it learned from, drawings kept on the Draw page, or a picture file.",
        )
    with right:
        if source == UPLOADED:
            return uploaded(run)
        if source == DRAWN:
            return drawn(run)
        return from_split(run, "test" if source == HELD_OUT else "train", first)


def from_split(run: Run, split: str, first: int) -> Target:
    """A scene of a split, by its number."""
    recipe = replace(run.config().scene, n_train=N_OFFERED, n_test=N_OFFERED)
    scenes = cached.held_out_scenes(run.config().scene if split == "test" else recipe, split)
    full = np.flatnonzero(scenes.counts == scenes.counts.max())
    start = int(full[min(first, len(full) - 1)]) + 1
    number = st.number_input(
        "Number", 1, min(N_OFFERED, len(scenes)), start, key=f"target-{split}", bind="query-params"
    )
    return Target(scenes.images[number - 1], f"{split}-{number}")


def drawn(run: Run) -> Target:
    """A kept drawing."""
    images = kept(run.config().scene.canvas_side)
    if not images:
        st.info("No drawing is kept yet: draw one on the Draw page and press *Keep*.", icon=":material/draw:")
        st.stop()
    number = st.number_input("Drawing", 1, len(images), len(images), key=f"target-drawn-{len(images)}")
    return named(images[number - 1], "drawing")


def uploaded(run: Run) -> Target:
    """A person's picture; it stays in this session."""
    image = upload(run, "target-upload")
    if image is None:
        st.stop()
    return named(image, "picture")


def upload(run: Run, key: str) -> np.ndarray | None:
    """A control for a picture file, and its scene; None, with a sentence if need be, while there is none."""
    file = st.file_uploader(
        "Picture",
        type=list(KINDS),
        key=key,
        help="It is centred, averaged to the scene's size, and stays in this session.",
    )
    if file is None:
        return None
    try:
        return scene_of_picture(file.getvalue(), run.config().scene.canvas_side)
    except PictureError as error:
        st.error(f"{error}. Choose another file.", icon=":material/broken_image:")
        return None


def named(image: np.ndarray, kind: str) -> Target:
    """A scene that has no number, named by its pixels."""
    return Target(image, f"{kind}-{hashlib.sha256(image.tobytes()).hexdigest()[:10]}")
