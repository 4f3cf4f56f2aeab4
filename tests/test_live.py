"""A real training, started, watched and steered from the page in Chromium."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from air_core.runs import Run
from air_core.store import StoreWriter, read_status, send_request
from tests.server import ROOT, browser_page, served, wait_until_done
from tests.test_browser import go, shoot
from tests.test_control import wait_for

CURVES = ".air-figures:has([data-panel=ELBO])"
PLOT = "[data-panel=ELBO] .air-plot"


def stamp(page: Page) -> int:
    """The newest step that the curves on screen show."""
    return int(page.locator(CURVES).get_attribute("data-stamp") or -1)


def wait_for_news(page: Page, times: int = 1) -> None:
    for _ in range(times):
        before = stamp(page)
        wait_for(lambda before=before: stamp(page) > before)


def plot(page: Page, expression: str):
    """An expression over the ELBO's plot, as plotly.js holds it."""
    return page.locator(PLOT).evaluate(f"plot => {expression}")


def button(page: Page, name: str):
    return page.get_by_role("button", name=re.compile(rf"^(\S+ )?{name}$"))


def start_from_the_page(page: Page) -> None:
    page.get_by_text("Start a training", exact=True).click()
    for setting, value in (("batch_size", 32), ("n_train", 5000)):  # so that points come quickly
        field = page.get_by_label(setting, exact=True)
        field.fill(str(value))
        field.press("Enter")
        page.get_by_text(f"--set {setting}={value}").wait_for()
    button(page, "Start").click()
    page.locator(f"{CURVES}[data-stamp]").wait_for(timeout=120_000)


def zoom_into_the_middle(page: Page) -> None:
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"], steps=5)
    page.mouse.up()


def hover_over_a_point(page: Page) -> None:
    """The point of the training's ELBO that is nearest to the middle of what is zoomed into."""
    box = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    x, y = page.locator(PLOT).evaluate(
        """plot => {
            const { xaxis, yaxis } = plot._fullLayout, { x, y } = plot._fullData[2];
            const away = (k) => Math.abs(xaxis.d2p(x[k]) - xaxis._length / 2);
            const best = [...x.keys()].sort((a, b) => away(a) - away(b))[0];
            return [xaxis.d2p(x[best]), yaxis._length / 2];
        }"""
    )
    page.mouse.move(box["x"] + x - 3, box["y"] + y)
    page.mouse.move(box["x"] + x, box["y"] + y, steps=3)


@pytest.fixture
def run(tmp_path):
    """The run that the page will start; its trainer is not left behind, whatever happens."""
    run = Run(tmp_path / "my-run-1")
    yield run
    if run.is_trained_now():
        send_request(run.folder, "stop")
        wait_for(lambda: not run.is_trained_now())


def test_start_watch_zoom_pause_continue_leave_come_back_stop(run, tmp_path):
    with served(AIR_CHECKPOINTS=str(tmp_path)) as address, browser_page(address) as (page, wrong):
        page.goto(f"{address}/Training")
        start_from_the_page(page)
        wait_for_news(page, 8)  # the curve grows
        n_points = plot(page, "plot._fullData[1]._length")
        plot(page, "{ plot.marked = true; }")

        zoom_into_the_middle(page)
        page.locator(f"{PLOT} .legendtoggle").first.click()  # hides the log-likelihood
        wait_for(lambda: plot(page, "plot._fullData.some(t => t.visible === 'legendonly')"))
        x_range, y_range = plot(page, "plot.layout.xaxis.range"), plot(page, "plot.layout.yaxis.range")
        hover_over_a_point(page)
        page.locator(f"{PLOT} .hoverlayer .legend").wait_for()
        wait_for_news(page, 2)
        assert plot(page, "plot.marked"), "the figure was replaced"
        assert plot(page, "plot.layout.xaxis.range") == x_range
        assert plot(page, "plot.layout.yaxis.range") == y_range
        hidden = plot(page, "plot._fullData.filter(t => t.visible === 'legendonly').map(t => t.name)")
        assert "log-likelihood, training" in hidden and "ELBO, training" not in hidden
        assert page.locator(f"{PLOT} .hoverlayer .legend").count() == 1, "the hover was lost"
        assert plot(page, "plot._fullData[1]._length") > n_points
        shoot(page, "Training-live-light")
        page.set_viewport_size({"width": 1440, "height": 1000})

        button(page, "Pause").click()
        button(page, "Continue").wait_for(timeout=30_000)
        assert read_status(run.folder)["state"] == "paused"
        before = read_status(run.folder)["step"]
        page.wait_for_timeout(1500)
        assert read_status(run.folder)["step"] == before
        button(page, "Continue").click()
        button(page, "Pause").wait_for(timeout=30_000)
        wait_for_news(page)

        page.goto("about:blank")
        page.wait_for_timeout(2000)
        assert run.is_trained_now()
        page.goto(f"{address}/Training?run=my-run-1")
        button(page, "Stop").click(timeout=60_000)
        button(page, "Resume").wait_for(timeout=60_000)
        assert not run.is_trained_now() and read_status(run.folder)["state"] == "interrupted"
        assert not wrong


def test_a_killed_trainer_is_shown_as_interrupted(tmp_path):
    """No trainer holds the lock of a run that says it is running: that is all a kill leaves."""
    shutil.copytree(ROOT / "checkpoints" / "multi_mnist", tmp_path / "killed")
    store = StoreWriter(tmp_path / "killed")
    run = Run(tmp_path / "killed")
    store.status(state="running")
    with served(AIR_CHECKPOINTS=str(tmp_path)) as address, browser_page(address) as (page, wrong):
        with run.lock():
            page.goto(f"{address}/Training")
            button(page, "Pause").wait_for(timeout=60_000)
        button(page, "Resume").wait_for(timeout=10_000)
        expect(page.get_by_text("interrupted")).to_be_visible()
        assert not wrong


def test_rewind_moves_the_pictures_here_and_on_attention(tmp_path):
    with served() as address, browser_page(address) as (page, wrong):
        fetched = []
        page.on("response", lambda answer: fetched.append(answer.url))
        page.goto(f"{address}/Training")
        wait_until_done(page)
        steps = Run(ROOT / "checkpoints" / "multi_mnist").steps()

        def shown() -> str:
            return page.locator('[data-panel="scenes"] image').nth(3).get_attribute("href")

        def slider():
            return page.get_by_role("slider", name=re.compile("Moment of the training")).first

        last = shown()
        page.get_by_role("button", name="skip_previous").click()
        wait_for(lambda: shown() != last)
        expect(slider()).to_have_attribute("aria-valuetext", f"step {steps[-2]:,}")
        slider().press("Home")
        expect(slider()).to_have_attribute("aria-valuetext", "step 0")
        wait_until_done(page)
        page.get_by_role("button", name="play_arrow").last.click()
        expect(slider()).to_have_attribute("aria-valuetext", f"step {steps[2]:,}", timeout=30_000)
        page.get_by_role("button", name="pause").click()
        wait_until_done(page)
        moment = slider().get_attribute("aria-valuetext")
        go(page, "Attention")
        expect(slider()).to_have_attribute("aria-valuetext", moment)
        assert sum("plotly" in Path(url).name.lower() for url in fetched) == 1, (
            "plotly.js came more than once"
        )
        assert not wrong
