"""Kills a trainer with SIGKILL at random moments and resumes it each time.

The run must end with the weights of one that nobody touched, bit for bit, and with the same rows.

`python -m tests.kill_and_resume [KILLS [SEED]]` (30 kills take some minutes) prints what happened.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from air_core.control import state_of
from air_core.runs import Run, find_run, read_tensors
from air_core.store import read_metrics, read_status
from tests.conftest import TINY

CLOCK = {"scenes_per_second", "validation/seconds"}
"""Logged values that depend on the clock, so that no two trainings share them."""


def flags(**changes) -> list[str]:
    """The tiny settings, changed, for the command line."""
    values = TINY.with_settings(**changes).values()
    texts = {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in values.items()}
    return [flag for name, text in texts.items() for flag in ("--set", f"{name}={text}")]


def start(*arguments: str) -> subprocess.Popen:
    """A trainer of its own."""
    command = [sys.executable, "-m", "air_core.train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows_of(run: Run) -> list[tuple]:
    """Every logged row without what depends on the clock."""
    rows = read_metrics(run.folder)
    return [(row.step, {k: v for k, v in row.record.items() if k not in CLOCK}) for row in rows]


def assert_same_run(one: Run, other: Run) -> None:
    """Same weights bit for bit in every snapshot, same rows in the store."""
    assert one.steps() == other.steps()
    for step in one.steps():
        a, b = (read_tensors(run.snapshot_path(step))[0] for run in (one, other))
        assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a), step
    assert rows_of(one) == rows_of(other)


def wait_for_a_moment(process: subprocess.Popen, folder: Path, drawn: random.Random, stride: float) -> None:
    """Wait until a random moment: one in four while it starts, the others a while into its steps."""
    if drawn.random() < 0.25:
        time.sleep(drawn.uniform(0.5, 5))  # Python, torch, scenes, resuming, first steps
        return
    target = int(read_status(folder).get("step", 0)) + drawn.uniform(0, stride)
    while process.poll() is None and int(read_status(folder).get("step", 0)) < target:
        time.sleep(0.005)
    time.sleep(drawn.uniform(0, 0.1))


def kill_often(whole: Run, name: str, settings: list[str], kills: int, seed: int) -> tuple[Run, list[int]]:
    """Train `name` with the settings of the finished run `whole`, killing it; the steps it was killed at.

    After each kill the rows in the store must be those of `whole`, without a gap, at least up to the
    last saved state.
    """
    drawn, killed = random.Random(seed), []
    run = Run(whole.folder.parent / name)
    while len(killed) < kills:
        begun = (run.folder / "config.json").exists()
        process = start(*(["--resume", name] if begun else ["--name", name, *settings]))
        wait_for_a_moment(process, run.folder, drawn, stride=whole.config().train.steps / kills)
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, f"it ended by itself: {errors}"
        killed.append(int(read_status(run.folder).get("step", 0)))
        rows = rows_of(run)
        assert rows == rows_of(whole)[: len(rows)]
        assert not run.states() or not run.states()[-1] or rows[-1][0] >= run.states()[-1]
    _, errors = start("--resume", name).communicate()
    assert state_of(run) == "finished", errors
    return run, killed


def main(kills: int = 30, seed: int = 0) -> None:
    """Kill, resume and compare; prints what happened."""
    settings = flags(steps=100 * kills, log_every=2, validate_every=20, snapshot_every=500)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIR_CHECKPOINTS"] = folder
        _, errors = start("--name", "whole", *settings).communicate()
        run, killed = kill_often(find_run("whole"), "cut", settings, kills, seed)
        assert_same_run(run, find_run("whole"))
        print(f"killed {len(killed)} times, at steps {killed}")
        rows, snapshots = len(read_metrics(run.folder)), len(run.steps())
        print(f"same weights bit for bit in {snapshots} snapshots, same {rows} rows, none lost, none doubled")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
