"""Every seed of a recipe, none left out: each is trained, evaluated and leaves one small file.

`python -m benchmarks.seeds five_minutes` goes on where it stopped: seeds that have a file in
`results/five_minutes/` are done, a training that was interrupted is resumed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyro
import torch

from air_core.command import run_command
from air_core.evaluation import bootstrap_interval, confusion_matrix, evaluate
from air_core.explain import Answer, explain
from air_core.presets import PRESETS
from air_core.records import LOOK, LOOK_SECONDS, is_look
from air_core.runs import Run, RunError, delete_run, find_run, write_aside
from air_core.scenes import Scenes, load_scenes
from air_core.store import read_metrics

RESULTS = Path(__file__).parents[1] / "results"
PRESET = "multi_mnist"
PLAIN = {"warped": 0, "p_more": 0.001}
"""The preset before it warped digits. Trainings of fewer steps keep it, so that results already there stay comparable."""

RECIPES: dict[str, dict] = {
    "five_minutes": PLAIN | {"steps": 3_500, "validate_every": 250},
    "fifteen_minutes": {},
}
"""What each recipe changes in the preset."""

LIMITS = {"five_minutes": 300.0, "fifteen_minutes": 900.0}
"""Seconds of training on `CORES` cores, looks left out, that the recipes are named after; a machine may be slower."""

CORES = 2
"""Cores that the limits mean."""

LOOKS = 16
"""Second looks at test time, for the figures with refinement."""


def result_path(recipe: str, seed: int) -> Path:
    """The small file that a seed leaves."""
    return RESULTS / recipe / f"seed_{seed:02d}.json"


def matmul_rate(side: int = 1024, seconds: float = 1.0) -> float:
    """Billions of floating-point operations a second in products of square matrices: how fast this machine is now."""
    a, products, start = torch.rand(side, side), 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        a @ a
        products += 1
    return 2 * side**3 * products / (time.perf_counter() - start) / 1e9


def trained(name: str, seed: int, settings: dict, also: bool = False) -> Run:
    """The finished training of that name, begun or resumed if need be, `also` beside another one: the preset,
    `settings` changed."""
    command = [sys.executable, "-m", "air_core.train", *(["--also"] if also else [])]
    changes = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    try:
        run = find_run(name)
        if run.config().train.steps in run.steps():
            return run
        command += ["--resume", name]
    except RunError:
        command += ["--preset", PRESET, "--name", name, "--seed", str(seed), *changes]
    subprocess.run(command, check=True)
    return find_run(name)


def run_name(recipe: str, seed: int) -> str:
    """What a recipe's seed is called while it is trained."""
    return f"{recipe.replace('_', '-')}-seed-{seed:02d}"


def train_at_once(recipe: str, seeds: list[int], at_once: int) -> None:
    """Train these seeds, so many of them beside each other; they share the cores."""
    settings = RECIPES[recipe] | {"threads": CORES // at_once}
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda seed: trained(run_name(recipe, seed), seed, settings, also=True), seeds))


def counted(scenes: Scenes, max_steps: int, count: Callable[[], np.ndarray]) -> dict:
    """How well, and how quickly, a way of counting counts the scenes."""
    start = time.perf_counter()
    counts = count()
    milliseconds = 1e3 * (time.perf_counter() - start) / len(scenes)
    right = counts == scenes.counts
    return {
        "milliseconds_per_scene": milliseconds,
        "count_accuracy": float(right.mean()),
        "count_accuracy_interval": bootstrap_interval(right, scenes.digits),
        "confusion": confusion_matrix(scenes.counts, counts, max_steps).tolist(),
    }


def on_all_cores(seconds: float, threads: int) -> float:
    """Seconds that a training with so many threads took, as seconds of `CORES` cores: the same core-seconds."""
    return seconds * threads / CORES


def curve(run: Run) -> list[dict]:
    """What each look at the validation scenes found; seconds of training, what the looks took is left out."""
    looks = [row for row in read_metrics(run.folder) if is_look(row.record)]
    looking = np.cumsum([row.record[LOOK_SECONDS] for row in looks])
    return [
        {"step": row.step, "seconds": row.seconds - looked}
        | {name: row.record[LOOK + name] for name in ("count_accuracy", "elbo", "blank")}
        for row, looked in zip(looks, looking)
    ]


def in_time(run: Run, scenes: Scenes, limit: float) -> dict:
    """How the last snapshot within so many seconds of training on all cores counts: the last of all, unless the
    machine was slow; an earlier one has been learned with a step size that was still large. Raises `RunError`
    if there is none."""
    threads, kept = run.config().train.threads, run.steps()
    looks = [look for look in curve(run) if look["step"] in kept]
    looks = [look for look in looks if on_all_cores(look["seconds"], threads) <= limit]
    if not looks:
        raise RunError(f"run {run.name} has no snapshot within {limit:.0f} s of training")
    look = looks[-1]
    air = run.load(look["step"])
    return {"step": look["step"], "seconds": look["seconds"]} | counted(
        scenes, air.config.model.max_steps, lambda: explain(air, scenes.images, Answer).counts
    )


def measured(run: Run, rate: float, limit: float) -> dict:
    """What is kept of a finished training: its curve, and all figures on the test scenes."""
    air, scenes, looks = run.load(), load_scenes(run.config().scene, "test"), curve(run)
    max_steps = air.config.model.max_steps
    return {
        **run.description(),
        "seconds": looks[-1]["seconds"],
        "matmul_gflops": rate,
        "validation": looks,
        "test": evaluate(air, scenes, samples=10),
        "test_in_time": in_time(run, scenes, limit),
        "test_with_looks": {"looks": LOOKS}
        | counted(scenes, max_steps, lambda: explain(air, scenes.images, Answer, LOOKS).counts),
        "test_reconsidered": counted(
            scenes, max_steps, lambda: explain(air, scenes.images, Answer, fit="doubtful").counts
        ),
    }


def write_result(path: Path, content: dict) -> None:
    """Write a small result file, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, lambda aside: aside.write_text(json.dumps(content) + "\n"))


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seeds", description=__doc__)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--seeds", type=int, default=30, metavar="N", help="seeds 0 to N - 1 (default 30)")
    parser.add_argument(
        "--at-once",
        type=int,
        choices=range(1, CORES + 1),
        default=1,
        help="trainings beside each other, which share the cores: each is slower, all are done sooner (default 1)",
    )
    options = parser.parse_args(arguments)
    pyro.enable_validation(False)
    torch.set_num_threads(PRESETS[PRESET].train.threads)
    missing = [seed for seed in range(options.seeds) if not result_path(options.recipe, seed).exists()]
    if options.at_once > 1:
        train_at_once(options.recipe, missing, options.at_once)
    for seed in missing:
        rate, path = matmul_rate(), result_path(options.recipe, seed)
        run = trained(run_name(options.recipe, seed), seed, RECIPES[options.recipe])
        content = measured(run, rate, LIMITS[options.recipe])
        write_result(path, content)
        delete_run(run)
        ways = {
            "the guide": "test",
            f"{LOOKS} looks": "test_with_looks",
            "second thoughts": "test_reconsidered",
        }
        figures = [f"{way} {content[key]['count_accuracy']:.2%}" for way, key in ways.items()]
        print(f"{options.recipe} seed {seed}: {', '.join(figures)}", flush=True)


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.seeds", main))
