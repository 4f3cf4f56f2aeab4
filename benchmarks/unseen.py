"""Counts that training never showed: `python -m benchmarks.unseen`, one small file a run in `results/unseen/`.

The paper's two experiments (Eslami et al. 2016, section 3.2): learn from scenes of 0, 1 and 2 digits
and count 3; learn from 0, 1 and 3 and count 2. Once with plain AIR, whose recurrent network reads
the whole scene, and once with DAIR, which reads what is left over and remembers nothing. It goes
on where it stopped. The two runs that learned from 0 to 2 stay in `checkpoints/`: the app ships them.
"""

from __future__ import annotations

import sys

import numpy as np
import pyro

from air_core.command import run_command
from air_core.digits import load_digits, split_digits
from air_core.evaluation import bootstrap_interval, confusion_matrix, evaluate
from air_core.explain import Answer, explain
from air_core.runs import Run, delete_run
from air_core.scenes import SCENES, load_scenes
from benchmarks.seeds import PLAIN, RESULTS, trained, write_result

GUIDES = {"air": "windowed", "dair": "difference"}
LEARNED = {(0, 1, 2): 3, (0, 1, 3): 2}
"""The counts of the training scenes, and the one that they leave out."""

SETTINGS = PLAIN | {"max_steps": 4, "steps": 6_000, "snapshot_every": 6_000, "threads": 1}
"""One thread, so that another training fits beside it: nothing here is about time."""

N_UNSEEN = 5_000


def unseen_accuracy(run: Run, count: int) -> dict:
    """How test scenes of `count` digits are counted, which the run never saw."""
    config, air = run.config(), run.load()
    digits = split_digits(load_digits(config.scene.digits), "test", config.scene.scene_seed)
    settings = config.with_settings(counts=(count,)).scene
    scenes = SCENES[settings.scenes](settings, digits, N_UNSEEN, np.random.default_rng([count, 99]))
    found = explain(air, scenes.images, Answer)
    right = found.counts == scenes.counts
    return {
        "count": count,
        "n": N_UNSEEN,
        "count_accuracy": float(right.mean()),
        "count_accuracy_interval": bootstrap_interval(right, scenes.digits),
        "counted": confusion_matrix(scenes.counts, found.counts, config.model.max_steps)[count].tolist(),
    }


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    pyro.enable_validation(False)
    for counts, left_out in LEARNED.items():
        for name, guide in GUIDES.items():
            title = f"{name}-{'-'.join(map(str, counts))}"
            path = RESULTS / "unseen" / f"{title}.json"
            if path.exists():
                continue
            settings = SETTINGS | {"guide": guide, "counts": ",".join(map(str, counts))}
            run = trained(title, 0, settings)
            content = run.description() | {
                "test": evaluate(run.load(), load_scenes(run.config().scene, "test"), samples=1),
                "unseen": unseen_accuracy(run, left_out),
            }
            write_result(path, content)
            if left_out == 2:
                delete_run(run)
            accuracy, unseen = content["test"]["count_accuracy"], content["unseen"]["count_accuracy"]
            print(
                f"{title}: {accuracy:.2%} of scenes as it learned from, {unseen:.2%} of {left_out} digits",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.unseen", main))
