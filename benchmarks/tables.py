"""The tables of docs/results.md, from the small files in results/."""

from __future__ import annotations

import json
import statistics
from typing import NamedTuple

from benchmarks.seeds import CORES, LIMITS, RESULTS, on_all_cores

WANTED = {"five_minutes": 30, "fifteen_minutes": 5}
"""Seeds that a recipe is judged by."""


def load(recipe: str) -> list[dict]:
    """The results of a recipe's seeds, by seed."""
    return [json.loads(path.read_text()) for path in sorted((RESULTS / recipe).glob("seed_*.json"))]


def seconds_of(result: dict, seconds: float) -> float:
    """Seconds of a seed's training as seconds of all cores (`seeds.on_all_cores`)."""
    return on_all_cores(seconds, result["settings"]["train"]["threads"])


def seconds_to(result: dict, accuracy: float) -> float:
    """Seconds of training until a look at the validation scenes first counted so well; inf if never."""
    good = [look["seconds"] for look in result["validation"] if look["count_accuracy"] >= accuracy]
    return seconds_of(result, min(good, default=float("inf")))


def above_blank(result: dict) -> float:
    """The ELBO of the test scenes, in nats above an empty canvas."""
    return result["test"]["elbo"] - result["test"]["blank"]


def recall(result: dict, count: int) -> float:
    """The share of test scenes with so many digits that are counted right."""
    row = result["test"]["confusion"][count]
    return row[count] / sum(row)


def spread(values: list[float], form: str) -> str:
    """Median, least and most, as text."""
    median, low, high = (form.format(f(values)) for f in (statistics.median, min, max))
    return f"{median} ({low} to {high})"


class Target(NamedTuple):
    """What was wanted, what was measured and with which command, and whether that is enough."""

    what: str
    figure: str
    command: str
    met: bool


def with_interval(parts: list[dict]) -> str:
    """The spread of count accuracies, of one part of every seed's result, and the interval of the median seed."""
    found = sorted(parts, key=lambda part: part["count_accuracy"])
    low, high = found[(len(found) - 1) // 2]["count_accuracy_interval"]
    text = spread([part["count_accuracy"] for part in found], "{:.2%}")
    return f"{text}; median seed's interval {low:.2%} to {high:.2%}"


def targets(results: dict[str, list[dict]]) -> list[Target]:
    """Each target that the seeds' files can answer."""
    rows = []
    commands = {recipe: f"benchmarks.seeds {recipe} --seeds {wanted}" for recipe, wanted in WANTED.items()}
    for recipe, accuracy, limit in (("five_minutes", 0.98, 60), ("five_minutes", 0.99, 300)):
        times = [seconds_to(result, accuracy) for result in results[recipe]]
        if times:
            what, met = (
                f"{accuracy:.0%} within {limit} s (median, validation)",
                statistics.median(times) <= limit,
            )
            rows.append(Target(what, spread(times, "{:.0f} s"), commands[recipe], met))
    for recipe, accuracy in (("five_minutes", 0.99), ("fifteen_minutes", 0.995)):
        some, wanted = results[recipe], WANTED[recipe]
        if some:
            rows.append(every_seed(some, accuracy, LIMITS[recipe], wanted, commands[recipe]))
    return rows + best_targets(results["fifteen_minutes"], commands["fifteen_minutes"])


def every_seed(results: list[dict], accuracy: float, limit: float, wanted: int, command: str) -> Target:
    """The target of counting so well on every one of the wanted seeds, after so many seconds of training."""
    found = [
        result.get("test_in_time", result["test"] | {"seconds": result["seconds"]}) for result in results
    ]
    seconds = [seconds_of(result, one["seconds"]) for result, one in zip(results, found)]
    good = [one["count_accuracy"] >= accuracy and took <= limit for one, took in zip(found, seconds)]
    what = (
        f"{accuracy:.1%} within {limit / 60:.0f} minutes on every seed, guide alone ({wanted} seeds wanted)"
    )
    figure = f"{sum(good)} of {len(good)}; {with_interval(found)}; after {spread(seconds, '{:.0f} s')}"
    return Target(what, figure, command, sum(good) == len(good) >= wanted)


def best_targets(results: list[dict], command: str) -> list[Target]:
    """The targets of refinement and of the ELBO, which all the wanted seeds of fifteen_minutes are judged by."""
    if not results:
        return []
    refined = [result["test_reconsidered"] for result in results]
    good = [part["count_accuracy"] >= 0.998 for part in refined]
    cost = [part["milliseconds_per_scene"] for part in refined]
    elbo = [above_blank(result) for result in results]
    figure = f"{sum(good)} of {len(good)}; {with_interval(refined)}"
    rows = [
        Target("99.8% with refinement (second thoughts)", figure, command, all(good)),
        Target("refinement at most 20 ms a scene", spread(cost, "{:.1f} ms"), command, max(cost) <= 20),
        Target("ELBO 200 nats above blank", spread(elbo, "{:.1f}"), command, min(elbo) >= 200),
    ]
    return [row._replace(met=row.met and len(results) >= WANTED["fifteen_minutes"]) for row in rows]


def seed_rows(results: dict[str, list[dict]]) -> list[str]:
    """A line of the table for every seed."""
    lines = []
    for recipe, of_recipe in results.items():
        for result in of_recipe:
            test, train = result["test"], result["settings"]["train"]
            refined = [result.get(key, {}) for key in ("test_with_looks", "test_reconsidered")]
            refined = [f"{found['count_accuracy']:.2%}" if found else "" for found in refined]
            low, high = test["count_accuracy_interval"]
            took = f"{result['seconds']:.0f} s" + (", one core" if train["threads"] < CORES else "")
            recalls = " / ".join(f"{recall(result, n):.2%}" for n in (0, 1, 2))
            lines.append(
                f"| {recipe} | {train['seed']} | {took} | {result['matmul_gflops']:.0f} "
                f"| {test['count_accuracy']:.2%} ({low:.2%} to {high:.2%}) | {test['count_accuracy_sampled']:.2%} "
                f"| {test['count_accuracy_posterior']:.2%} | {recalls} | {' | '.join(refined)} "
                f"| {above_blank(result):.1f} | {result['revision']} |"
            )
    return lines


def load_unseen() -> dict[str, dict]:
    """What was measured with counts that training never showed, by the run's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((RESULTS / "unseen").glob("*.json"))}


def unseen_targets(results: dict[str, dict]) -> list[Target]:
    """The targets of counts never seen, as `targets`."""
    rows, command = [], "benchmarks.unseen"
    for learned, wanted in (("0-1-2", 0.92), ("0-1-3", 0.96)):
        if f"dair-{learned}" not in results:
            continue
        dair = results[f"dair-{learned}"]
        unseen, right = dair["unseen"], dair["test"]["count_accuracy"]
        low, high = unseen["count_accuracy_interval"]
        what = f"{wanted:.0%} of {unseen['count']} digits after {learned}, DAIR"
        figure = f"{unseen['count_accuracy']:.2%}; interval {low:.2%} to {high:.2%}"
        rows.append(Target(what, figure, command, unseen["count_accuracy"] >= wanted))
        if f"air-{learned}" in results:
            lost = results[f"air-{learned}"]["test"]["count_accuracy"] - right
            what = f"DAIR at most 0.5 points below AIR on {learned}"
            rows.append(Target(what, f"{-100 * lost:+.2f} points", command, lost <= 0.005))
    return rows


def unseen_rows(results: dict[str, dict]) -> list[str]:
    """The table of counts that training never showed, a row a run."""
    rows = []
    for name, result in results.items():
        settings, unseen = result["settings"], result["unseen"]
        low, high = unseen["count_accuracy_interval"]
        rows.append(
            f"| {name.split('-')[0].upper()} ({settings['model']['guide']} guide) "
            f"| {', '.join(map(str, settings['scene']['counts']))} | {result['test']['count_accuracy']:.2%} "
            f"| {unseen['count']} | {unseen['count_accuracy']:.2%} ({low:.2%} to {high:.2%}) "
            f"| {' / '.join(map(str, unseen['counted']))} | {settings['train']['steps']:,} | {result['revision']} |"
        )
    return rows


def refinement_rows() -> tuple[str, list[str]]:
    """The run that thinking longer was measured with, and the table of what it costs and gains."""
    path = RESULTS / "refinement.json"
    if not path.exists():
        return "none yet", []
    content = json.loads(path.read_text())
    rows = []
    for row in content["rows"]:
        low, high = row["count_accuracy_interval"]
        confusion = row["confusion"]
        n_scenes, right = sum(map(sum, confusion)), sum(counted[n] for n, counted in enumerate(confusion))
        rows.append(
            f"| {row['way']} | {row['milliseconds_per_scene']:.1f} | {row['count_accuracy']:.2%} "
            f"({low:.2%} to {high:.2%}) | {n_scenes - right} of {n_scenes:,} |"
        )
    return f"{content['run']} (revision {content['revision']})", rows


def error_rows() -> list[str]:
    """What errors come from, a row a run and a kind of error."""
    rows = []
    for path in sorted((RESULTS / "errors").glob("*.json")):
        found = json.loads(path.read_text())
        accuracy = found["count accuracy"]
        for kind in found["misread"]:
            looked = next(value for name, value in kind.items() if name.startswith("right with"))
            rows.append(
                f"| {path.stem} ({found['revision']}) | {accuracy['train']:.2%} / {accuracy['validation']:.2%} "
                f"| {found['supervised classifier']:.2%} | {kind['holds']} as {kind['counted']}: {kind['scenes']} "
                f"| {looked:.0%} | {kind['right when fitted']:.0%} "
                f"| {kind['nats, true count over counted']:+.0f} |"
            )
    return rows


def load_bounds() -> dict | None:
    """What `benchmarks.bounds` measured, if it did."""
    path = RESULTS / "bounds.json"
    return json.loads(path.read_text()) if path.exists() else None


def iwae_targets(bounds: dict | None) -> list[Target]:
    """The target of the tightest bound, as `targets`."""
    if not bounds:
        return []
    iwae = bounds["nats"]["test scenes"]["IWAE-100"]
    what = f"IWAE-100 205 nats above blank ({bounds['scenes']:,} test scenes)"
    command = f"benchmarks.bounds {bounds['run']} --scenes {bounds['scenes']}"
    return [Target(what, f"{iwae:.1f}", command, iwae >= 205)]


def bound_rows(bounds: dict | None) -> tuple[str, list[str]]:
    """Which run and how many scenes, and the table of its bounds: kinds of scenes beside each other."""
    if not bounds:
        return "none yet", []
    kinds = bounds["nats"]
    rows = [f"| | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for name in next(iter(kinds.values())):
        rows.append(f"| {name} | {' | '.join(f'{nats[name]:.1f}' for nats in kinds.values())} |")
    return f"{bounds['run']} (revision {bounds['revision']}), {bounds['scenes']:,} scenes of each kind", rows
