"""Named choices: what a setting may be, and the sentence said when it is something else."""

from __future__ import annotations

from typing import Generic, TypeVar

from air_core.config import ConfigError

Member = TypeVar("Member")


class Registry(dict[str, Member], Generic[Member]):
    """A dict from name to member whose look-up error names the setting and the choices.

    `setting` is the field of `config.py` that holds one of the names.
    """

    def __init__(self, setting: str, members: dict[str, Member]):
        super().__init__(members)
        self.setting = setting

    def __missing__(self, name: str) -> Member:
        raise ConfigError(f"{self.setting}: there is no {name!r}; choose from {', '.join(self)}")
