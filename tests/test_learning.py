"""Real short trainings on real digits, by the commands a user types: good ones count, broken ones say so."""

import json
import subprocess
import sys

import pytest

from air_core.runs import find_run
from air_core.store import read_events
from tests.record_series import SERIES

STEPS = 1800
SMALL = {"n_train": 20_000, "n_test": 2000, "n_validation": 1000, "validate_every": 200}
TINY = (
    SMALL
    | {"n_validation": 200, "validate_every": 100, "batch_size": 8, "rnn_size": 32}
    | {
        "embedding": "linear",
        "embedding_size": 32,
    }
)
"""Enough to go wrong with."""


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)


def train(name: str, steps: int, **settings) -> subprocess.CompletedProcess:
    texts = {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in settings.items()}
    flags = [flag for key, value in texts.items() for flag in ("--set", f"{key}={value}")]
    return python("air_core.train", "--name", name, "--steps", str(steps), *flags)


def findings(name: str) -> list[str]:
    """What the health rules wrote down while a run was trained."""
    return [text for _, _, kind, text in read_events(find_run(name).folder) if kind == "health"]


def test_a_short_training_counts_and_is_called_healthy(own_runs):
    trained = train("short", STEPS, batch_size=64, **SMALL)
    assert trained.returncode == 0, trained.stderr
    evaluated = python("air_core.evaluate", "short", "--samples", "1", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    result = json.loads(evaluated.stdout)
    print({key: result[key] for key in ("count_accuracy", "elbo", "blank", "box_iou")})
    assert result["count_accuracy"] >= 0.95
    assert result["elbo"] > result["blank"] + 100
    assert result["box_iou"] > 0.6
    assert findings("short") == []


@pytest.mark.parametrize(
    ("series", "title"), [("blank", "Nothing is painted"), ("shared_window", "Two digits share one window")]
)
def test_a_broken_training_says_what_is_wrong_while_it_runs(own_runs, series, title):
    trained = train("broken", 1200, **TINY, **SERIES[series])
    assert trained.returncode == 0, trained.stderr
    assert findings("broken")[0].startswith(title)


def test_a_training_that_breaks_says_what_broke(own_runs):
    trained = train("broken", 100, **TINY, **SERIES["non_finite"])
    assert trained.returncode == 1 and "Traceback" not in trained.stderr
    assert "log_likelihood" in trained.stderr
    assert findings("broken")[0].startswith("A number is no longer finite")
