"""How tight the bounds are, and where the missing nats lie: `python -m benchmarks.bounds RUN`.

On test scenes and on fresh scenes of training digits, in nats above blank: the guide's ELBO, importance
weighted bounds, the ELBO of z fitted to every scene (what better inference could give this model),
and the ELBO if the prior over counts were the guide's own average (what `p_more` costs).
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
import pyro
import torch

from air_core.air import AIR
from air_core.command import run_command
from air_core.evaluation import blank_score, sampled
from air_core.explain import Explanation, batches, explain
from air_core.fitting import fit
from air_core.priors import count_probabilities
from air_core.runs import find_run
from air_core.scenes import load_scenes
from benchmarks.errors import fresh_scenes
from benchmarks.seeds import RESULTS, write_result

SAMPLES = (10, 100)
FIT_STEPS = 200


def sampled_bounds(air: AIR, images: np.ndarray, samples: int) -> dict[str, float]:
    """Means over the scenes of what `evaluation.sampled` gives for so many samples."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        found = [sampled(air, batch, samples, generator) for batch in batches(images)]
    return {name: torch.cat([part[name] for part in found]).double().mean().item() for name in found[0]}


def fitted_elbo(air: AIR, images: np.ndarray, found: Explanation) -> float:
    """The mean ELBO of z fitted to each scene, from the guide's answer, at the guide's count."""
    elbos = []
    for count in np.unique(found.counts):
        rows = np.flatnonzero(found.counts == count)
        for part in np.array_split(rows, -(-len(rows) // 250)):
            (scenes,) = batches(images[part], len(part))
            start = (torch.from_numpy(z[part, :count]) for z in (found.z_where, found.z_what))
            elbos.append(fit(air.model, scenes, *start, steps=FIT_STEPS).elbo)
    return torch.cat(elbos).double().mean().item()


def learned_prior_gain(air: AIR, found: Explanation) -> float:
    """Nats that the ELBO gains if p(n) becomes the mean of q(n | x)."""
    learned = found.q_counts.mean(0, dtype=np.float64)
    prior = count_probabilities(air.model.continuation).double().numpy()
    return float((learned * (np.log(learned.clip(1e-30)) - np.log(prior))).sum())


def bounds(air: AIR, images: np.ndarray) -> dict[str, float]:
    """All figures of some scenes, in nats; those named in the module's docstring above blank."""
    blank = blank_score(images, air.config.model.likelihood_sd)
    by_samples = {samples: sampled_bounds(air, images, samples) for samples in SAMPLES}
    found = explain(air, images)
    parts = by_samples[SAMPLES[0]]
    perfect = blank_score(np.zeros_like(images[:1]), air.config.model.likelihood_sd)
    return {
        "blank": blank,
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
    content = {"run": run.name, "scenes": options.scenes, "nats": rows} | run.description()
    write_result(RESULTS / "bounds.json", content)
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.bounds", main))
