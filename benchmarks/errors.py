"""Where a run's counting errors come from: `python -m benchmarks.errors RUN`.

Four questions, on scenes of validation digits (test scenes are for final figures only):

- digits: are scenes of training digits counted better? Then more digits would help.
- capacity: how well does a supervised classifier with a convolutional embedding count? A ceiling.
- places: of misread scenes, how many are right when the guide looks again from other places?
- inference: does z fitted to a misread scene change the model's mind? Then the guide is to blame.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from air_core.air import AIR
from air_core.command import run_command
from air_core.config import Config
from air_core.digits import Digits, load_digits, split_digits
from air_core.evaluation import confusion_matrix
from air_core.explain import Answer, Explanation, explain
from air_core.model import GaussianImage
from air_core.networks import MLP, ConvolutionalEmbedding
from air_core.priors import count_probabilities
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


def fitted_elbo(air: AIR, images: Tensor, found: Explanation, count: int, steps: int) -> Tensor:
    """ELBO (B,) in nats of a given count after z is fitted to each scene, from the guide's means.

    A Normal over z_where and z_what of the first `count` objects is moved by Adam; of the
    guide only its first guess is left.
    """
    model = air.model
    where = torch.from_numpy(found.z_where[:, :count])
    what = torch.from_numpy(found.z_what[:, :count])
    values = [where, torch.full_like(where, -3.5), what, torch.full_like(what, -1.0)]
    values = [value.clone().requires_grad_() for value in values]
    rates = (0.03, 0.1, 0.1, 0.1)
    optimiser = torch.optim.Adam([{"params": [v], "lr": r} for v, r in zip(values, rates)], betas=(0.8, 0.95))
    log_p_count = dist.Categorical(probs=count_probabilities(model.continuation)).logits[count]

    def elbo() -> Tensor:
        q_where = dist.Normal(values[0], values[1].exp()).to_event(2)
        q_what = dist.Normal(values[2], values[3].exp()).to_event(2)
        z_where, z_what = q_where.rsample(), q_what.rsample()
        model._painted.clear()
        canvas = model.paint(z_where, z_what).sum(1)
        log_p = dist.Normal(model.where_mean, model.where_sd).log_prob(z_where).sum((1, 2))
        log_p = log_p + dist.Normal(model.what_mean, model.what_sd).log_prob(z_what).sum((1, 2))
        log_p = log_p + GaussianImage(canvas, model.likelihood_sd).log_prob(images) + log_p_count
        return log_p - q_where.log_prob(z_where) - q_what.log_prob(z_what)

    torch.manual_seed(0)
    for step in range(steps):
        for group, rate in zip(optimiser.param_groups, rates):
            group["lr"] = rate * (1 - 0.95 * step / steps)
        optimiser.zero_grad()
        (-elbo().sum()).backward()
        optimiser.step()
    with torch.no_grad():
        return torch.stack([elbo() for _ in range(16)]).mean(0)


def inference(air: AIR, scenes: Scenes, truth: int, answer: int, steps: int) -> dict | None:
    """Of scenes of `truth` objects that the guide counts as `answer`, what z fitted to each says."""
    found = explain(air, scenes.images, Answer)
    wrong = np.flatnonzero((scenes.counts == truth) & (found.counts == answer))
    if not len(wrong):
        return None
    images = torch.from_numpy(to_float(scenes.images[wrong]))
    start = explain(air, scenes.images[wrong])
    fitted = {n: fitted_elbo(air, images, start, n, steps) for n in (truth, answer)}
    looked = explain(air, scenes.images[wrong], Answer, LOOKS)
    return {
        "holds": truth,
        "counted": answer,
        "scenes": len(wrong),
        f"right with {LOOKS} looks": float((looked.counts == truth).mean()),
        "right when fitted": float((fitted[truth] > fitted[answer]).float().mean()),
        "nats, true count over counted": float((fitted[truth] - fitted[answer]).median()),
    }


def errors(run: Run, n: int, steps: int) -> dict:
    """All four answers; n scenes of each split, `steps` of fitting and of the classifier's training."""
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
        "supervised classifier": classifier_accuracy(config, scenes, 10 * steps),
        "misread": [
            row
            for truth, answer in ((1, 2), (2, 1), (2, 3))
            if (row := inference(air, scenes, truth, answer, steps))
        ],
    }


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.errors", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--scenes", type=int, default=20_000, metavar="N", help="of each split")
    parser.add_argument("--steps", type=int, default=200, metavar="N", help="of fitting z to a scene")
    options = parser.parse_args(arguments)
    pyro.enable_validation(False)
    run = find_run(options.run)
    write_result(
        RESULTS / "errors" / f"{run.name}.json", content := errors(run, options.scenes, options.steps)
    )
    print(json.dumps(content, indent=2))


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.errors", main))
