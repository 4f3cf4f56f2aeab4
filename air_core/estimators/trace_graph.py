"""The tutorial's estimator: REINFORCE for z_pres with data-dependent baselines.

Source: Eslami et al. 2016, section 2.1; Pyro's `TraceGraph_ELBO`, which this is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pyro.infer import TraceGraph_ELBO
from torch import Tensor


class TraceGraph(TraceGraph_ELBO):
    """Pyro's `TraceGraph_ELBO` with the loop's `backward`."""

    uses_baseline = True

    def __init__(self) -> None:
        super().__init__(max_plate_nesting=1)

    def backward(self, model: Callable, guide: Callable, images: Tensor) -> dict[str, Tensor]:
        """Accumulate gradients of the negative ELBO summed over images (B, S, S); the `elbo`."""
        return {"elbo": torch.tensor(-self.loss_and_grads(model, guide, images) / len(images))}
