"""How quick the studio is, in Chromium: painting, inference, and a drag from the event to the canvas.

`python -m benchmarks.studio` prints the medians and 99th percentiles. Needs Chromium and the development requirements.
"""

from __future__ import annotations

import numpy as np

from air_core.runs import find_run
from air_core.scenes import load_scenes
from air_core.ui.studio import as_text
from tests.server import browser_page, served
from tests.test_studio import BOX, DRAG

MOVES = 1_000
ENGINE = """async ([module, weights, images]) => {
  const { AIR } = await import(module);
  const { seeded } = await import(module.replace("air.js", "tensors.js"));
  const { image } = await import(module.replace("engine/air.js", "studio/studio.js"));
  const air = new AIR(await (await fetch(weights)).arrayBuffer()), scenes = images.map(image);
  const timed = (act) => { const start = performance.now(); act(); return performance.now() - start; };
  for (const one of scenes) air.explain(one);
  const infer = scenes.map((one) => timed(() => air.explain(one)));
  const three = air.noise(seeded(0)), objects = three.map(({ where, what }) => ({ zWhere: [2.7, where[1], where[2]], zWhat: what }));
  const compose = () => {
    const sum = new Float64Array(air.canvasSide ** 2);
    for (const { zWhere, zWhat } of objects) air.model.place(air.model.decode(zWhat), zWhere).forEach((value, i) => (sum[i] += value));
  };
  for (let k = 0; k < 200; k++) compose();
  return { infer, compose: Array.from({ length: 500 }, () => timed(compose)) };
}"""
TARGETS = {"compose": (1, None), "infer": (8, None), "drag": (8, 16)}
TITLES = {
    "compose": "decode and compose three objects",
    "infer": "full inference of a scene",
    "drag": f"drag with three objects, {MOVES:,} moves",
}


def measured() -> dict[str, list[float]]:
    """Milliseconds of every repetition."""
    scenes = load_scenes(find_run("multi_mnist").config().scene, "test")
    images, asked = [as_text(image) for image in scenes.images[:300]], []
    with served() as address, browser_page(address) as (page, _):
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/Compose")
        page.wait_for_selector(BOX, timeout=60_000)
        page.get_by_role("button", name="Add object").click()
        page.wait_for_timeout(3_000)
        drag = page.locator(BOX).first.evaluate(DRAG, MOVES)["times"]
        module = next(url for url in asked if url.endswith("engine/air.js"))
        weights = next(url for url in asked if "weights-" in url)
        return page.evaluate(ENGINE, [module, weights, images]) | {"drag": drag}


def main() -> None:
    """Print the table."""
    print("| studio, in Chromium | median | 99 % | wanted |\n|---|---|---|---|")
    for name, times in sorted(measured().items()):
        median, most = np.quantile(times, (0.5, 0.99))
        wanted = [f"{value} ms" for value in TARGETS[name] if value]
        print(f"| {TITLES[name]} | {median:.2f} ms | {most:.2f} ms | {' / '.join(wanted)} |")


if __name__ == "__main__":
    main()
