"""What a setting is: a dataclass field with a range and a sentence, checked on construction."""

from __future__ import annotations

import functools
import math
import typing
from dataclasses import field, fields
from typing import Any


class ConfigError(ValueError):
    """A setting that cannot be used; the message names it and says what would be accepted."""


def setting(
    default: Any, doc: str, *, low=None, high=None, open_low=False, choices=(), advanced=False
) -> Any:
    """A dataclass field with its one-sentence `doc` and its range [low, high], or its `choices`.

    `open_low` leaves `low` itself out. For tuples the range holds for each element. `advanced`
    marks what a form may fold away. Choices that a registry holds are checked where it is used.
    """
    metadata = {"doc": doc, "low": low, "high": high, "open_low": open_low}
    return field(default=default, metadata=metadata | {"choices": choices, "advanced": advanced})


def _check_choice(name: str, value: Any, choices: tuple) -> None:
    if choices and value not in choices:
        raise ConfigError(f"{name}: there is no {value!r}; choose from {', '.join(choices)}")


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


type_hints = functools.cache(typing.get_type_hints)


class Section:
    """What the three config dataclasses share: checking on construction."""

    def __post_init__(self) -> None:
        kinds = type_hints(type(self))
        for item in fields(self):
            value = _coerce(item.name, getattr(self, item.name), kinds[item.name])
            object.__setattr__(self, item.name, value)
            _check_choice(item.name, value, item.metadata["choices"])
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, (int, float)) and not isinstance(number, bool):
                    _check_number(item.name, number, item.metadata)
        self.check()

    def check(self) -> None:
        """Raise `ConfigError` where fields contradict each other."""
