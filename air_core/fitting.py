"""z fitted to every scene on its own: what the model finds once the guide has given it a start.

The guide answers all scenes with the same weights, and its answer is a little off on each. Here every
scene has a Normal q(z_where, z_what) of its own, which starts at some answer and climbs the ELBO of
one given count by gradient steps: amortised inference made exact at the end (Kim et al. 2018,
"Semi-amortized variational autoencoders").

Shapes: B scenes, n objects, D size of z_what, S canvas side.
"""

from __future__ import annotations

from typing import NamedTuple

import pyro.distributions as dist
import torch
from torch import Tensor

from air_core.model import GaussianImage, Model
from air_core.priors import count_probabilities
from air_core.spatial_transformer import place

SD_WHERE, SD_WHAT = 0.03, 0.37
"""Where the Normals' sds start: what they end at, roughly, for objects that are there."""

RATE_WHERE, RATE_OTHERS = 0.03, 0.1
"""Adam's step sizes for the means of z_where and for all else; both fall to a twentieth."""

DRAWS = 16
"""Pairs of draws of z, noise and its negative, for the ELBO at the end. All scenes share the noise: the error of
a nat or so does not average out over them."""


class Fitted(NamedTuple):
    """Normals over the z of n objects in B scenes, and what they are worth."""

    z_where: Tensor  # (B, n, 3) means
    z_where_sd: Tensor  # (B, n, 3)
    z_what: Tensor  # (B, n, D) means
    z_what_sd: Tensor  # (B, n, D)
    elbo: Tensor  # (B,) nats, log p(n) included

    def at(self, index: Tensor) -> Fitted:
        """Those of some scenes: indices (K,) or a mask (B,)."""
        return Fitted(*(values[index] for values in self))


def log_p(model: Model, images: Tensor, z_where: Tensor, z_what: Tensor) -> Tensor:
    """log p(x, z, n) in nats (B,) of images (B, S, S) and n <= T objects, (B, n, 3) and (B, n, D)."""
    n = z_where.shape[1]
    p_where = dist.Normal(model.where_mean, model.where_sd)
    p_what = dist.Normal(model.what_mean, model.what_sd)
    canvas = place(model.decoder(z_what), z_where, model.canvas_side).sum(1)
    log_p_n = count_probabilities(model.continuation).to(images).log()[n]
    log_p_z = p_where.log_prob(z_where).sum((1, 2)) + p_what.log_prob(z_what).sum((1, 2))
    return GaussianImage(canvas, model.likelihood_sd).log_prob(images) + log_p_z + log_p_n


def _noise(values: list[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Noise for z_where (n, 3) and z_what (n, D): the same for every scene, whatever its neighbours."""
    return [torch.randn(mean.shape[1:], generator=generator) for mean in values[::2]]


def _draw(model: Model, images: Tensor, values: list[Tensor], noise: list[Tensor]) -> Tensor:
    """log p(x, z, n) - log q(z) of one draw, (B,)."""
    log_q, z = 0.0, []
    for mean, log_sd, epsilon in zip(values[::2], values[1::2], noise):
        z.append(mean + log_sd.exp() * epsilon)
        log_q = log_q + dist.Normal(mean, log_sd.exp()).log_prob(z[-1]).sum((1, 2))
    return log_p(model, images, *z) - log_q


def fit(
    model: Model, images: Tensor, z_where: Tensor, z_what: Tensor, steps: int, draws: int = DRAWS
) -> Fitted:
    """Fit z of n objects to each of images (B, S, S), from z_where (B, n, 3), z_what (B, n, D), n >= 0.

    With `steps` = 0 it only says what the start is worth; `draws` pairs of z give the ELBO. Deterministic;
    no scene's result depends on which others are with it, rounding apart. Weights stay as they are.
    """
    values = [
        z_where,
        torch.full_like(z_where, SD_WHERE).log(),
        z_what,
        torch.full_like(z_what, SD_WHAT).log(),
    ]
    values = [value.detach().clone().requires_grad_() for value in values]
    rates = (RATE_WHERE, RATE_OTHERS, RATE_OTHERS, RATE_OTHERS)
    groups = [{"params": [value], "lr": rate} for value, rate in zip(values, rates)]
    optimiser = torch.optim.Adam(groups, betas=(0.8, 0.95), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - 0.95 * step / max(steps, 1))
    generator = torch.Generator().manual_seed(0)
    with torch.enable_grad():
        for _ in range(steps if z_where.shape[1] else 0):
            optimiser.zero_grad()
            noise = _noise(values, generator)
            (-_draw(model, images, values, noise).sum()).backward(inputs=values)
            optimiser.step()
            schedule.step()
    values = [value.detach() for value in values]
    elbo = torch.zeros(len(images))
    with torch.no_grad():
        for _ in range(draws):
            noise = _noise(values, generator)
            for sign in (1, -1):
                elbo += _draw(model, images, values, [sign * epsilon for epsilon in noise])
    return Fitted(values[0], values[1].exp(), values[2], values[3].exp(), elbo / (2 * draws))
