"""A real short training on real digits, by the commands a user types: it must learn to count."""

import json
import subprocess
import sys

STEPS = 1800


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_short_training_counts(own_runs):
    settings = ["batch_size=64", "n_train=20000", "n_test=2000", "validate_every=900", "snapshot_every=900"]
    flags = [flag for setting in settings for flag in ("--set", setting)]
    python("air_core.train", "--name", "short", "--steps", str(STEPS), *flags)
    result = json.loads(python("air_core.evaluate", "short", "--samples", "1", "--json"))
    print({key: result[key] for key in ("count_accuracy", "elbo", "blank", "box_iou")})
    assert result["count_accuracy"] >= 0.95
    assert result["elbo"] > result["blank"] + 100
    assert result["box_iou"] > 0.6
