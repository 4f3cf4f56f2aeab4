"""Loading that is done once: runs, scenes and explanations, shared by all sessions.

What is cached here is shared between threads and must not be written to. Pyro's handler stack is
global to the process, so whatever runs a Pyro program does so in a `pyro_turn`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyro
import streamlit as st
import torch

from air_core.air import AIR
from air_core.config import ConfigError, SceneConfig
from air_core.control import living_runs
from air_core.explain import Answer, Explanation, explain, searched
from air_core.history import History
from air_core.model import Latents
from air_core.runs import Run, RunError
from air_core.scenes import Scenes, load_scenes
from air_core.spatial_transformer import check_z_where, pixel_boxes, place
from air_core.store import StoreError

_PYRO_LOCK = threading.RLock()
_ALL_THREADS = torch.get_num_threads()


@contextmanager
def pyro_turn() -> Iterator[None]:
    """This thread's turn to run Pyro programs.

    While a run is trained it gets one thread of the processor, or both would wait for each other.
    """
    with _PYRO_LOCK:
        torch.set_num_threads(1 if living_runs() else _ALL_THREADS)
        yield


pyro.enable_validation(False)


@st.cache_resource(show_spinner="Loading the network …", max_entries=16)
def _air(folder: str, step: int, modified: int) -> AIR:
    air = Run(Path(folder)).load(step)
    for parameter in air.parameters():
        parameter.requires_grad_(False)
    return air


def whole_step(run: Run, step: int | None = None) -> tuple[int, list[str]]:
    """The snapshot to show for `step` (the last by default): itself, or the last whole one before it.

    Also a message about each damaged one that was skipped. If none is whole, says so and stops the
    page.
    """
    damaged = []
    for k in reversed([k for k in run.steps() if step is None or k <= step]):
        try:
            _air(*snapshot_key(run, k))
            return k, damaged
        except (RunError, ConfigError, OSError) as error:
            damaged.append(str(error))
    _unusable(damaged[0] if damaged else f"run {run.name} has no snapshot")


def snapshot_key(run: Run, step: int) -> tuple[str, int, int]:
    """What tells a snapshot from all others, also from one that was written anew."""
    return str(run.folder), step, run.snapshot_path(step).stat().st_mtime_ns


def load_air(run: Run, step: int | None = None) -> AIR:
    """The AIR of a run at a snapshot (the last whole one by default); read only."""
    return _air(*snapshot_key(run, whole_step(run, step)[0]))


@st.cache_resource(show_spinner="Building scenes of digits that training never saw …", max_entries=6)
def _scenes(config: SceneConfig, split: str) -> Scenes:
    return load_scenes(config, split)


def held_out_scenes(config: SceneConfig, split: str = "test") -> Scenes:
    """The held-out scenes of a recipe, of the `test` or the `validation` split; read only.

    Says what is wrong and stops the page if they cannot be built.
    """
    try:
        return _scenes(config, split)
    except ConfigError as error:
        _unusable(error)


@st.cache_resource(show_spinner=False, max_entries=32)
def _history(folder: str) -> History:
    return History(Path(folder))


def history(run: Run) -> History:
    """What a run has logged until now; says what is wrong and stops the page if it cannot be read."""
    try:
        return _history(str(run.folder)).refresh()
    except StoreError as error:
        _unusable(error)


def _unusable(error: Exception | str) -> NoReturn:
    st.error(f"{error}. Choose another run in the sidebar.", icon=":material/block:")
    st.stop()


def pick_scenes(scenes: Scenes, n: int, seed: int) -> tuple[int, ...]:
    """Indices of n scenes, fuller ones more likely: a blank canvas is soon understood."""
    weight = scenes.counts + 0.2
    n = min(n, len(scenes))
    drawn = np.random.default_rng(seed).choice(len(scenes), n, replace=False, p=weight / weight.sum())
    return tuple(drawn.tolist())


@st.cache_resource(show_spinner="Explaining scenes …", max_entries=64)
def _explanation(
    folder: str,
    step: int,
    modified: int,
    indices: tuple[int, ...] | int,
    split: str,
    fit: str,
    recipe: SceneConfig | None,
) -> Explanation:
    scenes = _scenes(recipe or Run(Path(folder)).config().scene, split)
    images = scenes.images[:indices] if isinstance(indices, int) else scenes.images[list(indices)]
    return _explained(_air(folder, step, modified), images, fit)


def _explained(air: AIR, images: np.ndarray, fit: str) -> Explanation:
    with pyro_turn():
        found = explain(air, images, fit=fit)
    for item in fields(found):
        getattr(found, item.name).setflags(write=False)
    return found


@st.cache_resource(show_spinner="Explaining drawings …", max_entries=16)
def _explanation_of(folder: str, step: int, modified: int, images: np.ndarray, fit: str) -> Explanation:
    return _explained(_air(folder, step, modified), images, fit)


def explanation_of(run: Run, images: np.ndarray, step: int | None = None, fit: str = "none") -> Explanation:
    """What a run says about a person's own scenes (N, S, S); read only."""
    return _explanation_of(*snapshot_key(run, whole_step(run, step)[0]), images, fit)


def explanation(
    run: Run,
    indices: tuple[int, ...] | int,
    step: int | None = None,
    split: str = "test",
    fit: str = "none",
    recipe: SceneConfig | None = None,
) -> Explanation:
    """What a run says about held-out scenes: those at `indices`, or the first so many; read only.

    `fit` says which of them are explained anew; see `explain`. The scenes are of the run's own recipe
    unless another is given.
    """
    return _explanation(*snapshot_key(run, whole_step(run, step)[0]), indices, split, fit, recipe)


def search_maps(
    run: Run, images: np.ndarray, found: Explanation, step: int | None = None
) -> np.ndarray | None:
    """Where the guide searched for each object of scenes (N, S, S) explained once; see `searched`."""
    return searched(load_air(run, step), images, found)


@st.cache_resource(show_spinner="Counting …", max_entries=16)
def _answer(folder: str, step: int, modified: int, n: int, recipe: SceneConfig | None) -> Answer:
    scenes = _scenes(recipe or Run(Path(folder)).config().scene, "test")
    with pyro_turn():
        return explain(_air(folder, step, modified), scenes.images[:n], Answer)


def answer(run: Run, n: int, recipe: SceneConfig | None = None) -> Answer:
    """How many objects the run finds in the first n test scenes, and where; read only.

    The scenes are of the run's own recipe unless another is given.
    """
    return _answer(*snapshot_key(run, whole_step(run)[0]), n, recipe)


def _arrays(canvases: torch.Tensor, latents: Latents, side: int) -> tuple[np.ndarray, list[np.ndarray]]:
    boxes = pixel_boxes(latents.z_where, side).numpy()
    present = latents.z_pres.numpy().astype(bool)
    return canvases.numpy(), [b[p] for b, p in zip(boxes, present)]


@torch.no_grad()
def sample_prior(air: AIR, n: int, p_more: float, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Scenes of the fixed-step prior: canvases (n, S, S) and each one's boxes (k, 4)."""
    model = air.model
    with pyro_turn(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.set_p_more(p_more)
        try:
            return _arrays(*model.prior(n), model.canvas_side)
        finally:
            model.set_p_more(model.config.p_more)


@torch.no_grad()
def sample_geometric_prior(air: AIR, n: int, p_more: float, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Scenes of the unbounded prior: canvases (n, S, S) and each one's boxes (k, 4)."""
    with pyro_turn(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = [air.model.geometric_prior(p_more) for _ in range(n)]
    side = air.model.canvas_side
    return torch.stack([c for c, _ in drawn]).numpy(), [
        pixel_boxes(z.z_where, side).numpy() for _, z in drawn
    ]


@torch.no_grad()
def sample_objects(air: AIR, n: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Single objects of the prior: canvases (n, S, S) and each one's box (1, 4)."""
    with pyro_turn(), torch.random.fork_rng(devices=[]), pyro.plate("scenes", n):
        torch.manual_seed(seed)
        z_where, _, canvases = air.model.draw_object(1)
    boxes = pixel_boxes(z_where, air.model.canvas_side).numpy()
    return canvases.numpy(), list(boxes[:, None])


@torch.no_grad()
def paint(air: AIR, z_what: np.ndarray) -> np.ndarray:
    """The windows (..., W, W) that the decoder paints for z_what (..., D)."""
    return air.model.decoder(torch.tensor(z_what, dtype=torch.float32)).numpy()


@torch.no_grad()
def compose(air: AIR, z_what: np.ndarray, z_where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The canvas (S, S) of objects with z_what (n, D), z_where (n, 3), and their boxes (n, 4).

    Raises `ValueError` naming what is wrong with a z_where.
    """
    side = air.model.canvas_side
    where = torch.tensor(z_where, dtype=torch.float32)
    check_z_where(where)
    windows = air.model.decoder(torch.tensor(z_what, dtype=torch.float32))
    return place(windows, where, side).sum(0).numpy(), pixel_boxes(where, side).numpy()
