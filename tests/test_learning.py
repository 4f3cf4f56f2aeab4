"""Real short trainings on real digits, by the commands a user types: good ones count, broken ones say so."""

import json
import subprocess
import sys

from air_core.config import Config
from air_core.presets import PRESETS
from air_core.runs import find_run
from air_core.store import read_events
from tests.record_series import BASE, SERIES

STEPS = 600
SMALL = {"n_train": 20_000, "n_test": 1000, "n_validation": 500, "validate_every": 200}
TINY = SMALL | {
    "n_validation": 200,
    "batch_size": 64,
    "rnn_size": 8,
    "embedding": "linear",
    "embedding_size": 8,
    "z_what_size": 4,
    "predictor_sizes": (8,),
    "encoder_sizes": (8,),
    "decoder_sizes": (8,),
    "window_side": 8,
    "threads": 1,
    "counts": (0, 1),
    "max_steps": 1,
}
"""Enough to go wrong with."""


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)


def differences(config: Config) -> dict:
    """The settings of a config that are not those of the preset, which `train` starts from."""
    preset = PRESETS["multi_mnist"].values()
    return {key: value for key, value in config.values().items() if value != preset[key] and key != "steps"}


def train(name: str, steps: int, **settings) -> subprocess.CompletedProcess:
    texts = {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in settings.items()}
    flags = [flag for key, value in texts.items() for flag in ("--set", f"{key}={value}")]
    return python("air_core.train", "--name", name, "--steps", str(steps), *flags)


def findings(name: str) -> list[str]:
    """What the health rules wrote down while a run was trained."""
    return [text for _, _, kind, text in read_events(find_run(name).folder) if kind == "health"]


def test_a_short_training_of_the_preset_counts_and_is_called_healthy(own_runs):
    trained = train("short", STEPS, **SMALL, anneal_steps=150)
    assert trained.returncode == 0, trained.stderr
    evaluated = python("air_core.evaluate", "short", "--samples", "1", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    result = json.loads(evaluated.stdout)
    print({key: result[key] for key in ("count_accuracy", "elbo", "blank", "box_iou")})
    assert result["count_accuracy"] >= 0.95
    assert result["elbo"] > result["blank"] + 140
    assert result["box_iou"] > 0.6
    assert findings("short") == []


def test_a_broken_training_says_what_is_wrong_while_it_runs(own_runs):
    trained = train("broken", 1450, **(differences(BASE) | TINY | SERIES["blank"]))
    assert trained.returncode == 0, trained.stderr
    assert findings("broken")[0].startswith("Nothing is painted")


def test_a_training_that_breaks_says_what_broke(own_runs):
    trained = train("broken", 100, **TINY, **SERIES["non_finite"])
    assert trained.returncode == 1 and "Traceback" not in trained.stderr
    assert "log_likelihood" in trained.stderr
    assert findings("broken")[0].startswith("A number is no longer finite")
