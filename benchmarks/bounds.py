"""How tight the bounds are, and where the missing nats lie: `python -m benchmarks.bounds RUN`.

On test scenes and on fresh scenes of training digits, in nats above blank: the guide's ELBO, importance
weighted bounds, the ELBO of z fitted to every scene (what better inference could give this model),
and the ELBO if the prior over counts were the guide's own average (what `p_more` costs).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyro
import torch
from tqdm import tqdm

from air_core.air import AIR
from air_core.command import run_command
from air_core.evaluation import blank_score, sampled
from air_core.explain import BATCH, Answer, batches, explain
from air_core.fitting import fit
from air_core.priors import count_probabilities
from air_core.runs import find_run
from air_core.scenes import load_scenes
from benchmarks.errors import fresh_scenes
from benchmarks.seeds import RESULTS, write_result

SAMPLES = (10, 100)
FIT_STEPS, DRAWS = 200, 64
"""Of the fit to every scene; so many pairs of draws for its ELBO."""


@dataclass(frozen=True)
class Start(Answer):
    """What a fit starts from."""

    z_where: np.ndarray
    z_what: np.ndarray


def bar(what: str) -> Callable[[Iterable, int], Iterable]:
    """A progress bar over batches."""
    return lambda items, total: tqdm(items, total=total, desc=what, unit="batch", disable=None, leave=False)


def sampled_bounds(air: AIR, images: np.ndarray, samples: int) -> dict[str, float]:
    """Means over the scenes of what `evaluation.sampled` gives for so many samples."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        todo = bar(f"IWAE-{samples}")(batches(images), -(-len(images) // BATCH))
        found = [sampled(air, batch, samples, generator) for batch in todo]
    return {name: torch.cat([part[name] for part in found]).double().mean().item() for name in found[0]}


def fitted_elbo(air: AIR, images: np.ndarray, found: Start) -> float:
    """The mean ELBO of z fitted to each scene, from the guide's answer, at the guide's count."""
    elbos, by_count = [], [np.flatnonzero(found.counts == count) for count in np.unique(found.counts)]
    parts = [rows[k : k + BATCH] for rows in by_count for k in range(0, len(rows), BATCH)]
    for rows in bar("fitting")(parts, len(parts)):
        count, (scenes,) = found.counts[rows[0]], batches(images[rows])
        start = (torch.from_numpy(z[rows, :count]) for z in (found.z_where, found.z_what))
        elbos.append(fit(air.model, scenes, *start, steps=FIT_STEPS, draws=DRAWS).elbo)
    return torch.cat(elbos).double().mean().item()


def learned_prior_gain(air: AIR, found: Answer) -> float:
    """Nats that the ELBO gains if p(n) becomes the mean of q(n | x)."""
    learned = found.q_counts.mean(0, dtype=np.float64)
    prior = count_probabilities(air.model.continuation).double().numpy()
    return float((learned * (np.log(learned.clip(1e-30)) - np.log(prior))).sum())


def bounds(air: AIR, images: np.ndarray) -> dict[str, float]:
    """All figures of some scenes in nats: bounds and the perfect picture above blank, then what is lost where."""
    blank = blank_score(images, air.config.model.likelihood_sd)
    by_samples = {samples: sampled_bounds(air, images, samples) for samples in SAMPLES}
    found = explain(air, images, Start)
    parts = by_samples[SAMPLES[0]]
    perfect = blank_score(np.zeros_like(images[:1]), air.config.model.likelihood_sd)
    return {
        "perfect picture": perfect - blank,
        "ELBO": parts["elbo"] - blank,
        **{f"IWAE-{samples}": values["iwae"] - blank for samples, values in by_samples.items()},
        "ELBO, z fitted": fitted_elbo(air, images, found) - blank,
        "ELBO, p(n) learned": parts["elbo"] - blank + learned_prior_gain(air, found),
        "missing in the picture": perfect - parts["log_likelihood"],
        **{name: parts[name] for name in ("kl_pres", "kl_where", "kl_what")},
    }


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bounds", description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--scenes", type=int, default=2_000, metavar="N", help="of each kind")
    options = parser.parse_args(arguments)
    pyro.enable_validation(False)
    run = find_run(options.run)
    air, config = run.load(), run.config()
    kinds = {
        "test scenes": load_scenes(config.scene, "test").images[: options.scenes],
        "training digits": fresh_scenes(config, "train", options.scenes, 0).images,
    }
    rows = {kind: bounds(air, images) for kind, images in kinds.items()}
    content = {"run": run.name, "scenes": len(kinds["test scenes"]), "nats": rows} | run.description()
    write_result(RESULTS / "bounds.json", content)
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.bounds", main))
