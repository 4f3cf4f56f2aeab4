"""A run's store: metrics, events and heartbeat in one SQLite file.

One trainer writes, any number of readers follow. While a run is trained the file is in WAL mode;
when it ends it becomes one plain file, opened immutable, so that looking at it changes nothing.

Schema: `metrics` has one row per logged step with its named values as JSON; `events` are what
happened; `status` holds the last of single facts (heartbeat, state, step); `requests` are what
people ask of the trainer.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FILE_NAME = "metrics.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS metrics (step INTEGER PRIMARY KEY, seconds REAL NOT NULL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, time REAL NOT NULL, step INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS status (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY, time REAL NOT NULL, action TEXT NOT NULL);
"""


class StoreError(ValueError):
    """A store that cannot be read; the message names the file."""


@dataclass(frozen=True)
class Row:
    """One logged step: `seconds` of training so far and the named values."""

    step: int
    seconds: float
    record: dict[str, float]


class StoreWriter:
    """The trainer's side. Each call commits, so a killed trainer loses nothing it logged."""

    def __init__(self, folder: Path):
        self._db = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def rewind(self, step: int) -> None:
        """Forget what was logged after `step`: a resumed trainer will log it again."""
        self._db.execute("DELETE FROM metrics WHERE step > ?", (step,))

    def log(self, step: int, seconds: float, record: dict[str, float]) -> None:
        """Add the row of a step."""
        self._db.execute(
            "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?)", (step, seconds, json.dumps(record))
        )

    def event(self, step: int, kind: str, text: str) -> None:
        """Add an event, for people to read."""
        self._db.execute(
            "INSERT INTO events (time, step, kind, text) VALUES (?, ?, ?, ?)", (time.time(), step, kind, text)
        )

    def status(self, **values: str | int | float) -> None:
        """Set single facts, and the heartbeat with them."""
        rows = [(k, json.dumps(v)) for k, v in (values | {"heartbeat": time.time()}).items()]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO status VALUES (?, ?)", rows)
        self._db.execute("COMMIT")

    def take_requests(self) -> list[str]:
        """The actions asked for since the last call, in order."""
        rows = self._db.execute("SELECT id, action FROM requests ORDER BY id").fetchall()
        if rows:
            self._db.execute("DELETE FROM requests WHERE id <= ?", (rows[-1][0],))
        return [action for _, action in rows]

    def close(self) -> None:
        """Fold everything into one plain file. Readers that still hold it open delay only that."""
        try:
            self._db.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            pass  # a reader is looking right now: the WAL stays valid and is folded in later
        self._db.close()


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    path = folder / FILE_NAME
    if not path.exists():
        yield None
        return
    live = path.with_name(FILE_NAME + "-wal").exists()
    uri = f"file:{quote(str(path.resolve()))}?{'mode=ro' if live else 'immutable=1'}"
    db = sqlite3.connect(uri, uri=True, timeout=2)
    try:
        yield db
    finally:
        db.close()


def _query(folder: Path, sql: str, arguments: tuple = ()) -> list[tuple]:
    try:
        with _reading(folder) as db:
            return db.execute(sql, arguments).fetchall() if db else []
    except sqlite3.OperationalError:
        return []  # the trainer has not created its tables yet
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{folder / FILE_NAME} is damaged ({error})") from None


def send_request(folder: Path, action: str) -> None:
    """Ask the trainer of a run for an action; it looks a few times a second.

    Raises `StoreError` if the run has no store, or none that can be written to.
    """
    try:
        db = sqlite3.connect(
            f"file:{quote(str((folder / FILE_NAME).resolve()))}?mode=rw", uri=True, timeout=5
        )
        try:
            with db:
                db.execute("INSERT INTO requests (time, action) VALUES (?, ?)", (time.time(), action))
        finally:
            db.close()
    except sqlite3.Error as error:
        raise StoreError(f"{folder / FILE_NAME} takes no requests ({error})") from None


def read_metrics(folder: Path, after: int = -1) -> list[Row]:
    """The rows of the steps after `after`, in order."""
    rows = _query(folder, "SELECT step, seconds, record FROM metrics WHERE step > ? ORDER BY step", (after,))
    return [Row(step, seconds, json.loads(record)) for step, seconds, record in rows]


def log_identity(folder: Path) -> tuple:
    """What changes when rows that were read before may no longer hold: another run in the folder, or
    a training that was begun again and takes back what it had logged after the state it goes on from."""
    sql = "SELECT COUNT(*), MIN(time) FROM events WHERE kind IN ('started', 'resumed')"
    return tuple(_query(folder, sql))


def read_events(folder: Path) -> list[tuple[float, int, str, str]]:
    """(unix time, step, kind, text) of every event, in order."""
    return _query(folder, "SELECT time, step, kind, text FROM events ORDER BY id")


def read_status(folder: Path) -> dict[str, str | int | float]:
    """The run's single facts by name."""
    return {name: json.loads(value) for name, value in _query(folder, "SELECT name, value FROM status")}
