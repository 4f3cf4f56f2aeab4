"""AIR: the model and its guide as one module, and their use with stock Pyro."""

from __future__ import annotations

from collections.abc import Callable

import pyro
from torch import nn

from air_core.config import Config
from air_core.estimators import ESTIMATORS
from air_core.guide import GUIDES
from air_core.model import Model
from air_core.networks import he_initial_weights


class AIR(nn.Module):
    """The pair p(x, z), q(z | x) that a `Config` describes.

    Initial weights come from torch's global generator: seed it first. Raises `ConfigError` if
    the config names a prior, guide, embedding or estimator that does not exist.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        canvas_side = config.scene.canvas_side
        with_baseline = ESTIMATORS[config.train.estimator].uses_baseline
        self.model = Model(config.model, canvas_side)
        self.guide = GUIDES[config.model.guide](config.model, canvas_side, self.model.paint, with_baseline)
        if config.model.initial_weights == "he":
            he_initial_weights(self)


def svi_programs(air: AIR) -> tuple[Callable, Callable]:
    """`air`'s model and guide for stock `pyro.infer.SVI`.

    SVI finds parameters in Pyro's global store, so these two wrappers register the modules
    there. The programs themselves do not, which lets many AIRs live in one process; use
    `pyro.clear_param_store()` between two trainings with `SVI`.
    """

    def model(*args, **kwargs):
        pyro.module("air.model", air.model)
        return air.model(*args, **kwargs)

    model.config = air.model.config  # the largest count, which count_enumeration asks for

    def guide(*args, **kwargs):
        pyro.module("air.guide", air.guide)
        return air.guide(*args, **kwargs)

    return model, guide
