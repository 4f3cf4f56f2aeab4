"""Event files, read back with the real TensorBoard."""

import builtins

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from air_core.config import ConfigError
from air_core.loop import StopRequest
from air_core.runs import create_run
from air_core.store import read_metrics
from air_core.train import train
from tests.conftest import TINY


def test_what_is_logged_is_read_back_by_tensorboard(own_runs):
    run = create_run("tiny", TINY)
    train(run, tensorboard=True)
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    for name in ("elbo", "kl_where", "validation/count_accuracy", "scenes_per_second"):
        logged = [(row.step, row.record[name]) for row in read_metrics(run.folder) if name in row.record]
        read = [(scalar.step, scalar.value) for scalar in events.Scalars(name)]
        assert read == [(step, pytest.approx(value, rel=1e-6)) for step, value in logged]
    assert "config/text_summary" in events.Tags()["tensors"]


def test_a_resumed_training_takes_back_what_it_will_log_again(own_runs, monkeypatch):
    from air_core import train as module

    run = create_run("tiny", TINY)
    request = StopRequest()
    step = module.Trainer.step

    def killed(self, number):
        if number == 7:
            raise MemoryError
        return step(self, number)

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(module.Trainer, "step", killed)
        train(run, request, tensorboard=True)
    train(run, tensorboard=True)
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert [scalar.step for scalar in events.Scalars("elbo")] == [2, 4, 6, 8, 10, 12]


def test_without_the_package_the_way_to_it_is_said(own_runs, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="requirements-tensorboard.txt"):
        train(create_run("tiny", TINY), tensorboard=True)
