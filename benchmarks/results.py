"""Writes docs/results.md and its figure from the small files in results/: `python -m benchmarks.results`."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from air_core.explain import BATCH
from benchmarks.seeds import LOOKS, RECIPES, RESULTS
from tests import chromium

DOCS = RESULTS.parent / "docs"
COLOURS = {"five_minutes": "#0072B2", "fifteen_minutes": "#D55E00"}
WANTED = {"five_minutes": 30, "fifteen_minutes": 5}


def load(recipe: str) -> list[dict]:
    """The results of a recipe's seeds, by seed."""
    return [json.loads(path.read_text()) for path in sorted((RESULTS / recipe).glob("seed_*.json"))]


def seconds_to(result: dict, accuracy: float) -> float:
    """Seconds of training until a look at the validation scenes first counted so well; inf if never."""
    good = [look["seconds"] for look in result["validation"] if look["count_accuracy"] >= accuracy]
    return min(good, default=float("inf"))


def above_blank(result: dict, bound: str = "elbo") -> float:
    """A bound on the test scenes, in nats above an empty canvas."""
    return result["test"][bound] - result["test"]["blank"]


def recall(result: dict, count: int) -> float:
    """The share of test scenes with so many digits that are counted right."""
    row = result["test"]["confusion"][count]
    return row[count] / sum(row)


def spread(values: list[float], form: str) -> str:
    """Median, least and most, as text."""
    median, low, high = (form.format(f(values)) for f in (statistics.median, min, max))
    return f"{median} ({low} to {high})"


def targets(results: dict[str, list[dict]]) -> list[tuple[str, str, bool]]:
    """Each target that the files can answer: what, the figure, whether it is met."""
    rows = []
    for recipe, accuracy, limit in (("five_minutes", 0.98, 60), ("five_minutes", 0.99, 300)):
        times = [seconds_to(result, accuracy) for result in results[recipe]]
        if times:
            met = statistics.median(times) <= limit
            rows.append(
                (f"{accuracy:.0%} within {limit} s (median, validation)", spread(times, "{:.0f} s"), met)
            )
    for recipe, accuracy in (("five_minutes", 0.99), ("fifteen_minutes", 0.995)):
        right = [result["test"]["count_accuracy"] for result in results[recipe]]
        if right:
            n_met, title = sum(value >= accuracy for value in right), recipe.replace("_", " ")
            rows.append(
                (
                    f"{accuracy:.1%} on every seed, {title}, guide alone ({WANTED[recipe]} seeds wanted)",
                    f"{n_met} of {len(right)}; {spread(right, '{:.2%}')}",
                    n_met == len(right) >= WANTED[recipe],
                )
            )
    best = results["fifteen_minutes"]
    if best:
        refined = [result["test_with_looks"]["count_accuracy"] for result in best]
        cost = [result["test_with_looks"]["milliseconds_per_scene"] for result in best]
        elbo, iwae = [above_blank(r) for r in best], [above_blank(r, "iwae") for r in best]
        rows += [
            (f"99.8% with refinement ({LOOKS} looks)", spread(refined, "{:.2%}"), min(refined) >= 0.998),
            ("refinement at most 20 ms a scene", spread(cost, "{:.1f} ms"), max(cost) <= 20),
            ("ELBO 200 nats above blank", spread(elbo, "{:.1f}"), min(elbo) >= 200),
            ("IWAE-10 (the target, 205, is for IWAE-100)", spread(iwae, "{:.1f}"), min(iwae) >= 205),
        ]
    return rows


def seed_rows(results: dict[str, list[dict]]) -> list[str]:
    """A line of the table for every seed."""
    lines = []
    for recipe, of_recipe in results.items():
        for result in of_recipe:
            test, looks, train = result["test"], result["test_with_looks"], result["settings"]["train"]
            low, high = test["count_accuracy_interval"]
            recalls = " / ".join(f"{recall(result, n):.2%}" for n in (0, 1, 2))
            lines.append(
                f"| {recipe} | {train['seed']} | {result['seconds']:.0f} s | {result['matmul_gflops']:.0f} "
                f"| {test['count_accuracy']:.2%} ({low:.2%} to {high:.2%}) | {test['count_accuracy_sampled']:.2%} "
                f"| {test['count_accuracy_posterior']:.2%} | {recalls} | {looks['count_accuracy']:.2%} "
                f"| {above_blank(result):.1f} | {result['revision']} |"
            )
    return lines


def load_unseen() -> dict[str, dict]:
    """What was measured with counts that training never showed, by the run's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((RESULTS / "unseen").glob("*.json"))}


def unseen_targets(results: dict[str, dict]) -> list[tuple[str, str, bool]]:
    """The targets of counts never seen, as `targets`."""
    rows = []
    for learned, wanted in (("0-1-2", 0.92), ("0-1-3", 0.96)):
        if f"dair-{learned}" not in results:
            continue
        dair = results[f"dair-{learned}"]
        unseen, right = dair["unseen"], dair["test"]["count_accuracy"]
        title = f"{wanted:.0%} of {unseen['count']} digits after {learned}, DAIR"
        rows.append((title, f"{unseen['count_accuracy']:.2%}", unseen["count_accuracy"] >= wanted))
        if f"air-{learned}" in results:
            lost = results[f"air-{learned}"]["test"]["count_accuracy"] - right
            rows.append(
                (
                    f"DAIR at most 0.5 points below AIR on {learned}",
                    f"{100 * lost:+.2f} points",
                    lost <= 0.005,
                )
            )
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
        wrong = sum(map(sum, row["confusion"])) - sum(row["confusion"][n][n] for n in range(3))
        rows.append(
            f"| {row['way']} | {row['milliseconds_per_scene']:.1f} | {row['count_accuracy']:.2%} "
            f"({low:.2%} to {high:.2%}) | {wrong} |"
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
                f"| {path.stem} | {accuracy['train']:.2%} / {accuracy['validation']:.2%} "
                f"| {found['supervised classifier']:.2%} | {kind['holds']} as {kind['counted']}: {kind['scenes']} "
                f"| {looked:.0%} | {kind['right when fitted']:.0%} "
                f"| {kind['nats, true count over counted']:+.0f} |"
            )
    return rows


def figure(results: dict[str, list[dict]]) -> go.Figure:
    """Errors on the validation scenes over seconds of training, a line a seed."""
    picture = go.Figure()
    for recipe, of_recipe in results.items():
        for k, result in enumerate(of_recipe):
            looks = result["validation"]
            picture.add_scatter(
                x=[look["seconds"] for look in looks],
                y=[max(1 - look["count_accuracy"], 5e-4) for look in looks],
                mode="lines",
                line={"color": COLOURS[recipe], "width": 1.2},
                opacity=0.6,
                name=recipe.replace("_", " "),
                showlegend=k == 0,
            )
    ticks = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
    picture.update_layout(
        template="simple_white",
        width=900,
        height=480,
        xaxis={"title": "seconds of training"},
        yaxis={
            "title": "count accuracy, validation scenes",
            "type": "log",
            "autorange": "reversed",
            "tickvals": ticks,
            "ticktext": [f"{1 - tick:.1%}" for tick in ticks],
            "showgrid": True,
        },
    )
    return picture


def write_picture(picture: go.Figure, path: Path) -> None:
    """A figure as PNG, by Chromium."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "figure.html"
        picture.write_html(page_file, include_plotlyjs=True)
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 920, "height": 500})
        page.goto(page_file.as_uri())
        page.locator(".main-svg").first.wait_for()
        page.screenshot(path=path)
        browser.close()


def main() -> None:
    """Write both files."""
    results = {recipe: load(recipe) for recipe in RECIPES}
    unseen = load_unseen()
    judged = targets(results) + unseen_targets(unseen)
    met = [f"| {what} | {value} | {'yes' if ok else 'no'} |" for what, value, ok in judged]
    table = seed_rows(results)
    done = ", ".join(f"{len(results[recipe])} of {WANTED[recipe]} of {recipe}" for recipe in RECIPES)
    refined_run, refined = refinement_rows()
    text = f"""# Results

Made by `python -m benchmarks.results` from the files in `results/`, which `python -m benchmarks.seeds five_minutes`
and `python -m benchmarks.seeds fifteen_minutes --seeds 5` leave, a file a seed. Hardware: two cores of a server CPU (AVX-512), no
GPU; the rate of 1024 x 1024 matrix products, measured before each training, stands beside its time. Test
scenes: 10,000, of 500 digits that training never saw. Intervals: bootstrap over digits, 95 %.

Seconds are those of training; what the looks at the validation scenes take is left out (not so in fifteen_minutes' seed 0, which is older).

Seeds done: {done}. None of them is left out.

## Targets
| target | median (least to most) | met |
|---|---|---|
{chr(10).join(met)}

## Every seed
![count accuracy over seconds of training, a line a seed](seeds.png)

| recipe | seed | training | GFLOP/s | argmax (interval) | sampled | posterior, K = 10 | recall of 0 / 1 / 2 | {LOOKS} looks | ELBO above blank | revision |
|---|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(table)}

## Thinking longer about a scene
Run {refined_run}, by `python -m benchmarks.refinement RUN`, on the test scenes in batches of {BATCH}. Looks: the guide
sees the scene from several places, the looks vote on the count, the model keeps the best explanation. Importance samples: the count's posterior.

| way | ms a scene | count accuracy (interval) | scenes of 10,000 misread |
|---|---|---|---|
{chr(10).join(refined)}

## Counts never seen
By `python -m benchmarks.unseen`, one seed each. AIR reads the whole scene once and remembers; DAIR reads what is left over and
remembers nothing else. The last column but two says how many of the scenes were counted 0 / 1 / 2 / ...

| guide | learned from | right on test scenes of these counts | never seen | right (interval) | counted | steps | revision |
|---|---|---|---|---|---|---|---|
{chr(10).join(unseen_rows(unseen))}

## Where errors come from
By `python -m benchmarks.errors RUN`, on fresh scenes of training and of validation digits. *Fitted* is a Normal over z fitted to
each misread scene, started from the guide's means: where it prefers the true count, the guide is to blame and not the model.

| run | right, training / validation digits | supervised classifier | misread scenes | right with 16 looks | right when fitted | median nats for the truth |
|---|---|---|---|---|---|---|
{chr(10).join(error_rows())}

## What was tried
{(RESULTS / "tried.md").read_text().strip()}
"""
    (DOCS / "results.md").write_text(text)
    write_picture(figure(results), DOCS / "seeds.png")


if __name__ == "__main__":
    main()
