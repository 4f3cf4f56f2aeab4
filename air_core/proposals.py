"""What a guide proposes for scenes, and second looks: more proposals without more training.

A guide answers a little differently when the scene is moved by a few pixels, although the true
answer only moves along. So the scene is shown to it from several places and each answer is moved
back. On the count the looks vote; of their places and appearances the model keeps the best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from torch import Tensor

from air_core.air import AIR
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.spatial_transformer import centred_at, crop, pixel_boxes, place

REACH = 8
"""A scene is moved by up to so many pixels along each axis."""

INK = 0.1
"""Pixels brighter than this stay on the canvas when a scene is moved."""


class AtMeans(Messenger):
    """Draws every continuous latent of a guide at its mean instead of at random."""

    def _pyro_sample(self, msg: dict) -> None:
        if msg["value"] is None and getattr(msg["fn"], "has_rsample", False):
            msg["value"] = msg["fn"].mean
            msg["done"] = True


def at_means(guide: Callable) -> Callable:
    """`guide` with z_where and z_what at their means."""

    def program(*args, **kwargs):
        with AtMeans():
            return guide(*args, **kwargs)

    return program


def _stack(trace: poutine.Trace, latent: str, max_steps: int, read: Callable) -> Tensor:
    return torch.stack([read(trace.nodes[f"{latent}_{t}"]) for t in range(1, max_steps + 1)], 1)


def propose(air: AIR, images: Tensor, guide: Callable, pictures: bool) -> dict[str, Tensor]:
    """One answer of `guide` to images (B, S, S): z, the densities of every count, and `pictures` if wanted.

    The names are those of `explain.Explanation`, and `log_weight` (B, T + 1): log p(x, z, n) - log q(z).
    """
    config, side = air.config.model, images.shape[-1]
    terms, q, _ = count_terms(air.model, guide, images)

    def read(latent: str, what: Callable) -> Tensor:
        return _stack(q, latent, config.max_steps, what)

    z_where = read("z_where", lambda site: site["value"])  # (B, T, 3)
    z_what = read("z_what", lambda site: site["value"])  # (B, T, D)
    q_counts = terms.log_q_count.exp().T  # (B, T + 1)
    answer = {
        "counts": q_counts.argmax(1),
        "q_counts": q_counts,
        "p_pres": read("z_pres", lambda site: site["fn"].probs),
        "z_where": z_where,
        "z_where_sd": read("z_where", lambda site: site["fn"].base_dist.base_dist.scale),
        "boxes": pixel_boxes(z_where, side),
        "z_what": z_what,
        "log_likelihood": terms.log_likelihood.T,
        "log_weight": terms.log_weight.T,
        "elbo": elbo_parts(terms).elbo,
    }
    if not pictures:
        return answer
    windows = air.model.decoder(z_what)  # (B, T, W, W)
    return answer | {
        "crops": crop(images[:, None], z_where, config.window_side),
        "windows": windows,
        "objects": place(windows, z_where, side),  # (B, T, S, S)
    }


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


def best_of(proposals: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One answer from several to the same scenes: the guide votes on the count, the model picks the rest.

    Each has `q_counts` (B, T + 1) and `log_weight` (B, T + 1): log p(x, z, n) - log q(z) for every
    count. q(n) is the mean over the looks, and its most probable count is the answer; of all looks
    the one stays that explains the scene best with this count. (Letting the weights choose the count as
    well would favour more objects: each look is another chance that one more explains a little better.)
    The ELBO is that of each count's best weight.
    """
    weight = torch.stack([found["log_weight"] for found in proposals])  # (K, B, T + 1)
    q_counts = torch.stack([found["q_counts"] for found in proposals]).mean(0)
    counts = q_counts.argmax(1)
    scenes = torch.arange(len(counts))
    chosen = weight[:, scenes, counts].argmax(0)  # (B,)
    picked = {
        name: torch.stack([found[name] for found in proposals])[chosen, scenes] for name in proposals[0]
    }
    terms = q_counts * (weight.amax(0) - q_counts.clamp(min=1e-30).log())
    return picked | {"counts": counts, "q_counts": q_counts, "elbo": terms.sum(1)}
