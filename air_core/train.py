"""`python -m air_core.train`: train AIR and leave a run folder that says everything about it."""

from __future__ import annotations

import argparse
import ctypes
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import pyro
import torch
from filelock import Timeout

from air_core.air import AIR
from air_core.command import Interrupted, run_command
from air_core.config import ConfigError, TrainConfig, parse_setting
from air_core.control import Control, living_runs, state_of
from air_core.loop import NonFinite, Observer, StopRequest, every, run_steps, stop_on_signals, when
from air_core.observers import HealthMonitor, Progress, Recorder, Snapshotter, Validator, snapshot_steps
from air_core.presets import PRESETS
from air_core.records import Record, is_look
from air_core.runs import Run, RunError, change_settings, create_run, find_run, read_tensors
from air_core.scenes import load_scenes
from air_core.store import StoreWriter, read_status
from air_core.tensorboard import TensorBoardSink, sink_folder, summary_writer
from air_core.trainer import Trainer, training_batches


def resume(run: Run, trainer: Trainer, store: StoreWriter) -> tuple[int, float]:
    """Load the newest state that is whole; (step, seconds), or (0, 0) for a run without weights.

    Damaged states are named in an event and on standard error. What was logged, snapshot or saved
    after the state's step is dropped: it will be done again. Raises `RunError`, with nothing
    touched, if there are weights but no state to go on from.
    """
    for step in reversed(run.states()):
        try:
            tensors, facts = read_tensors(run.state_path(step))
            trainer.load_state(tensors)
            seconds = facts["seconds"]
            break
        except (RunError, KeyError, RuntimeError) as error:
            message = f"skipped a damaged state: {error}"
            print(message, file=sys.stderr)
            store.event(step, "damaged", message)
    else:
        if max(run.steps(), default=0) > 0:
            raise RunError(
                f"run {run.name} cannot be continued: it has weights, but no whole state to go on from"
            )
        step, seconds = 0, 0.0
    store.rewind(step)
    for path in [run.snapshot_path(k) for k in run.steps()] + [run.state_path(k) for k in run.states()]:
        if int(path.stem.split("_")[1]) > step:
            path.unlink()
    return step, seconds


def train(run: Run, stop_requested: StopRequest | None = None, tensorboard: bool = False) -> int:
    """Train a run from where it stands to its last step; the step reached.

    `tensorboard` also writes event files to the run's folder; a run that has some goes on with them.

    Holds the run's lock. Raises `RunError` if another trainer holds it, `NonFinite` if the
    training breaks, `ConfigError` if the settings cannot be followed.
    """
    try:
        with run.lock():
            store = StoreWriter(run.folder)
            try:
                return _train_locked(run, store, stop_requested or StopRequest(), tensorboard)
            except (RunError, ConfigError):
                raise  # it did not begin
            except BaseException as error:
                kind = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                with suppress(sqlite3.Error):  # a full disk must not hide what happened
                    store.event(-1, kind, str(error) or type(error).__name__)
                    store.status(state=kind)
                raise
            finally:
                store.close()
    except Timeout:
        raise RunError(f"run {run.name} is being trained by another process") from None


def _observers(
    settings: TrainConfig,
    validator: Observer,
    logs: Sequence[Observer],
    snapshotter: Snapshotter,
    monitor: Observer,
) -> list[Observer]:
    """Who looks at which steps, in order.

    What a resumed run goes on from is saved last: all that belongs to its step is there then.
    """
    snapshots = snapshot_steps(settings.snapshot_every, settings.steps)

    def to_log(step: int, record: Record) -> bool:
        return step % settings.log_every == 0 or is_look(record)

    def looked(step: int, record: Record) -> bool:
        return is_look(record)

    return [
        every(settings.validate_every, validator, also=snapshots),
        *(when(to_log, log) for log in logs),
        when(looked, snapshotter.check),
        when(lambda step, record: step in snapshots, snapshotter),
        when(looked, monitor),
        when(looked, snapshotter.save_state),
    ]


def _train_locked(run: Run, store: StoreWriter, stop_requested: StopRequest, tensorboard: bool) -> int:
    store.take_requests()  # of a training that ended before it could obey
    config = run.config()
    settings = config.train
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    air = AIR(config)
    trainer = Trainer(air, training_batches(config), config)
    validator = Validator(air, load_scenes(config.scene, "validation"))
    start, seconds = resume(run, trainer, store)

    control = Control(store, stop_requested)
    recorder = Recorder(run, store, control, start, seconds)
    snapshotter = Snapshotter(run, trainer, recorder)
    monitor = HealthMonitor(run, store)
    progress = Progress(start, settings.steps)
    sinks = [TensorBoardSink(run, start)] if tensorboard or sink_folder(run).exists() else []
    observers = [
        *_observers(settings, validator, (recorder, *sinks), snapshotter, monitor),
        progress,
        control,
    ]
    store.status(state="running", step=start, steps=settings.steps, pid=os.getpid())
    store.event(start, "started" if start == 0 else "resumed", f"at step {start} of {settings.steps}")
    if start == 0:
        snapshotter(0, {})
    try:
        with stop_on_signals(stop_requested):
            reached = run_steps(trainer.step, start, settings.steps, observers, stop_requested)
    except NonFinite as error:
        broken = recorder.broken(error)
        for observe in (monitor, *sinks):
            observe(error.step, broken)
        raise
    finally:
        for closed in (progress, *sinks):
            closed.close()
    if reached < settings.steps:
        snapshotter.save_state(reached, {})
    state = "finished" if reached == settings.steps else "interrupted"
    store.event(reached, state, f"at step {reached} of {settings.steps}")
    store.status(state=state, step=reached)
    return reached


def keep_freed_memory() -> None:
    """Tell glibc to keep the memory that each step frees for the next step.

    By default it returns such large blocks to the system and faults them in again at every
    step, which takes a fifth of the time. Without glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    # Numbers of malloc.h. One arena, because the backward pass frees in another thread what the
    # forward pass needs again; 32 MiB is the largest threshold that glibc accepts.
    for parameter, value in ((-8, 1), (-3, 2**25), (-1, 2**31 - 1)):  # ARENA_MAX, MMAP and TRIM_THRESHOLD
        mallopt(parameter, value)


def chosen_run(options: argparse.Namespace) -> Run:
    """The run that the command line asks for, created or found; raises `ConfigError`, `RunError`."""
    if options.resume is None:
        changes = dict(parse_setting(text) for text in options.set)
        for name in ("estimator", "steps", "seed"):
            if getattr(options, name) is not None:
                changes[name] = getattr(options, name)
        config = PRESETS[options.preset or "multi_mnist"].with_settings(**changes)
        AIR(config)  # every name in the settings exists
        name = options.name or f"{options.preset or 'multi_mnist'}-{datetime.now():%Y%m%d-%H%M%S}"
        return create_run(name, config)
    if options.preset or options.estimator or options.name or options.set or options.seed is not None:
        raise ConfigError("--resume continues a run as it is; only --steps may be given with it")
    run = find_run(options.resume)
    config, done = run.config(), max([*run.states(), *run.steps()], default=0)
    steps = options.steps or config.train.steps
    if done >= steps and (state_of(run) == "finished" or not run.states()):
        raise RunError(f"run {run.name} is finished at step {done}; give --steps more than that to go on")
    if steps != config.train.steps:
        if not run.states():
            raise RunError(f"run {run.name} cannot be continued: it has no state to go on from")
        if run.is_trained_now():
            raise RunError(f"run {run.name} is being trained by another process")
        change_settings(run, config.with_settings(steps=steps))
    return run


def refuse_beside_another(resumed: str | None) -> None:
    """Raise `RunError` if a run other than the `resumed` one is being trained: both would get slower."""
    own = find_run(resumed).folder.resolve() if resumed else None
    for other in living_runs():
        if other.folder.resolve() != own:
            pid = read_status(other.folder).get("pid", "PID")
            raise RunError(
                f"run {other.name} is being trained; stop it on the Training page or with 'kill {pid}', "
                "or train beside it with --also"
            )


def main(arguments: list[str] | None = None) -> None:
    """The command; raises what `run_command` turns into one line."""
    parser = argparse.ArgumentParser(prog="python -m air_core.train", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, help="settings to start from (default multi_mnist)")
    parser.add_argument("--estimator", metavar="E", help="gradient estimator")
    parser.add_argument("--steps", type=int, metavar="N", help="optimisation steps")
    parser.add_argument("--seed", type=int, metavar="S", help="seed of weights, order and noise")
    parser.add_argument("--name", metavar="RUN", help="name of the run's folder in checkpoints/")
    parser.add_argument("--resume", metavar="RUN", help="continue this run")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change any setting; may be repeated",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write event files for TensorBoard to the run's folder",
    )
    parser.add_argument(
        "--also", action="store_true", help="train although another run is being trained; both get slower"
    )
    options = parser.parse_args(arguments)

    keep_freed_memory()
    pyro.enable_validation(False)
    if options.tensorboard:
        summary_writer()  # before a run is made
    if not options.also:
        refuse_beside_another(options.resume)
    run = chosen_run(options)
    print(f"run {run.name} in {run.folder}", flush=True)
    stop = StopRequest()
    reached = train(run, stop, options.tensorboard)
    if stop() and reached < run.config().train.steps:
        how = f"stopped at step {reached}; continue with: python -m air_core.train --resume {options.resume or run.name}"
        raise Interrupted(how, 128 + stop.signal if stop.signal else 0)
    print(f"finished {run.name} at step {reached}; see it with: make app", flush=True)


if __name__ == "__main__":
    sys.exit(run_command("air_core.train", main))
