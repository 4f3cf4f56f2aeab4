"""What it costs to watch a training, and how late the picture is.

(a) CPU time of the app's server over the trainer's, while three tabs show the Training page of a
    real training in Chromium (the browser's own work is not the server's);
(b) lag: from the moment that a point is in the store until it is on the screen, one tab.

`python -m benchmarks.watching` prints both. Needs Chromium and the development requirements.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack

import numpy as np
import psutil
from playwright.sync_api import Page

from air_core.control import launch
from air_core.presets import PRESETS
from air_core.runs import Run, create_run
from air_core.store import StoreWriter, read_status, send_request
from tests.server import browser_page, served

TABS, SECONDS, POINTS = 3, 30, 30
TARGETS = {"ratio": 0.05, "lag": 1.0}
STAMP = "document.querySelector('.air-figures:has([data-panel=ELBO])')?.dataset.stamp"
"""The newest step that the curves of a page show."""


def cpu_seconds(word: str) -> float:
    """CPU time of this computer's processes whose command line holds `word`."""
    total = 0.0
    for process in psutil.process_iter(["cmdline"]):
        if word in " ".join(process.info["cmdline"] or []):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def wait_for_stamp(page: Page, at_least: int) -> None:
    page.wait_for_function(f"Number({STAMP} || -1) >= {at_least}", polling=10, timeout=120_000)


def stop(run: Run) -> None:
    send_request(run.folder, "stop")
    while run.is_trained_now():
        time.sleep(0.1)


def cpu_ratio() -> tuple[float, float]:
    """CPU seconds of the server over the trainer's with `TABS` tabs; and points a second meanwhile."""
    run = create_run("watched", PRESETS["multi_mnist"])
    with served() as address, ExitStack() as stack:
        page, _ = stack.enter_context(browser_page(address))
        launch(run)
        tabs = [page, *(page.context.new_page() for _ in range(TABS - 1))]
        try:
            for tab in tabs:
                tab.goto(f"{address}/Training?run=watched")
            for tab in tabs:
                wait_for_stamp(tab, 400)
            before = [cpu_seconds(word) for word in ("streamlit run", "air_core.train")]
            step, began = read_status(run.folder)["step"], time.monotonic()
            time.sleep(SECONDS)
            after = [cpu_seconds(word) for word in ("streamlit run", "air_core.train")]
            rate = (read_status(run.folder)["step"] - step) / (time.monotonic() - began)
        finally:
            stop(run)
    server, trainer = (b - a for a, b in zip(before, after))
    return server / trainer, rate / run.config().train.log_every


def lags() -> np.ndarray:
    """Seconds from a committed point to its being on screen, `POINTS` of them, by a stand-in trainer."""
    run = create_run("lagging", PRESETS["multi_mnist"])
    random = np.random.default_rng(0)
    store = StoreWriter(run.folder)
    store.status(state="running", step=1)
    store.log(1, 0.1, {"elbo": 0.0})
    found = []
    with run.lock(), served() as address, browser_page(address) as (page, _):
        page.goto(f"{address}/Training?run=lagging")
        wait_for_stamp(page, 1)
        page.wait_for_timeout(2000)
        for step in range(2, POINTS + 2):
            page.wait_for_timeout(int(random.uniform(500, 1500)))
            began = time.perf_counter()
            store.log(step, step / 10, {"elbo": float(step), "scenes_per_second": 1.0})
            wait_for_stamp(page, step)
            found.append(time.perf_counter() - began)
    return np.array(found)


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIR_CHECKPOINTS"] = folder
        ratio, points = cpu_ratio()
        print(
            f"watching with {TABS} tabs: {ratio:.1%} of the trainer's CPU time (target {TARGETS['ratio']:.0%})"
        )
        print(f"  while {points:.1f} points a second were logged, {SECONDS} s long")
        found = lags()
        print(f"lag from store to screen: median {np.median(found):.2f} s, longest {found.max():.2f} s")
        print(f"  over {POINTS} points (target {TARGETS['lag']:.0f} s)")


if __name__ == "__main__":
    main()
