"""Fixtures: a cache and a folder of runs of the tests' own, a tiny AIR, strict Pyro."""

import pyro
import pytest
import torch

from air_core.air import AIR
from air_core.config import Config

TINY = Config().with_settings(
    canvas_side=12,
    shrink_mean=3.5,
    window_side=6,
    z_what_size=3,
    rnn_size=8,
    embedding="linear",
    embedding_size=8,
    predictor_sizes=(8,),
    encoder_sizes=(8,),
    decoder_sizes=(8,),
    baseline_sizes=(8,),
    p_more=0.3,
    where_mean=(2.0, 0.0, 0.0),
    where_sd=(0.3, 0.7, 0.7),
    n_train=400,
    n_validation=40,
    n_test=50,
    steps=12,
    batch_size=8,
    log_every=2,
    validate_every=4,
    snapshot_every=4,
    warmup_steps=2,
    threads=1,
)
"""Every part of AIR at a size that a test can repeat often."""


@pytest.fixture(autouse=True)
def strict_pyro():
    """Validation on, nothing left in the global store, seeded noise."""
    pyro.enable_validation(True)
    pyro.clear_param_store()
    torch.manual_seed(0)
    yield
    pyro.enable_validation(False)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Scenes built by tests go to a folder of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def own_runs(tmp_path, monkeypatch):
    """An empty folder of runs."""
    monkeypatch.setenv("AIR_CHECKPOINTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def tiny_config():
    return TINY


@pytest.fixture
def tiny():
    """A tiny AIR with fixed weights, large enough that all its outputs matter."""
    torch.manual_seed(1)
    air = AIR(TINY)
    with torch.no_grad():
        for parameter in air.parameters():
            parameter.mul_(2)
    return air


@pytest.fixture
def images():
    """Five images of the tiny canvas."""
    return torch.rand(5, 12, 12, generator=torch.Generator().manual_seed(2))
