"""Steering a training from outside: start it, pause it, let it go on, stop it; and how it stands.

A trainer is a process of its own, owned by nobody. Its file lock says whether it lives; what it is
asked for goes through the run's store.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from air_core.loop import StopRequest
from air_core.records import Record
from air_core.runs import Run, list_runs
from air_core.store import StoreWriter, read_status

POLL_SECONDS = 0.2
"""How often a trainer looks for requests: quick for a person, nothing for the trainer."""


class Control:
    """The loop's observer that obeys `pause`, `continue` and `stop`. In a pause the loop stands still."""

    def __init__(self, store: StoreWriter, stop: StopRequest):
        self.store, self.stop = store, stop
        self.paused_seconds = 0.0
        self._looked = 0.0

    def __call__(self, step: int, record: Record) -> None:
        if time.monotonic() - self._looked < POLL_SECONDS:
            return
        paused = self._obey(paused=False)
        if paused:
            self._wait(step)
        self._looked = time.monotonic()

    def _obey(self, paused: bool) -> bool:
        """Take what was asked for; whether the training is to stand still."""
        for action in self.store.take_requests():
            if action == "stop":
                self.stop.by_request = True
            paused = action == "pause"
        return paused

    def _wait(self, step: int) -> None:
        began = time.monotonic()
        self.store.event(step, "paused", f"at step {step}")
        self.store.status(state="paused")
        while not self.stop() and self._obey(paused=True):
            time.sleep(POLL_SECONDS)
        self.paused_seconds += time.monotonic() - began
        if not self.stop():
            self.store.event(step, "continued", f"at step {step}")
            self.store.status(state="running")


def state_of(run: Run, alive: bool | None = None) -> str:
    """`running`, `paused`, `interrupted`, `finished`, `failed`, or `new` if it never began.

    `alive` is whether a trainer holds its lock; looked up if not given.
    """
    state = str(read_status(run.folder).get("state", "new"))
    if run.is_trained_now() if alive is None else alive:
        return "paused" if state == "paused" else "running"
    return "interrupted" if state in ("running", "paused") else state


def living_runs() -> list[Run]:
    """The runs that are being trained now."""
    return [run for run in list_runs() if run.is_trained_now()]


def launch(run: Run) -> None:
    """Start or go on with a run's training in a process that outlives this one.

    What it prints goes to `trainer.log` in the run's folder. Does not wait; if the trainer cannot
    begin, the log says why.
    """
    command = [sys.executable, "-m", "air_core.train", "--resume", str(run.folder)]
    with open(run.folder / "trainer.log", "ab") as log:
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # or it stays as a zombie
