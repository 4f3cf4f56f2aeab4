"""How noisy a gradient estimator is, where it matters: at z_pres."""

from __future__ import annotations

import torch
from pyro.infer import ELBO
from torch import Tensor

from air_core.air import AIR


def z_pres_gradient_variance(
    air: AIR, estimator: ELBO, images: Tensor, draws: int = 8, seed: int = 0
) -> float:
    """Variance, over draws of the latents, of the gradient that teaches the guide to count.

    The gradient is that of the ELBO in nats per scene (its mean over images (B, S, S)) with respect
    to the weights and the bias that make the logit of z_pres; the variance is summed over them. It
    is what estimators of the ELBO differ by (Eslami et al. 2016, section 2.1). The same scenes and
    the same seeds give comparable numbers along a training. Leaves no gradients behind, and torch's
    generator as it was.
    """
    layer = air.guide.predictor.layers[-1]
    gradients = []
    with torch.random.fork_rng(devices=[]):
        for draw in range(draws):
            torch.manual_seed(seed + draw)
            air.zero_grad()
            estimator.backward(air.model, air.guide, images)
            row = torch.cat([layer.weight.grad[0], layer.bias.grad[:1]])
            gradients.append(row.detach() / len(images))
    air.zero_grad()
    return torch.stack(gradients).var(0).sum().item()
