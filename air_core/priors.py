"""Priors over the count (through `z_pres`) and their annealing.

Every prior is given as *continuation probabilities* c (T,): z_pres_t ~ Bernoulli(c_t z_pres_{t-1}),
with z_pres_0 = 1, so one recursion serves them all. Source: Eslami et al. 2016, section 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from air_core.registry import Registry


def truncated_geometric(p_more: float, max_steps: int) -> Tensor:
    """Continuation (T,) of P(n) proportional to p_more^n for n = 0..T.

    c_t = P(n >= t) / P(n >= t - 1).
    """
    mass = torch.tensor(p_more, dtype=torch.float64) ** torch.arange(max_steps + 1)
    at_least = mass.flip(0).cumsum(0).flip(0)
    return at_least[1:] / at_least[:-1]


def bernoulli_chain(p_more: float, max_steps: int) -> Tensor:
    """Continuation (T,) that is p_more at each of the T steps, the tutorial's prior."""
    return torch.full((max_steps,), p_more, dtype=torch.float64)


PRIORS: Registry[Callable[[float, int], Tensor]] = Registry(
    "prior",
    {"truncated_geometric": truncated_geometric, "bernoulli_chain": bernoulli_chain},
)


def count_probabilities(continuation: Tensor) -> Tensor:
    """P(n) for n = 0..T from continuation probabilities: (..., T) -> (..., T + 1).

    P(n) = c_1 ... c_n (1 - c_{n+1}), without the last factor at n = T. It serves the guide's
    q(n | x, z) as well, whose continuation probabilities are those of its z_pres.
    """
    one = torch.ones_like(continuation[..., :1])
    reach = torch.cat([one, continuation.cumprod(-1)], -1)
    stop = torch.cat([1 - continuation, one], -1)
    return reach * stop


def annealed_p_more(step: int, p_more: float, anneal_from: float, anneal_steps: int) -> float:
    """p_more at a training step: held at `anneal_from` for `anneal_steps` steps, then brought
    geometrically to `p_more` within as many. `anneal_from` 0 means no annealing."""
    if not anneal_from:
        return p_more
    progress = min(max(step / anneal_steps - 1, 0), 1)
    return anneal_from ** (1 - progress) * p_more**progress
