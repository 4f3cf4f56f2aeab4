"""Second looks at a scene: more proposals from the same guide, without more training.

A guide answers a little differently when the scene is moved by a few pixels, although the true
answer only moves along. So the scene is shown to it from several places, each answer is moved
back, and the model, which is the judge, keeps the best one of each count.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Tensor

from air_core.spatial_transformer import centred_at

REACH = 8
"""A scene is moved by up to so many pixels along each axis."""

INK = 0.1
"""Pixels brighter than this stay on the canvas when a scene is moved."""


def offsets(looks: int) -> list[tuple[int, int]]:
    """The first of a fixed series of places to look from, as (x, y) in pixels; (0, 0) comes first."""
    rng = np.random.default_rng(0)
    moved = [tuple(rng.integers(-REACH, REACH + 1, size=2).tolist()) for _ in range(looks - 1)]
    return [(0, 0), *moved]


def _room(ink: Tensor, wanted: int) -> Tensor:
    """`wanted` cut to what keeps the ink inside: ink (B, S) bool along one axis -> shifts (B,)."""
    place = torch.arange(ink.shape[1])
    first = torch.where(ink, place, len(place) - 1).amin(1)
    last = torch.where(ink, place, 0).amax(1)
    shift = torch.full_like(first, wanted)
    return torch.where(ink.any(1), shift.clamp(-first, len(place) - 1 - last), 0)


def move(images: Tensor, offset: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Scenes (B, S, S) moved right and down by an offset in whole pixels, and how far (B, 2) as x, y.

    A scene whose ink would leave the canvas moves less far.
    """
    ink = images > INK
    shift = torch.stack([_room(ink.any(1), offset[0]), _room(ink.any(2), offset[1])], 1)
    place = torch.arange(images.shape[-1])
    columns = (place - shift[:, :1]) % len(place)
    rows = (place - shift[:, 1:]) % len(place)
    moved = images.gather(1, rows[:, :, None].expand_as(images))
    return moved.gather(2, columns[:, None, :].expand_as(images)), shift


def moved_back(z_where: Tensor, shift: Tensor, canvas_side: int) -> Tensor:
    """z_where (..., 3) of an object on a scene that was moved by `shift` (..., 2), on the scene itself."""
    return centred_at(z_where, shift * (-2 / canvas_side))


def seen_from(guide: Callable, offset: tuple[int, int], max_steps: int) -> Callable:
    """A guide that looks at moved scenes and answers for the scenes themselves.

    Its z_where is that of `guide` moved back, exact where `guide` draws z_where at its mean.
    """

    def program(images: Tensor) -> None:
        moved, shift = move(images, offset)
        every_object = {f"z_pres_{t}": images.new_ones(len(images)) for t in range(1, max_steps + 1)}
        with poutine.block():
            nodes = poutine.trace(poutine.condition(guide, every_object)).get_trace(moved).nodes
        with pyro.plate("scenes", len(images)):
            for t in range(1, max_steps + 1):
                pyro.sample(f"z_pres_{t}", nodes[f"z_pres_{t}"]["fn"])
                where = nodes[f"z_where_{t}"]["fn"].base_dist.base_dist
                mean = moved_back(where.loc, shift, images.shape[-1])
                pyro.sample(f"z_where_{t}", dist.Normal(mean, where.scale).to_event(1).mask(True))
                pyro.sample(f"z_what_{t}", nodes[f"z_what_{t}"]["fn"])

    return program


def best_of(proposals: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Of several answers to the same scenes the one that explains each best.

    Each has `log_weight` (B, T + 1): log p(x, z, n) - log q(z) for every count. The count is that
    of the greatest weight; q(n) is proportional to each count's greatest weight, which makes the
    ELBO at these z the logarithm of their sum. Only two answers are held at a time.
    """
    best = functools.reduce(_better, proposals)
    weight = best["log_weight"]
    return best | {"counts": weight.argmax(1), "q_counts": weight.softmax(1), "elbo": weight.logsumexp(1)}


def _better(one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """Scene by scene the answer that holds the greatest weight, with each count's greater weight."""
    wins = other["log_weight"].amax(1) > one["log_weight"].amax(1)
    picked = {
        name: torch.where(wins.view(-1, *[1] * (value.ndim - 1)), other[name], value)
        for name, value in one.items()
    }
    return picked | {"log_weight": torch.maximum(one["log_weight"], other["log_weight"])}
