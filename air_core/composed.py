"""What the model says of objects that a person composed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from pyro import poutine

from air_core.air import AIR
from air_core.explain import Explanation
from air_core.spatial_transformer import check_z_where


class LogJoint(NamedTuple):
    """log p(x | z, n) and log p(z, n), in nats."""

    log_likelihood: float
    log_prior: float


@torch.no_grad()
def log_joint(air: AIR, image: np.ndarray, z_where: np.ndarray, z_what: np.ndarray) -> LogJoint:
    """Densities of a scene (S, S), uint8 or float in [0, 1], and n <= T objects: (n, 3) and (n, D).

    Raises `ValueError` if there are more than T objects or a z_where cannot be used.
    """
    n, most = len(z_where), air.config.model.max_steps
    if n > most:
        raise ValueError(f"{n} objects are more than the {most} that the prior allows")
    where, what = (torch.tensor(np.asarray(z), dtype=torch.float32) for z in (z_where, z_what))
    if n:
        check_z_where(where)
    x = torch.tensor(image).float() / (255 if image.dtype == np.uint8 else 1)
    given = {f"z_pres_{t + 1}": torch.tensor([float(t < n)]) for t in range(most)}
    given |= {f"z_where_{t + 1}": where[t : t + 1] for t in range(n)}
    given |= {f"z_what_{t + 1}": what[t : t + 1] for t in range(n)}
    trace = poutine.trace(poutine.condition(air.model, given)).get_trace(x[None])
    trace.compute_log_prob()
    logs = {
        name: site["log_prob_sum"].item()
        for name, site in trace.nodes.items()
        if name == "x" or name.startswith("z_")
    }
    likelihood = logs.pop("x")
    return LogJoint(likelihood, sum(logs.values()))


def active_numbers(found: Explanation) -> np.ndarray:
    """The places of the numbers of z_what, those first whose means differ most between objects: (D,)."""
    return np.argsort(-found.z_what[_present(found)].std(0), kind="stable")


def mean_codes(found: Explanation, labels: np.ndarray) -> dict[int, np.ndarray]:
    """The mean z_what (D,) of each digit, from scenes that hold it alone and where one object was found.

    labels (N, K), -1 where there is none.
    """
    alone = ((labels >= 0).sum(1) == 1) & (found.counts == 1)
    digit = labels.max(1)
    return {int(k): found.z_what[alone & (digit == k), 0].mean(0) for k in np.unique(digit[alone])}


def _present(found: Explanation) -> np.ndarray:
    return np.arange(found.z_what.shape[1]) < found.counts[:, None]
