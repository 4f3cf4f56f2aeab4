"""One training step of AIR, and the state to repeat it from.

Every step's noise and scenes follow from (seed, step) alone, so the state to resume from is the
weights and the optimiser's moments: no generator's inner state, and a resumed run repeats the
uninterrupted one bit for bit (on the same machine with the same number of threads).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from air_core.air import AIR
from air_core.config import Config, ConfigError, TrainConfig
from air_core.estimators import ESTIMATORS
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.loop import NonFinite
from air_core.priors import annealed_p_more
from air_core.records import Record


def step_size(step: int, config: TrainConfig) -> float:
    """The factor of the learning rates at a step: linear warm-up, then `decay`."""
    if step <= config.warmup_steps:
        return step / config.warmup_steps
    if config.decay == "constant":
        return 1.0
    rest = max(config.steps - config.warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min((step - config.warmup_steps - 1) / rest, 1)))


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n_scenes: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(n_scenes))


def batch_indices(step: int, n_scenes: int, batch_size: int, seed: int) -> Tensor:
    """Which scenes step 1, 2, ... sees: each epoch is a new permutation; a short rest is left."""
    epoch, place = divmod(step - 1, n_scenes // batch_size)
    return _order(seed, epoch, n_scenes)[place * batch_size : (place + 1) * batch_size]


class Trainer:
    """AIR, its optimiser and its scenes (N, S, S) uint8. `step` is what the loop repeats."""

    def __init__(self, air: AIR, images: np.ndarray, config: Config):
        if len(images) < config.train.batch_size:
            raise ConfigError(
                f"batch_size: {config.train.batch_size} is more than the {len(images)} training scenes"
            )
        self.air = air
        self.config = config
        self.images = torch.from_numpy(images)
        self.estimator = ESTIMATORS[config.train.estimator]
        baseline = list(air.guide.baseline.parameters()) if air.guide.baseline else []
        others = [p for p in air.parameters() if all(p is not b for b in baseline)]
        groups = [{"params": others, "rate": config.train.learning_rate}]
        if baseline:
            groups.append({"params": baseline, "rate": config.train.baseline_learning_rate})
        self.optimiser = torch.optim.Adam(groups, fused=True)

    def step(self, number: int) -> Record:
        """Do the optimisation step `number` (1, 2, ...); the named parts of its ELBO in nats.

        Raises `NonFinite`, with the weights still as before, if a part is not finite.
        """
        settings = self.config.train
        p_more = annealed_p_more(
            number, self.config.model.p_more, settings.anneal_from, settings.anneal_steps
        )
        self.air.model.set_p_more(p_more)
        factor = step_size(number, settings)
        for group in self.optimiser.param_groups:
            group["lr"] = factor * group["rate"]
        torch.manual_seed(int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0]))

        index = batch_indices(number, len(self.images), settings.batch_size, settings.seed)
        self.optimiser.zero_grad()
        images = self.images[index].float() / 255
        parts = self.estimator.backward(self.air.model, self.air.guide, images)
        record = {name: value.item() for name, value in parts.items()}
        if not math.isfinite(record["elbo"]):
            raise NonFinite(number, *self._broken_term(images))
        if settings.clip_norm:  # each group on its own: the baseline's gradient dwarfs all others
            for group in self.optimiser.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], settings.clip_norm * settings.batch_size)
        self.optimiser.step()
        return record

    @torch.no_grad()
    def _broken_term(self, images: Tensor) -> tuple[str, float]:
        """The first part of the ELBO that is not finite on these images, and its value."""
        parts = elbo_parts(count_terms(self.air.model, self.air.guide, images)[0]).means()
        elbo = parts.pop("elbo")
        broken = [(name, value.item()) for name, value in parts.items() if not torch.isfinite(value)]
        return broken[0] if broken else ("elbo", elbo.item())

    def _moments(self) -> dict[str, Tensor]:
        names = {id(p): name for name, p in self.air.named_parameters()}
        return {
            f"{names[id(p)]}/{moment}": value
            for p, moments in self.optimiser.state.items()
            for moment, value in moments.items()
        }

    def state(self) -> dict[str, Tensor]:
        """Weights and optimiser moments by name; what `load_state` continues from."""
        weights = {f"weights/{name}": value for name, value in self.air.state_dict().items()}
        return weights | {f"adam/{name}": value for name, value in self._moments().items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Continue from `state`'s result; raises `KeyError` or `RuntimeError` if it does not fit."""
        prefix = "weights/"
        self.air.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
        for name, parameter in self.air.named_parameters():
            moments = ("step", "exp_avg", "exp_avg_sq")
            if f"adam/{name}/step" in tensors:  # a parameter that never had a gradient has none
                self.optimiser.state[parameter] = {m: tensors[f"adam/{name}/{m}"].clone() for m in moments}
