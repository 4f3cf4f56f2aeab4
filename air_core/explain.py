"""What a trained AIR says about scenes, as plain arrays that any view may show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from air_core.air import AIR
from air_core.guide import AttentiveGuide
from air_core.proposals import at_means, best_of, offsets, propose, seen_from
from air_core.reconsider import FITS, doubtful, reconsidered

BATCH = 250
"""Scenes explained at once: enough to fill the cores, little enough to stay in their caches."""


@dataclass(frozen=True)
class Answer:
    """What AIR finds in N scenes at the guide's means, or at fitted ones: how many and where; numpy arrays.

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
    """All that AIR says about N scenes at the guide's means, or at fitted ones; T steps each, 60 kB a scene."""

    p_pres: np.ndarray  # (N, T) q(z_pres_t = 1 | z_pres_{t-1} = 1)
    z_where: np.ndarray  # (N, T, 3) as s, x, y
    z_where_sd: np.ndarray  # (N, T, 3)
    z_what: np.ndarray  # (N, T, D)
    crops: np.ndarray  # (N, T, W, W) what the guide saw through its window
    windows: np.ndarray  # (N, T, W, W) what the decoder painted, in (0, 1)
    objects: np.ndarray  # (N, T, S, S) the painted windows placed on the canvas
    canvases: np.ndarray  # (N, S, S) the sum of the first `counts` objects
    log_likelihood: np.ndarray  # (N, T + 1) log p(x | first n objects) in nats
    elbo: np.ndarray  # (N,) in nats; the guide's at its means, about 10 above that of sampled z


Found = TypeVar("Found", bound=Answer)


def _explain_batch(air: AIR, images: Tensor, looks: int, fit: str, pictures: bool) -> dict[str, Tensor]:
    guide = at_means(air.guide)
    if looks == 1:
        found = propose(air, images, guide, pictures)
    else:
        views = [seen_from(guide, place, air.config.model.max_steps) for place in offsets(looks)]
        found = best_of([propose(air, images, at_means(view), pictures) for view in views])
    if fit != "none":
        which = doubtful(air, found) if fit == "doubtful" else torch.ones(len(images), dtype=torch.bool)
        found = reconsidered(air, images, found, which, pictures)
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
def explain(
    model: AIR,
    images: np.ndarray,
    kind: type[Found] = Explanation,
    looks: int = 1,
    fit: str = "none",
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> Found:
    """Explain scenes (N, S, S), uint8 or float in [0, 1], at the guide's means.

    `kind` says how much to keep: `Explanation` for pictures, `Answer` for many scenes. With
    `looks` > 1 the guide sees each scene from so many places, votes on the count, and the model keeps
    what explains the scene best (`proposals.py`); the time grows in proportion. With `fit` "doubtful"
    or "all" these scenes are explained anew with one object fewer, as many and one more, z fitted to
    each, and the evidence may overrule the guide's count (`reconsider.py`): about 0.1 s such a scene.
    `progress` wraps the batches. Deterministic. Raises `ValueError` if the scenes do not have the side the model was made for, or
    for another `fit`.
    """
    if fit not in FITS:
        raise ValueError(f"fit: {fit!r} is none of {', '.join(FITS)}")
    side = model.config.scene.canvas_side
    if images.ndim != 3 or images.shape[1:] != (side, side) or not len(images):
        raise ValueError(f"scenes must be (N, {side}, {side}), got {images.shape}")
    names = [item.name for item in fields(kind)]
    parts = []
    for batch in progress(batches(images), -(-len(images) // BATCH)):
        found = _explain_batch(model, batch, looks, fit, pictures="canvases" in names)
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
    objects = torch.tensor(found.objects)  # (N, T, S, S)
    before = torch.cat([torch.zeros_like(objects[:, :1]), objects.cumsum(1)[:, :-1]], 1)
    maps = [guide.embedding.salience_map(guide.pictures(scenes, canvas)) for canvas in before.unbind(1)]
    return torch.stack(maps, 1).numpy()
