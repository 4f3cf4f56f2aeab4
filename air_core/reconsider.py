"""Second thoughts: a doubtful scene is explained anew, with one object fewer, as many, and one more.

The guide proposes, but it never takes back: a window that lies on two digits stays there, and an
object that a stroke has called for is painted. So for each of these counts, as far as there are such, there are several
starts (an object left out, an object cut in two, what other looks found), the best are fitted to the scene
(`fitting.py`), and the ELBOs are compared. They may overrule the guide, but not lightly.

Shapes: B scenes, T steps, n objects, S canvas side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Tensor

from air_core.air import AIR
from air_core.fitting import Fitted, fit
from air_core.model import GaussianImage
from air_core.proposals import at_means, offsets, propose, seen_from
from air_core.spatial_transformer import place

FITS = ("none", "doubtful", "all")
"""Which scenes are explained anew."""

LIKELIHOOD_SD = 0.3
"""What the nats below were chosen at, on scenes of training and validation digits; at another sd of the
likelihood they grow as the nats of a wrong pixel do."""

GAP = 60.0
"""Doubtful is a scene if another count comes so near, in nats at the guide's means; a fit may gain as much."""

UNEXPLAINED = 30.0
"""Or if so many nats an object are missing to a perfect picture."""

FEWER, MORE = 3.0, 20.0
"""By so many nats must the evidence for one object fewer, or one more, exceed that for the guide's count.

An object more always finds a little ink to explain in a digit that the decoder has never seen; hence
the two differ. Chosen at p_more 0.001, and found good enough at 0.01, where an object more has 2.3 nats less
to overcome."""

LOOKS, CUTS, TRIES, STEPS = 16, 4, 2, 100
"""Other looks to start from; directions an object is cut in; starts of each count that are fitted; and for
how many steps."""

WIDER = 1.25
"""Ink of an object lies within so many of its windows."""

Start = tuple[Tensor, Tensor]
"""z_where (B, n, 3) and z_what (B, n, D) to start from."""


def nats(air: AIR, at_usual_sd: float) -> float:
    """One of the thresholds above at the likelihood's sd of this run."""
    return at_usual_sd * (LIKELIHOOD_SD / air.config.model.likelihood_sd) ** 2


def doubtful(air: AIR, found: dict[str, Tensor]) -> Tensor:
    """Which scenes (B,) are worth second thoughts, from the guide's answer to them (`proposals.propose`)."""
    counts = found["counts"][:, None]
    own = found["log_weight"].gather(1, counts)
    others = found["log_weight"].scatter(1, counts, -math.inf).amax(1, keepdim=True)
    blank = torch.zeros(air.model.canvas_side, air.model.canvas_side)
    perfect = GaussianImage(blank, air.model.likelihood_sd).log_prob(blank)
    missing = (perfect - found["log_likelihood"].gather(1, counts)) / counts.clamp(min=1)
    return ((own - others < nats(air, GAP)) | (missing > nats(air, UNEXPLAINED))).squeeze(1)


def halves(ink: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Pictures (B, S, S) cut in two through their centre of mass, across `angle` (radians from the x axis)."""
    row, column = torch.meshgrid(*[torch.arange(side).to(ink) for side in ink.shape[1:]], indexing="ij")
    along = column * math.cos(angle) + row * math.sin(angle)  # (S, S)
    mass = ink.sum((1, 2)).clamp(min=1e-6)
    middle = (ink * along).sum((1, 2)) / mass
    beyond = along > middle[:, None, None]
    return ink * beyond, ink * ~beyond


def _without(start: Start, i: int) -> Start:
    """The start with its i-th object left out."""
    return tuple(torch.cat([z[:, :i], z[:, i + 1 :]], 1) for z in start)


def _looks(air: AIR, images: Tensor) -> Callable[[int], Start]:
    """What the guide finds when it looks from other places: for m objects, the explanation of greatest weight."""
    views = [
        seen_from(at_means(air.guide), place, air.config.model.max_steps) for place in offsets(LOOKS + 1)[1:]
    ]
    looks = [propose(air, images, at_means(view), pictures=False) for view in views]
    weights = torch.stack([look["log_weight"] for look in looks])  # (K, B, T + 1)
    found = {z: torch.stack([look[z] for look in looks]) for z in ("z_where", "z_what")}

    def best(m: int) -> Start:
        look = weights[:, :, m].argmax(0)
        return tuple(z[look, torch.arange(len(images))][:, :m] for z in found.values())

    return best


def _cuts(air: AIR, images: Tensor, start: Start) -> list[Start]:
    """The start with two objects in place of one: what the guide sees in either half of its ink, of every
    object and cut in every direction."""
    z_where, z_what = start
    windows = air.model.decoder(z_what)  # (B, n, W, W)
    objects = place(windows, z_where, air.model.canvas_side)  # (B, n, S, S)
    inside = place(torch.ones_like(windows), z_where / WIDER, air.model.canvas_side) > 0.5
    result = []
    for i in range(z_where.shape[1]):
        ink = (images - objects.sum(1) + objects[:, i]).clamp(0, 1) * inside[:, i]
        for k in range(CUTS):
            both = torch.cat(halves(ink, math.pi * k / CUTS))
            found = propose(air, both, at_means(air.guide), pictures=False)
            first = (found[z][:, :1].chunk(2) for z in ("z_where", "z_what"))
            result.append(tuple(torch.cat([rest, *pair], 1) for rest, pair in zip(_without(start, i), first)))
    return result


def starts(air: AIR, images: Tensor, found: dict[str, Tensor], n: int) -> dict[int, list[Start]]:
    """What to start from for n - 1, n and n + 1 objects, where there can be so many.

    images (B, S, S) are scenes of which the guide's answer `found` (`proposals.propose`) counts n.
    """
    steps, best_look = air.config.model.max_steps, _looks(air, images)
    own = [(found["z_where"][:, :m], found["z_what"][:, :m]) for m in range(steps + 1)]
    result = {n: [own[n], best_look(n)]}
    if n > 0:
        result[n - 1] = [best_look(n - 1), *(_without(own[n], i) for i in range(n))]
    if n < steps:
        result[n + 1] = [own[n + 1], best_look(n + 1), *_cuts(air, images, own[n])]
    return result


def fitted_best(air: AIR, images: Tensor, candidates: list[Start]) -> Fitted:
    """The best of the fits from those `TRIES` starts, no two alike, that are worth most as they are."""
    worth = torch.stack([fit(air.model, images, *start, steps=0, draws=1).elbo for start in candidates])
    for k in range(1, len(worth)):
        worth[k].masked_fill_((worth[k] == worth[:k]).any(0), -math.inf)
    first = worth.topk(min(TRIES, len(candidates)), 0).indices  # (tries, B)
    scenes = torch.arange(len(images))
    chosen = [torch.stack(z)[first, scenes].flatten(0, 1) for z in zip(*candidates)]
    tries = fit(air.model, images.repeat(len(first), 1, 1), *chosen, steps=STEPS)
    best = tries.elbo.view(len(first), -1).argmax(0)
    return tries.at(best * len(images) + scenes)


def answering(guide: Callable, fitted: Fitted, q_counts: Tensor) -> Callable:
    """A guide that answers with fitted z for the first n objects, and goes on as `guide` would.

    q_counts (B, T + 1) is its q(n | x).
    """
    n, max_steps = fitted.z_where.shape[1], q_counts.shape[1] - 1
    reach = q_counts.flip(1).cumsum(1).flip(1)  # (B, T + 1), q(n >= t)
    p_pres = reach[:, 1:] / reach[:, :-1].clamp(min=1e-30)

    def program(images: Tensor) -> None:
        given = {f"z_pres_{t}": images.new_ones(len(images)) for t in range(1, max_steps + 1)}
        for t in range(1, n + 1):
            given |= {f"z_where_{t}": fitted.z_where[:, t - 1], f"z_what_{t}": fitted.z_what[:, t - 1]}
        with poutine.block():
            nodes = poutine.trace(poutine.condition(guide, given)).get_trace(images).nodes
        with pyro.plate("scenes", len(images)):
            for t in range(1, max_steps + 1):
                pyro.sample(f"z_pres_{t}", dist.Bernoulli(probs=p_pres[:, t - 1].clamp(max=1)))
                for z in ("z_where", "z_what"):
                    fn = nodes[f"{z}_{t}"]["fn"]
                    if t <= n:
                        mean, sd = (getattr(fitted, name)[:, t - 1] for name in (z, f"{z}_sd"))
                        fn = dist.Normal(mean, sd).to_event(1).mask(True)
                    pyro.sample(f"{z}_{t}", fn)

    return program


def decide(air: AIR, fits: dict[int, Fitted], n: int) -> tuple[Tensor, Tensor]:
    """q(n | x) (B, T + 1) and the ELBO (B,) from fits of counts beside the guide's count n.

    q(n | x) is as the evidence has it, exp ELBO(n) up to a factor, with `FEWER` and `MORE` nats taken off
    the counts that are not the guide's.
    """
    elbos = fits[n].elbo.new_full((len(fits[n].elbo), air.config.model.max_steps + 1), -math.inf)
    evidence = elbos.clone()
    for m, fitted in fits.items():
        elbos[:, m] = fitted.elbo
        evidence[:, m] = fitted.elbo - nats(air, {-1: FEWER, 0: 0.0, 1: MORE}[m - n])
    q_counts = evidence.softmax(1)
    terms = q_counts * (elbos - q_counts.log())
    return q_counts, torch.where(q_counts > 0, terms, 0).sum(1)


def reconsidered(
    air: AIR, images: Tensor, found: dict[str, Tensor], which: Tensor, pictures: bool
) -> dict[str, Tensor]:
    """The guide's answer `found` (`proposals.propose`) to images (B, S, S), with second thoughts on some.

    `which` (B,) says on which. Their q(n | x) and ELBO are those of `decide`, all else is that of the
    count decided on.
    """
    found = {name: values.clone() for name, values in found.items()}
    for n in found["counts"][which].unique().tolist():
        rows = torch.nonzero(which & (found["counts"] == n)).flatten()
        scenes, answer = images[rows], {name: values[rows] for name, values in found.items()}
        fits = {m: fitted_best(air, scenes, c) for m, c in starts(air, scenes, answer, n).items()}
        q_counts, elbo = decide(air, fits, n)
        for m, fitted in fits.items():
            mine = q_counts.argmax(1) == m
            if mine.any():
                guide = at_means(answering(at_means(air.guide), fitted.at(mine), q_counts[mine]))
                anew = propose(air, scenes[mine], guide, pictures) | {"elbo": elbo[mine]}
                for name, values in anew.items():
                    found[name][rows[mine]] = values
    return found
