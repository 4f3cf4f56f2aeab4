"""What thinking longer about a scene costs and gains: `python -m benchmarks.refinement RUN`.

On the test scenes, with the model that is there: one look of the guide, several looks that vote
(`air_core/proposals.py`), the count's posterior by importance sampling, and second thoughts on doubtful
scenes (`air_core/reconsider.py`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
import pyro
import torch

from air_core.air import AIR
from air_core.command import run_command
from air_core.evaluation import sampled
from air_core.explain import Answer, batches, explain
from air_core.runs import find_run
from air_core.scenes import load_scenes
from benchmarks.seeds import RESULTS, counted, write_result

LOOKS = (1, 4, 16, 32)
SAMPLES = (10,)


def by_samples(air: AIR, images: np.ndarray, samples: int) -> np.ndarray:
    """Counts (N,) of scenes: the most probable by so many importance samples."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        found = [sampled(air, batch, samples, generator)["posterior"] for batch in batches(images)]
    return torch.cat(found).numpy()


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refinement", description=__doc__)
    parser.add_argument("run")
    run = find_run(parser.parse_args(arguments).run)
    pyro.enable_validation(False)
    air, scenes = run.load(), load_scenes(run.config().scene, "test")
    ways: dict[str, Callable[[], np.ndarray]] = {}
    for looks in LOOKS:
        name = "the guide alone" if looks == 1 else f"{looks} looks"
        ways[name] = lambda looks=looks: explain(air, scenes.images, Answer, looks).counts
    for samples in SAMPLES:
        ways[f"{samples} importance samples"] = lambda k=samples: by_samples(air, scenes.images, k)
    ways["second thoughts"] = lambda: explain(air, scenes.images, Answer, fit="doubtful").counts
    rows = []
    for way, count in ways.items():
        rows.append({"way": way} | counted(scenes, air.config.model.max_steps, count))
        print(
            f"{way}: {rows[-1]['count_accuracy']:.2%}, {rows[-1]['milliseconds_per_scene']:.1f} ms",
            flush=True,
        )
    write_result(RESULTS / "refinement.json", {"run": run.name, "rows": rows} | run.description())


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.refinement", main))
