"""Writes docs/results.md and its figure from the small files in results/: `python -m benchmarks.results`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from air_core.explain import BATCH
from benchmarks.seeds import CORES, LOOKS, RECIPES, RESULTS
from benchmarks.tables import (
    WANTED,
    bound_rows,
    error_rows,
    iwae_targets,
    load,
    load_bounds,
    load_unseen,
    refinement_rows,
    seconds_of,
    seed_rows,
    targets,
    unseen_rows,
    unseen_targets,
)
from tests import chromium

DOCS = RESULTS.parent / "docs"
COLOURS = {"five_minutes": "#0072B2", "fifteen_minutes": "#D55E00"}


def figure(results: dict[str, list[dict]]) -> go.Figure:
    """Errors on the validation scenes over seconds of training, a line a seed."""
    picture = go.Figure()
    for recipe, of_recipe in results.items():
        for k, result in enumerate(of_recipe):
            looks = result["validation"]
            picture.add_scatter(
                x=[seconds_of(result, look["seconds"]) for look in looks],
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
        xaxis={"title": f"seconds of training on {CORES} cores"},
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
    bounds = load_bounds()
    judged = targets(results) + iwae_targets(bounds) + unseen_targets(unseen)
    met = [
        f"| {row.what} | {row.figure} | `python -m {row.command}` | {'yes' if row.met else 'no'} |"
        for row in judged
    ]
    table = seed_rows(results)
    done = ", ".join(f"{len(results[recipe])} of {WANTED[recipe]} of {recipe}" for recipe in RECIPES)
    refined_run, refined = refinement_rows()
    bounded_run, bounded = bound_rows(bounds)
    text = f"""# Results

Made by `python -m benchmarks.results` from the files in `results/`, which `python -m benchmarks.seeds five_minutes`
and `python -m benchmarks.seeds fifteen_minutes --seeds 5` leave, a file a seed. Hardware: two cores of a server CPU (AVX-512), no
GPU; the rate of 1024 x 1024 matrix products, measured before each training, stands beside its time. Test
scenes: 10,000, of 500 digits that training never saw. Intervals: bootstrap over digits, 95 %.

Seconds are those of training; what the looks at the validation scenes take is left out. Where a training took longer than its target
allows, the target is judged by the last snapshot in time, which had not seen the end of the schedule; the row of the seed is that of the last step.
A training that had one core, with another one beside it (`--at-once 2`), is judged by core-seconds: its seconds are halved in the targets and the figure, not in
the seed's row, and the rate of products is that of both cores when it was evaluated.

Seeds done: {done}. None of them is left out.

## Targets
| target | median (least to most) | command | met |
|---|---|---|---|
{chr(10).join(met)}

## Every seed
![count accuracy over seconds of training, a line a seed](seeds.png)

| recipe | seed | training | GFLOP/s | argmax (interval) | sampled | posterior, K = 10 | recall of 0 / 1 / 2 | {LOOKS} looks | second thoughts | ELBO above blank | revision |
|---|---|---|---|---|---|---|---|---|---|---|---|
{chr(10).join(table)}

## Thinking longer about a scene
Run {refined_run}, by `python -m benchmarks.refinement RUN`, on the test scenes in batches of {BATCH}. Looks: the guide
sees the scene from several places, the looks vote on the count, the model keeps the best explanation. Importance samples: the count's posterior. Second thoughts:
doubtful scenes are explained anew with one object fewer, as many and one more, z fitted to each by gradient steps (`air_core/reconsider.py`).

| way | ms a scene | count accuracy (interval) | misread |
|---|---|---|---|
{chr(10).join(refined)}

## Where the nats are
Run {bounded_run}, by `python -m benchmarks.bounds RUN`. In nats above a blank canvas: bounds on log p(x), the ELBO of z fitted to every
scene, and the ELBO if p(n) were the guide's own average. Below: what separates the ELBO from a perfect picture, in nats.

{chr(10).join(bounded)}

## Counts never seen
By `python -m benchmarks.unseen`, one seed each. AIR reads the whole scene once and remembers; DAIR reads what is left over and
remembers nothing else. The last column but two says how many of the scenes were counted 0 / 1 / 2 / ...

| guide | learned from | right on test scenes of these counts | never seen | right (interval) | counted | steps | revision |
|---|---|---|---|---|---|---|---|
{chr(10).join(unseen_rows(unseen))}

## Where errors come from
By `python -m benchmarks.errors RUN`, on fresh scenes of training and of validation digits. *Fitted* is a Normal over z fitted to
each misread scene, from the starts of second thoughts: where it prefers the true count, the guide is to blame and not the model.

| run (revision) | right, training / validation digits | supervised classifier | misread scenes | right with 16 looks | right when fitted | median nats for the truth |
|---|---|---|---|---|---|---|
{chr(10).join(error_rows())}

## What was tried
{(RESULTS / "tried.md").read_text().strip()}
"""
    (DOCS / "results.md").write_text(text)
    write_picture(figure(results), DOCS / "seeds.png")


if __name__ == "__main__":
    main()
