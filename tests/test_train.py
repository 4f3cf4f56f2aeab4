"""Training: the command's contract, and that nothing a user does to it loses anything."""

import errno
import os
import signal
import sqlite3
import subprocess
import time

import numpy as np
import pyro
import pytest
import torch

from air_core import train as train_module
from air_core.command import run_command
from air_core.control import state_of
from air_core.loop import NonFinite, StopRequest
from air_core.presets import PRESETS
from air_core.records import is_look
from air_core.runs import Run, RunError, create_run, find_run, read_tensors
from air_core.scenes import load_scenes
from air_core.store import StoreWriter, read_events, read_metrics, read_status
from air_core.train import train
from air_core.trainer import batch_indices, fresh_batches, step_size
from tests.conftest import TINY
from tests.kill_and_resume import assert_same_run, flags, kill_often, start

TINY_FLAGS = flags()


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def command(capsys):
    """The command within this process, which is quicker than starting Python anew."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command("air_core.train", lambda: train_module.main(list(arguments)))
        return code, *capsys.readouterr()

    return run


def final_weights(run: Run) -> dict[str, torch.Tensor]:
    return read_tensors(run.snapshot_path(run.steps()[-1]))[0]


def test_the_command_trains_a_run(own_runs):
    code, out, err = finish(start("--name", "first", *TINY_FLAGS))
    assert code == 0, err
    assert "Traceback" not in err and "finished first at step 12" in out and "count accuracy" in out
    run = find_run("first")
    assert run.config() == TINY
    assert run.steps() == [0, 4, 8, 12] and run.states() == [8, 12]
    dtypes = [next(iter(read_tensors(run.snapshot_path(step))[0].values())).dtype for step in (0, 4, 12)]
    assert dtypes == [torch.float16, torch.float16, torch.float32]
    rows = read_metrics(run.folder)
    assert [row.step for row in rows] == [2, 4, 6, 8, 10, 12]
    assert {"elbo", "log_likelihood", "kl_pres", "scenes_per_second"} <= set(rows[0].record)
    assert {"validation/count_accuracy", "validation/blank", "validation/recall_2"} <= set(rows[-1].record)
    assert read_status(run.folder)["state"] == "finished"
    assert not list(run.folder.glob("metrics.sqlite-*"))
    code, out, err = finish(start("--resume", "first"))
    assert code == 1 and "finished at step 12" in err and "Traceback" not in err
    assert finish(start("--resume", "first", "--steps", "14"))[0] == 0
    assert run.steps()[-1] == 14


def test_no_look_at_the_validation_scenes_is_lost(own_runs):
    """Also where looks do not fall on logged steps."""
    run = create_run("odd", TINY.with_settings(log_every=5, validate_every=3, snapshot_every=4))
    train(run)
    rows = read_metrics(run.folder)
    assert [row.step for row in rows] == [3, 4, 5, 6, 8, 9, 10, 12]
    assert [row.step for row in rows if is_look(row.record)] == [3, 4, 6, 8, 9, 12]


@pytest.fixture
def uninterrupted(own_runs):
    run = create_run("whole", TINY)
    assert train(run) == 12
    return run


@pytest.mark.parametrize("stop_after", [1, 4, 7])
def test_a_stopped_run_resumes_bit_for_bit(uninterrupted, stop_after, monkeypatch):
    run = create_run("cut", TINY)
    request = StopRequest()
    step = train_module.Trainer.step

    def step_then_stop(self, number):
        if number == stop_after:
            request.signal = signal.SIGINT
        return step(self, number)

    with monkeypatch.context() as patched:
        patched.setattr(train_module.Trainer, "step", step_then_stop)
        assert train(run, request) == stop_after
    assert read_status(run.folder)["state"] == "interrupted"
    assert train(run) == 12
    assert_same_run(run, uninterrupted)


def wait_for_step(run_folder, step: int) -> None:
    for _ in range(600):
        if read_status(run_folder).get("step", -1) >= step:
            return
        time.sleep(0.05)
    raise AssertionError(f"step {step} was never reached")


LONGER = flags(steps=800, snapshot_every=100, validate_every=20)


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """A longer run that nobody interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_CHECKPOINTS", str(tmp_path_factory.mktemp("longer")))
        assert finish(start("--name", "whole", *LONGER))[0] == 0
        yield find_run("whole")


def test_a_run_that_is_killed_again_and_again_ends_as_if_it_was_not(longer):
    run, killed = kill_often(longer, "killed", LONGER, kills=3, seed=1)
    assert len(killed) == 3
    assert_same_run(run, longer)


def test_a_run_that_is_asked_to_stop_resumes_bit_for_bit(longer, command, monkeypatch):
    monkeypatch.setenv("AIR_CHECKPOINTS", str(longer.folder.parent))
    run, process = Run(longer.folder.parent / "asked"), start("--name", "asked", *LONGER)
    for number, code, step in ((signal.SIGINT, 130, 150), (signal.SIGTERM, 143, 400)):
        wait_for_step(run.folder, step)
        assert run.is_trained_now()
        refused = command("--resume", "asked")
        assert refused[0] == 1 and "being trained by another process" in refused[2]
        beside = command("--name", "beside", *TINY_FLAGS)
        assert beside[0] == 1 and "run asked is being trained" in beside[2]
        assert f"kill {process.pid}" in beside[2] and not (longer.folder.parent / "beside").exists()
        process.send_signal(number)
        returned, _, err = finish(process)
        assert returned == code and "Traceback" not in err and "--resume asked" in err
        assert run.states()[-1] < 800 and not run.is_trained_now()
        process = start("--resume", "asked")
    assert finish(process)[0] == 0
    assert_same_run(run, longer)


def test_a_damaged_state_is_named_and_the_one_before_is_used(uninterrupted, capsys):
    state = uninterrupted.state_path(12)
    expected = final_weights(uninterrupted)
    state.write_bytes(state.read_bytes()[:5000])
    assert train(uninterrupted) == 12
    assert "state_00000012.safetensors is damaged" in capsys.readouterr().err
    assert any(kind == "damaged" for _, _, kind, _ in read_events(uninterrupted.folder))
    assert all(torch.equal(value, expected[name]) for name, value in final_weights(uninterrupted).items())


def test_a_non_finite_loss_stops_the_run_by_name(own_runs, monkeypatch):
    pyro.enable_validation(False)  # as the command does
    run = create_run("broken", TINY)
    estimator = train_module.Trainer.step

    def poisoned(self, number):
        if number == 6:
            with torch.no_grad():
                self.air.model.decoder.layers[0].weight.fill_(float("nan"))
        return estimator(self, number)

    monkeypatch.setattr(train_module.Trainer, "step", poisoned)
    with pytest.raises(NonFinite, match="step 6: .*log_likelihood"):
        train(run)
    assert run.steps() == [0, 4]
    assert torch.isfinite(run.load().model.decoder.layers[0].weight).all()
    assert read_status(run.folder)["state"] == "failed"
    assert any("step 6" in text for _, _, _, text in read_events(run.folder))


def test_the_broken_term_is_named_by_every_estimator(own_runs, monkeypatch):
    pyro.enable_validation(False)
    run = create_run("broken", TINY.with_settings(estimator="trace_graph"))
    step = train_module.Trainer.step

    def poisoned(self, number):
        if number == 3:
            with torch.no_grad():
                self.air.model.decoder.layers[0].weight.fill_(float("nan"))
        return step(self, number)

    monkeypatch.setattr(train_module.Trainer, "step", poisoned)
    with pytest.raises(NonFinite, match="step 3: log_likelihood"):
        train(run)


def test_weights_without_a_state_are_never_touched(uninterrupted, command):
    """As the shipped run is: its states are not in the repository."""
    for step in uninterrupted.states():
        uninterrupted.state_path(step).unlink()
    before = {path.name: path.read_bytes() for path in uninterrupted.folder.glob("step_*")}
    rows = read_metrics(uninterrupted.folder)
    for arguments in ((), ("--steps", "20")):
        code, _, err = command("--resume", "whole", *arguments)
        assert code == 1 and len(err.strip().splitlines()) == 1
    with pytest.raises(RunError, match="cannot be continued"):
        train(uninterrupted)
    assert {path.name: path.read_bytes() for path in uninterrupted.folder.glob("step_*")} == before
    assert read_metrics(uninterrupted.folder) == rows


def test_a_run_keeps_its_origin_when_it_is_prolonged(uninterrupted, command):
    description = uninterrupted.description()
    assert command("--resume", "whole", "--steps", "14")[0] == 0
    prolonged = uninterrupted.description()
    assert prolonged["settings"]["train"]["steps"] == 14
    assert {**prolonged, "settings": 0} == {**description, "settings": 0}


def test_a_disk_that_fills_up_leaves_what_was_saved(own_runs, monkeypatch, capsys):
    """ENOSPC where weights are made durable: one clear line, and the last good snapshot loads."""
    run, real = create_run("full", TINY), os.fsync

    def no_space(file):
        if run.states() == [4, 8]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", no_space)
        assert run_command("air_core.train", lambda: train(run)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line for line in lines if "step 4" not in line][-1].startswith("air_core.train: No space left")
    assert run.steps() == [0, 4, 8] and not list(run.folder.glob("*.tmp"))
    assert state_of(run) == "failed" and run.load()
    assert train(run) == 12  # once there is room again


def test_a_store_on_a_full_disk_is_one_clear_line(own_runs, monkeypatch, capsys):
    def no_space(*_):
        raise sqlite3.OperationalError("database or disk is full")

    run = create_run("full", TINY)
    monkeypatch.setattr(StoreWriter, "log", no_space)
    assert run_command("air_core.train", lambda: train(run)) == 1
    assert capsys.readouterr().err.strip().endswith("air_core.train: database or disk is full")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "steps"],
        ["--set", "guide=nonsense"],
        ["--estimator", "nonsense"],
        ["--steps", "0"],
        ["--name", "../up"],
        ["--resume", "absent"],
        ["--resume", "absent", "--seed", "1"],
        ["--set", "digits=/absent"],
        ["--set", "batches=fixed", "--set", "batch_size=60000", "--set", "n_train=100"],
    ],
)
def test_mistakes_get_one_clear_line(own_runs, command, arguments):
    code, out, err = command(*arguments)
    assert code == 1 and err.startswith("air_core.train: ") and len(err.strip().splitlines()) == 1


def test_data_order_is_a_permutation_of_every_epoch():
    seen = np.concatenate([batch_indices(step, 10, 3, seed=0) for step in (1, 2, 3)])
    assert len(set(seen.tolist())) == 9
    again = np.concatenate([batch_indices(step, 10, 3, seed=0) for step in (4, 5, 6)])
    assert not np.array_equal(seen, again)
    assert np.array_equal(batch_indices(5, 10, 3, seed=0), again[3:6])


def test_fresh_batches_are_new_at_every_step_and_the_same_again():
    config = TINY.with_settings(batches="fresh", batch_size=16)
    batches, again = fresh_batches(config), fresh_batches(config)
    assert batches(1).shape == (16, 12, 12) and batches(1).dtype == np.uint8
    assert np.array_equal(batches(7), again(7)) and not np.array_equal(batches(7), batches(8))
    other = fresh_batches(config.with_settings(seed=1))
    assert not np.array_equal(batches(7), other(7))


def test_fresh_scenes_follow_the_recipe():
    """Ink and counts as in the fixed scenes: means agree within their noise."""
    config = TINY.with_settings(batches="fresh", batch_size=400)
    fixed = load_scenes(config.scene, "train").images.reshape(400, -1).sum(1)
    fresh = np.concatenate([fresh_batches(config)(step) for step in range(1, 6)]).reshape(2000, -1).sum(1)
    noise = np.hypot(fixed.std() / 400**0.5, fresh.std() / 2000**0.5)
    assert abs(fixed.mean() - fresh.mean()) < 4 * noise
    assert abs((fresh == 0).mean() - 1 / 3) < 0.05


def test_step_size_rises_and_falls():
    config = PRESETS["multi_mnist"].train
    sizes = [
        step_size(step, config) for step in (1, config.warmup_steps, config.warmup_steps + 1, config.steps)
    ]
    assert sizes[0] == 1 / config.warmup_steps and sizes[1] == sizes[2] == 1 and 0 < sizes[3] < 1e-4
    assert step_size(10**6, PRESETS["tutorial"].train) == 1


def test_two_trainers_of_one_run(own_runs):
    run = create_run("tiny", TINY)
    lock = run.lock()
    with lock, pytest.raises(RunError, match="another process"):
        train(run)
    assert os.listdir(run.folder) == ["config.json", "trainer.lock"] or "metrics.sqlite" not in os.listdir(
        run.folder
    )
