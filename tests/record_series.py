"""Records what broken and good trainings log, for the tests of the health rules.

`python -m tests.record_series [NAME ...]` trains each (a minute or two on two cores) and leaves
tests/series/NAME.json: the settings that differ from `BASE`, and the logged rows of the looks at the
validation scenes, with the last row.
"""

import json
import sys
import tempfile
from pathlib import Path

import pyro
import pytest

from air_core.config import Config
from air_core.loop import NonFinite
from air_core.records import is_look
from air_core.runs import create_run
from air_core.store import Row, read_metrics
from air_core.train import keep_freed_memory, train

BASE = Config().with_settings(anneal_from=0.5, anneal_steps=300, snapshot_every=2_400)
"""The windowed guide on a fixed set of scenes, which all these failures are known of."""

FOLDER = Path(__file__).parent / "series"
SHORT = {"steps": 2400, "batch_size": 64, "n_train": 20_000, "n_validation": 1000, "validate_every": 200}
SERIES = {
    "good": {},
    "three_objects": {
        "prior": "bernoulli_chain",
        "p_more": 0.99,
        "anneal_from": 0.0,
        "learning_rate": 3e-3,
        "likelihood_sd": 0.2,
        "z_pres_bias": 6.0,
    },
    "blank": {"decoder_bias": -8.0, "p_more": 1e-4, "anneal_from": 0.0, "where_sd_start": 1.0},
    "split": {"anneal_from": 0.95, "anneal_steps": 700, "learning_rate": 3e-3, "p_more": 0.02},
    "shared_window": {"where_mean": (1.6, 0.0, 0.0), "p_more": 1e-4, "anneal_from": 0.0},
    "non_finite": {"likelihood_sd": 1e-19},
}


def load(name: str) -> list[Row]:
    """The recorded rows of a series."""
    content = json.loads((FOLDER / f"{name}.json").read_text())
    return [Row(*row) for row in content["rows"]]


def record(name: str) -> None:
    """Train a series and write its file."""
    settings = SHORT | SERIES[name]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("AIR_CHECKPOINTS", folder)
        run = create_run(name, BASE.with_settings(**settings))
        try:
            train(run)
        except NonFinite as error:
            print(error)
        rows = read_metrics(run.folder)
    kept = [row for row in rows if is_look(row.record) or row is rows[-1]]
    lines = [json.dumps([row.step, round(row.seconds, 2), row.record]) for row in kept]
    rows_text = ",\n".join(lines)
    text = f'{{"settings": {json.dumps(settings)},\n"rows": [\n{rows_text}\n]}}\n'
    (FOLDER / f"{name}.json").write_text(text)


if __name__ == "__main__":
    keep_freed_memory()
    pyro.enable_validation(False)
    for chosen in sys.argv[1:] or SERIES:
        print(chosen, flush=True)
        record(chosen)
