"""`python -m air_core.evaluate RUN`: how well a run counts, explains and finds."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pyro
from tqdm import tqdm

from air_core.command import run_command
from air_core.evaluation import evaluate
from air_core.reconsider import FITS
from air_core.runs import find_run
from air_core.scenes import load_scenes, read_scenes

_ROWS = (
    ("count_accuracy", "count accuracy, argmax", "{:.2%}"),
    ("count_accuracy_sampled", "count accuracy, one sample", "{:.2%}"),
    ("count_accuracy_posterior", "count accuracy, posterior", "{:.2%}"),
    ("elbo", "ELBO", "{:.1f} nats"),
    ("log_likelihood", "  log-likelihood", "{:.1f} nats"),
    ("kl_pres", "  KL of z_pres", "{:.2f} nats"),
    ("kl_where", "  KL of z_where", "{:.2f} nats"),
    ("kl_what", "  KL of z_what", "{:.2f} nats"),
    ("iwae", "IWAE", "{:.1f} nats"),
    ("blank", "blank canvas", "{:.1f} nats"),
    ("box_iou", "box IoU", "{:.3f}"),
    ("box_ap50", "box AP50", "{:.3f}"),
    ("centre_error", "centre error", "{:.2f} pixels"),
)


def as_text(result: dict) -> str:
    """The result of `evaluate` as lines for people."""
    ways = [f"{result['looks']} looks"] if result["looks"] > 1 else ["the guide"]
    ways += [f"second thoughts on {result['fit']} scenes"] if result["fit"] != "none" else []
    lines = [f"{result['n']} scenes, {result['samples']} samples of z, counted by {' and '.join(ways)}"]
    for key, title, form in _ROWS:
        value = result[key]
        lines.append(f"{title:28s} {'unknown' if value is None else form.format(value)}")
    if result["count_accuracy_interval"]:
        low, high = result["count_accuracy_interval"]
        lines.append(f"{'  95 % interval, argmax':28s} {low:.2%} to {high:.2%} (bootstrap over digits)")
    lines.append(f"{'nats above blank':28s} {result['elbo'] - result['blank']:.1f}")
    if result["confusion"] is not None:
        lines.append("confusion (rows: true count; columns: counted)")
        lines.append("     " + "".join(f"{n:>7d}" for n in range(len(result["confusion"][0]))))
        lines += [
            f"{n:>5d}" + "".join(f"{cell:>7d}" for cell in row) for n, row in enumerate(result["confusion"])
        ]
    return "\n".join(lines)


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def main(arguments: list[str] | None = None) -> None:
    """The command; raises what `run_command` turns into one line."""
    parser = argparse.ArgumentParser(prog="python -m air_core.evaluate", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="name of a run in checkpoints/, or the path of its folder")
    parser.add_argument("--step", type=int, metavar="N", help="the snapshot of step N (default: the last)")
    parser.add_argument(
        "--scenes",
        type=Path,
        metavar="FILE.npz",
        help="scenes to evaluate on (default: the run's held-out test scenes)",
    )
    parser.add_argument(
        "--samples", type=positive, default=10, metavar="K", help="importance samples (default 10)"
    )
    parser.add_argument(
        "--looks", type=positive, default=1, metavar="K", help="look at each scene from K places (default 1)"
    )
    parser.add_argument(
        "--fit",
        choices=FITS,
        default="none",
        help="explain doubtful (or all) scenes anew with one object fewer and one more, z fitted to each (default none)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(arguments)

    run = find_run(options.run)
    pyro.enable_validation(False)
    air = run.load(options.step, report=lambda message: print(message, file=sys.stderr))
    scenes = read_scenes(options.scenes) if options.scenes else load_scenes(run.config().scene, "test")

    def progress(items, total):
        return tqdm(items, total=total, desc="evaluating", unit="batch", disable=None, leave=False)

    result = evaluate(air, scenes, options.samples, progress=progress, looks=options.looks, fit=options.fit)
    print(json.dumps(result) if options.json else as_text(result))


if __name__ == "__main__":
    sys.exit(run_command("air_core.evaluate", main))
