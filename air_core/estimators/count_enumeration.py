"""Our estimator: exact in the count, reparameterised in everything else.

The only discrete choice is the count n, with T + 1 values. Draw z_where_t, z_what_t as if every
object were there; with p_t = q(z_pres_t = 1 | x, z_<t), q(n) = p_1 ... p_n (1 - p_{n+1}), and

    ELBO = E_z sum_n q(n) [ log p(x | z_<=n) + log p(n) - log q(n) - sum_{t<=n} log q(z_t)/p(z_t) ]

has a gradient without a score function. One run of the guide and one of the model suffice: the
model's z_pres carries the T + 1 counts as a dimension on the left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from pyro import poutine
from pyro.infer import ELBO
from pyro.poutine import Trace
from torch import Tensor


@dataclass(frozen=True)
class CountTerms:
    """log densities of scenes for every count n = 0..T given one draw of z; all (T + 1, B)."""

    log_likelihood: Tensor  # log p(x | z_<=n)
    log_p_count: Tensor  # log p(n)
    log_q_count: Tensor  # log q(n | x, z)
    log_ratio_where: Tensor  # sum over t <= n of log q(z_where_t) - log p(z_where_t)
    log_ratio_what: Tensor  # the same for z_what

    @property
    def log_weight(self) -> Tensor:
        """log p(x, z_<=n, n) - log q(z_<=n), (T + 1, B)."""
        return self.log_likelihood + self.log_p_count - self.log_ratio_where - self.log_ratio_what


@dataclass(frozen=True)
class ElboParts:
    """The ELBO of scenes and its parts in nats, all (B,).

    elbo = log_likelihood - kl_pres - kl_where - kl_what; `blank` is the score of an empty canvas.
    """

    elbo: Tensor
    log_likelihood: Tensor
    kl_pres: Tensor
    kl_where: Tensor
    kl_what: Tensor
    blank: Tensor

    def means(self) -> dict[str, Tensor]:
        """Each part's mean over the scenes, detached."""
        return {item.name: getattr(self, item.name).detach().mean() for item in fields(self)}


def _cumulative(per_step: list[Tensor]) -> Tensor:
    """[(B,)] * T -> (T + 1, B): row n sums the first n steps."""
    steps = torch.stack(per_step)
    return torch.cat([torch.zeros_like(steps[:1]), steps.cumsum(0)])


def _log_prob(site: dict) -> Tensor:
    return site["fn"].log_prob(site["value"])


def count_traces(model: Callable, guide: Callable, images: Tensor, **kwargs) -> tuple[Trace, Trace]:
    """Traces of the model, for every count at once, and of the guide, with every object present.

    The guide's z_pres_t are 1 (B,); the model's are those of the counts n = 0..T, (T + 1, 1).
    """
    n_scenes = kwargs.get("subsample_size") or len(images)
    steps = range(1, model.config.max_steps + 1)
    every_object = {f"z_pres_{t}": images.new_ones(n_scenes) for t in steps}
    q = poutine.trace(poutine.condition(guide, every_object)).get_trace(images, **kwargs)

    count = torch.arange(model.config.max_steps + 1, device=images.device)
    each_count = {f"z_pres_{t}": (count >= t).to(images)[:, None] for t in steps}
    replayed = poutine.replay(poutine.condition(model, each_count), q)
    return poutine.trace(replayed).get_trace(images, **kwargs), q


def count_terms(
    model: Callable, guide: Callable, images: Tensor, **kwargs
) -> tuple[CountTerms, Trace, float]:
    """Run guide and model once for every count at once.

    images (N, S, S). Returns the terms, the guide's trace (every object present) and the plate's
    scale N / B. Further arguments go to the programs.
    """
    p, q = count_traces(model, guide, images, **kwargs)
    steps = range(1, model.config.max_steps + 1)
    one_more = [q.nodes[f"z_pres_{t}"]["fn"] for t in steps]
    log_reach = _cumulative([fn.log_prob(images.new_ones(())) for fn in one_more])
    log_stop = torch.stack([fn.log_prob(images.new_zeros(())) for fn in one_more])
    log_stop = torch.cat([log_stop, torch.zeros_like(log_stop[:1])])

    def log_ratio(latent: str) -> Tensor:
        log_q = _cumulative([_log_prob(q.nodes[f"{latent}_{t}"]) for t in steps])
        return log_q - sum(_log_prob(p.nodes[f"{latent}_{t}"]) for t in steps)

    terms = CountTerms(
        log_likelihood=_log_prob(p.nodes["x"]),
        log_p_count=sum(_log_prob(p.nodes[f"z_pres_{t}"]) for t in steps),
        log_q_count=log_reach + log_stop,
        log_ratio_where=log_ratio("z_where"),
        log_ratio_what=log_ratio("z_what"),
    )
    return terms, q, q.nodes["z_where_1"]["scale"]


def elbo_parts(terms: CountTerms) -> ElboParts:
    """The ELBO, its expectation over n exact, from `count_terms`."""
    q_count = terms.log_q_count.exp()
    log_likelihood = (q_count * terms.log_likelihood).sum(0)
    kl_pres = (q_count * (terms.log_q_count - terms.log_p_count)).sum(0)
    kl_where = (q_count * terms.log_ratio_where).sum(0)
    kl_what = (q_count * terms.log_ratio_what).sum(0)
    elbo = log_likelihood - kl_pres - kl_where - kl_what
    return ElboParts(elbo, log_likelihood, kl_pres, kl_where, kl_what, blank=terms.log_likelihood[0])


class CountEnumeration(ELBO):
    """Pyro's ELBO interface over `count_terms`."""

    uses_baseline = False

    def __init__(self) -> None:
        super().__init__(max_plate_nesting=1)

    def _get_trace(self, model: Callable, guide: Callable, args: tuple, kwargs: dict) -> tuple[Trace, Trace]:
        return count_traces(model, guide, *args, **kwargs)

    def _parts(self, model: Callable, guide: Callable, *args, **kwargs) -> tuple[ElboParts, Tensor]:
        terms, _, scale = count_terms(model, guide, *args, **kwargs)
        parts = elbo_parts(terms)
        return parts, -parts.elbo.sum() * scale

    def loss(self, model: Callable, guide: Callable, *args, **kwargs) -> float:
        """The negative ELBO summed over the data, without gradients."""
        with torch.no_grad():
            return self._parts(model, guide, *args, **kwargs)[1].item()

    def loss_and_grads(self, model: Callable, guide: Callable, *args, **kwargs) -> float:
        """The negative ELBO summed over the data; its gradient is added to the parameters."""
        _, loss = self._parts(model, guide, *args, **kwargs)
        loss.backward()
        return loss.item()

    def backward(self, model: Callable, guide: Callable, images: Tensor) -> dict[str, Tensor]:
        """Accumulate gradients of the negative ELBO summed over images (B, S, S); its parts."""
        parts, loss = self._parts(model, guide, images)
        loss.backward()
        return parts.means()
