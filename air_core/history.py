"""A run's log as columns, followed row by row while the run is trained."""

from __future__ import annotations

import threading
from array import array
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from air_core.records import is_look
from air_core.store import Row, log_identity, read_metrics


@dataclass(frozen=True)
class Series:
    """One logged value: where it was logged (N,), after how many seconds (N,), and what (N,)."""

    steps: np.ndarray
    seconds: np.ndarray
    values: np.ndarray


class History:
    """The log of the run in `folder`, kept in memory; `refresh` reads only what is new.

    May be shared between threads. `version` grows with every change, so that whatever is made of
    the log can be kept until then. Raises `StoreError` if the store cannot be read.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.version = 0
        self._lock = threading.Lock()
        self._identity: tuple = ()
        self._clear()

    def _clear(self) -> None:
        self.looks: list[Row] = []
        self.last: Row | None = None
        self._columns: dict[str, tuple[array, array, array]] = defaultdict(
            lambda: (array("d"), array("d"), array("d"))
        )

    def refresh(self) -> History:
        """Read the rows that came since the last call; all of them if the run was begun anew or
        resumed, which takes back the rows after the state that it was resumed from."""
        with self._lock:
            identity = log_identity(self.folder)
            if identity != self._identity:
                self._clear()
                self._identity = identity
                self.version += 1
            rows = read_metrics(self.folder, self.last.step if self.last else -1)
            for row in rows:
                self._add(row)
            self.version += bool(rows)
        return self

    def _add(self, row: Row) -> None:
        for name, value in row.record.items():
            steps, seconds, values = self._columns[name]
            steps.append(row.step)
            seconds.append(row.seconds)
            values.append(value)
        if is_look(row.record):
            self.looks.append(row)
        self.last = row

    def series(self, name: str) -> Series:
        """A value over the training; empty if it was never logged."""
        with self._lock:
            return Series(*(np.array(column) for column in self._columns.get(name, ([], [], []))))

    def telling_rows(self) -> list[Row]:
        """What the health rules need: the looks at the validation scenes, and the last row."""
        ends = [self.last] if self.last and (not self.looks or self.looks[-1] is not self.last) else []
        return self.looks + ends
