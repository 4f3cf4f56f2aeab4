"""What a trained AIR says about scenes, as plain arrays that any view may show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self, TypeVar

import numpy as np
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from torch import Tensor

from air_core.air import AIR
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.guide import AttentiveGuide
from air_core.proposals import best_of, offsets, seen_from
from air_core.spatial_transformer import crop, pixel_boxes, place

BATCH = 250
"""Scenes explained at once: enough to fill the cores, little enough to stay in their caches."""


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


@dataclass(frozen=True)
class Answer:
    """What AIR finds in N scenes at the guide's means: how many and where; numpy arrays.

    All T steps are kept, also those after the last object; `counts` says how many are meant.
    """

    counts: np.ndarray  # (N,) the most probable count
    q_counts: np.ndarray  # (N, T + 1) q(n | x, z), sums to 1
    boxes: np.ndarray  # (N, T, 4) as x, y, w, h in pixels, x, y the top left corner

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, index) -> Self:
        """The answers at a slice or an array of indices."""
        return type(self)(**{item.name: getattr(self, item.name)[index] for item in fields(self)})

    @property
    def p_present(self) -> np.ndarray:
        """(N, T): q(n >= t), the marginal probability that the t-th object is there."""
        return self.q_counts[:, ::-1].cumsum(1)[:, -2::-1]


@dataclass(frozen=True)
class Explanation(Answer):
    """All that AIR says about N scenes at the guide's means; T steps each, 60 kB a scene."""

    p_pres: np.ndarray  # (N, T) q(z_pres_t = 1 | z_pres_{t-1} = 1)
    z_where: np.ndarray  # (N, T, 3) as s, x, y
    z_where_sd: np.ndarray  # (N, T, 3)
    z_what: np.ndarray  # (N, T, D)
    crops: np.ndarray  # (N, T, W, W) what the guide saw through its window
    windows: np.ndarray  # (N, T, W, W) what the decoder painted, in (0, 1)
    objects: np.ndarray  # (N, T, S, S) the painted windows placed on the canvas
    canvases: np.ndarray  # (N, S, S) the sum of the first `counts` objects
    log_likelihood: np.ndarray  # (N, T + 1) log p(x | first n objects) in nats
    elbo: np.ndarray  # (N,) in nats, at the means: about 10 above that of sampled z


Found = TypeVar("Found", bound=Answer)


def _stack(trace: poutine.Trace, latent: str, max_steps: int, read: Callable) -> Tensor:
    return torch.stack([read(trace.nodes[f"{latent}_{t}"]) for t in range(1, max_steps + 1)], 1)


def _propose(air: AIR, images: Tensor, guide: Callable, pictures: bool) -> dict[str, Tensor]:
    """One answer of `guide` to images (B, S, S): z and the densities of every count, and what it sees and paints."""
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


def _explain_batch(air: AIR, images: Tensor, looks: int, pictures: bool) -> dict[str, Tensor]:
    guide = at_means(air.guide)
    if looks == 1:
        found = _propose(air, images, guide, pictures)
    else:
        views = [seen_from(guide, place, air.config.model.max_steps) for place in offsets(looks)]
        found = best_of([_propose(air, images, at_means(view), pictures) for view in views])
    if not pictures:
        return found
    present = torch.arange(found["objects"].shape[1]) < found["counts"][:, None]  # (B, T)
    return found | {"canvases": (found["objects"] * present[..., None, None]).sum(1)}


def batches(images: np.ndarray, size: int = BATCH):
    """`images` (N, S, S), uint8 or float, as float32 tensors (<= size, S, S) in [0, 1]."""
    for start in range(0, len(images), size):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + size]))
        yield batch.float() / 255 if batch.dtype == torch.uint8 else batch.float()


@torch.no_grad()
def explain(model: AIR, images: np.ndarray, kind: type[Found] = Explanation, looks: int = 1) -> Found:
    """Explain scenes (N, S, S), uint8 or float in [0, 1], at the guide's means.

    `kind` says how much to keep: `Explanation` for pictures, `Answer` for many scenes. With
    `looks` > 1 the guide sees each scene from so many places, votes on the count, and the model keeps
    what explains the scene best (`proposals.py`); the time grows in proportion.
    Deterministic. Raises `ValueError` if the scenes do not have the side the model was made for.
    """
    side = model.config.scene.canvas_side
    if images.ndim != 3 or images.shape[1:] != (side, side) or not len(images):
        raise ValueError(f"scenes must be (N, {side}, {side}), got {images.shape}")
    names = [item.name for item in fields(kind)]
    parts = []
    for batch in batches(images):
        found = _explain_batch(model, batch, looks, pictures="canvases" in names)
        parts.append({name: found[name] for name in names})
    return kind(**{name: torch.cat([part[name] for part in parts]).numpy() for name in names})


@torch.no_grad()
def searched(model: AIR, images: np.ndarray, found: Explanation) -> np.ndarray | None:
    """Where the guide searched for each object: salience (N, T, n, n), the log weight of each place.

    `images` (N, S, S), uint8 or float in [0, 1], are the scenes that `found` explains. None if the guide
    does not search.
    """
    guide = model.guide
    if not isinstance(guide, AttentiveGuide):
        return None
    (scenes,) = batches(images, len(images))
    objects = torch.from_numpy(found.objects)  # (N, T, S, S)
    before = torch.cat([torch.zeros_like(objects[:, :1]), objects.cumsum(1)[:, :-1]], 1)
    maps = [guide.embedding.salience_map(guide.pictures(scenes, canvas)) for canvas in before.unbind(1)]
    return torch.stack(maps, 1).numpy()
