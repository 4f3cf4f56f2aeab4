"""One training step of AIR, and the state to repeat it from.

Every step's noise and scenes follow from (seed, step) alone, so the state to resume from is the
weights and the optimiser's moments: no generator's inner state, and a resumed run repeats the
uninterrupted one bit for bit (on the same machine with the same number of threads).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from air_core.air import AIR
from air_core.config import Config, ConfigError, TrainConfig
from air_core.digits import load_digits, split_digits, with_warped
from air_core.estimators import ESTIMATORS
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.loop import NonFinite
from air_core.priors import annealed_p_more
from air_core.records import Record
from air_core.scenes import SCENES, load_scenes, to_float


def step_size(step: int, config: TrainConfig) -> float:
    """The factor of the learning rates at a step: linear warm-up, then `decay`."""
    if step <= config.warmup_steps:
        return step / config.warmup_steps
    if config.decay == "constant":
        return 1.0
    rest = max(config.steps - config.warmup_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min((step - config.warmup_steps - 1) / rest, 1)))


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n_scenes: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n_scenes)


def batch_indices(step: int, n_scenes: int, batch_size: int, seed: int) -> np.ndarray:
    """Which scenes step 1, 2, ... sees: each epoch is a new permutation; a short rest is left."""
    epoch, place = divmod(step - 1, n_scenes // batch_size)
    return _order(seed, epoch, n_scenes)[place * batch_size : (place + 1) * batch_size]


Batches = Callable[[int], np.ndarray]
"""Step 1, 2, ... -> the scenes uint8 (B, S, S) that it learns from, always the same ones."""


def fixed_batches(images: np.ndarray, config: TrainConfig) -> Batches:
    """Epochs over the scenes (N, S, S); raises `ConfigError` if they are less than a batch."""
    if len(images) < config.batch_size:
        raise ConfigError(f"batch_size: {config.batch_size} is more than the {len(images)} training scenes")

    def batch(step: int) -> np.ndarray:
        return images[batch_indices(step, len(images), config.batch_size, config.seed)]

    return batch


def fresh_batches(config: Config) -> Batches:
    """Scenes of the training digits that were never drawn before, by the same recipe."""
    settings, scene = config.train, config.scene
    digits = split_digits(load_digits(scene.digits), "train", scene.scene_seed)
    if settings.warped:
        digits = with_warped(digits, settings.warped, scene.scene_seed)

    def batch(step: int) -> np.ndarray:
        rng = np.random.default_rng([settings.seed, step, 1])  # the noise of the step has [seed, step]
        return SCENES[scene.scenes](scene, digits, settings.batch_size, rng).images

    return batch


def training_batches(config: Config) -> Batches:
    """What a run with this config learns from."""
    if config.train.batches == "fresh":
        return fresh_batches(config)
    return fixed_batches(load_scenes(config.scene, "train").images, config.train)


class Trainer:
    """AIR, its optimiser and what it learns from. `step` is what the loop repeats."""

    def __init__(self, air: AIR, batches: Batches, config: Config):
        self.air = air
        self.config = config
        self.batches = batches
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

        self.optimiser.zero_grad()
        images = torch.from_numpy(to_float(self.batches(number)))
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
