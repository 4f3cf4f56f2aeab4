"""Where a run's counting errors come from: `python -m benchmarks.errors RUN`.

Four questions, on scenes of validation digits (test scenes are for final figures only):

- digits: are scenes of training digits counted better? Then more digits would help.
- capacity: how well does a supervised classifier with a convolutional embedding count? A ceiling.
- places: of misread scenes, how many are right when the guide looks again from other places?
- inference: of a misread scene, does the model prefer the true count when z is fitted to it? Then the
  guide is to blame.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys

import numpy as np
import pyro
import torch
from torch import nn

from air_core.air import AIR
from air_core.command import run_command
from air_core.config import Config
from air_core.digits import Digits, load_digits, split_digits
from air_core.evaluation import confusion_matrix
from air_core.explain import Answer, batches, explain
from air_core.networks import MLP, ConvolutionalEmbedding
from air_core.proposals import at_means, propose
from air_core.reconsider import fitted_best, starts
from air_core.runs import Run, find_run
from air_core.scenes import SCENES, Scenes, to_float
from air_core.trainer import step_size
from benchmarks.seeds import RESULTS, write_result

LOOKS = 16


def fresh_scenes(config: Config, split: str, n: int, seed: int) -> Scenes:
    """Scenes of a split's digits that nobody has seen."""
    return SCENES[config.scene.scenes](
        config.scene, digits_of(config, split), n, np.random.default_rng([seed, 99])
    )


@functools.lru_cache(maxsize=2)
def digits_of(config: Config, split: str) -> Digits:
    """The digits of a split; kept, because a classifier's every batch asks for them."""
    return split_digits(load_digits(config.scene.digits), split, config.scene.scene_seed)


def classifier_accuracy(config: Config, scenes: Scenes, steps: int, batch_size: int = 128) -> float:
    """Share of `scenes` that a classifier with the guide's embedding counts, taught the counts."""
    torch.manual_seed(0)
    embedding = ConvolutionalEmbedding(config.scene.canvas_side, config.model.embedding_size)
    head = MLP(embedding.size, (256,), max(config.scene.counts) + 1)
    network = nn.Sequential(embedding, head)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    schedule = config.with_settings(steps=steps, warmup_steps=200, decay="cosine").train
    for step in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = 1e-3 * step_size(step, schedule)
        batch = fresh_scenes(config, "train", batch_size, step)
        logits = network(torch.from_numpy(to_float(batch.images)))
        optimiser.zero_grad()
        nn.functional.cross_entropy(logits, torch.from_numpy(batch.counts)).backward()
        optimiser.step()
    with torch.no_grad():
        answers = [network(part).argmax(1) for part in torch.from_numpy(to_float(scenes.images)).split(500)]
    return float((torch.cat(answers).numpy() == scenes.counts).mean())


def inference(air: AIR, scenes: Scenes, counts: np.ndarray, truth: int, answer: int) -> dict | None:
    """Of scenes of `truth` objects that the guide counts as `answer`, what z fitted to each says."""
    wrong = np.flatnonzero((scenes.counts == truth) & (counts == answer))
    if not len(wrong):
        return None
    gains = []
    with torch.no_grad():
        for images in batches(scenes.images[wrong]):
            found = propose(air, images, at_means(air.guide), pictures=False)
            candidates = starts(air, images, found, answer)
            elbos = [fitted_best(air, images, candidates[n]).elbo for n in (truth, answer)]
            gains.append(elbos[0] - elbos[1])
    gain = torch.cat(gains)
    looked = explain(air, scenes.images[wrong], Answer, LOOKS)
    return {
        "holds": truth,
        "counted": answer,
        "scenes": len(wrong),
        f"right with {LOOKS} looks": float((looked.counts == truth).mean()),
        "right when fitted": float((gain > 0).float().mean()),
        "nats, true count over counted": float(gain.median()),
    }


def errors(run: Run, n: int, steps: int) -> dict:
    """All four answers; n scenes of each split, `steps` of the classifier's training."""
    config, air = run.config(), run.load()
    by_split = {split: fresh_scenes(config, split, n, 0) for split in ("train", "validation")}
    found = {split: explain(air, scenes.images, Answer) for split, scenes in by_split.items()}
    scenes = by_split["validation"]
    return {
        "count accuracy": {
            split: float((found[split].counts == by_split[split].counts).mean()) for split in by_split
        },
        "confusion": confusion_matrix(
            scenes.counts, found["validation"].counts, config.model.max_steps
        ).tolist(),
        "supervised classifier": classifier_accuracy(config, scenes, steps),
        "misread": [
            row
            for truth, answer in ((1, 2), (2, 1), (2, 3))
            if (row := inference(air, scenes, found["validation"].counts, truth, answer))
        ],
    }


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.errors", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--scenes", type=int, default=20_000, metavar="N", help="of each split")
    parser.add_argument("--steps", type=int, default=2_000, metavar="N", help="of the classifier's training")
    options = parser.parse_args(arguments)
    pyro.enable_validation(False)
    run = find_run(options.run)
    content = errors(run, options.scenes, options.steps)
    write_result(RESULTS / "errors" / f"{run.name}.json", content | run.description())
    print(json.dumps(content, indent=2))


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.errors", main))
