"""The app in a real Chromium: every page, first thing on a fresh server, in light and dark."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.server import PAGES, PICTURE, ROOT, browser_page, problems, served, wait_until_done

SHOTS = ROOT / "screenshots"


def shoot(page, name: str) -> Path:
    """A screenshot of the whole page."""
    SHOTS.mkdir(exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": 1440, "height": min(int(height) + 20, 3000)})
    page.wait_for_timeout(500)
    page.screenshot(path=SHOTS / f"{name}.png")
    return SHOTS / f"{name}.png"


def painted(page, name: str) -> int:
    """How many pictures or lines a page shows."""
    if name in ("Compose", "Draw"):
        return page.locator(".air-studio canvas").count()
    shown = ".scatterlayer path" if name in ("Training", "Compare") else "image"
    return page.locator(f"{PICTURE} {shown}").count()


@pytest.mark.parametrize("name", ["", "Training", "Compose"], ids=lambda name: name or "Home")
def test_a_deep_link_is_the_first_request_to_a_fresh_server(name):
    with served() as address, browser_page(address) as (page, wrong):
        page.goto(f"{address}/{name}")
        wait_until_done(page)
        assert not problems(page) and painted(page, name) > 0
        assert not wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_by_its_link(scheme):
    with served() as address, browser_page(address, scheme) as (page, wrong):
        page.goto(address)
        wait_until_done(page)
        for place, name in enumerate(PAGES):
            page.set_viewport_size({"width": 1440, "height": 1000})
            page.locator('[data-testid="stSidebarNavLink"]').nth(place).click()
            page.wait_for_url(f"{address}/{name}*")
            page.get_by_role("heading", level=1, name=name or "AIR Explorer").wait_for()
            wait_until_done(page)
            assert not problems(page) and painted(page, name) > 0
            assert shoot(page, f"{name or 'Home'}-{scheme}").stat().st_size > 20_000
        assert not wrong


def go(page, name: str) -> None:
    """Change the page by the sidebar."""
    page.locator('[data-testid="stSidebarNavLink"]', has_text=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()
    wait_until_done(page)


def test_the_chosen_run_stays_across_pages_and_in_the_url(tmp_path):
    for name in ("multi_mnist", "another"):
        shutil.copytree(ROOT / "checkpoints" / "multi_mnist", tmp_path / name)
    with served(AIR_CHECKPOINTS=str(tmp_path)) as address, browser_page(address) as (page, wrong):
        picker = page.locator('[data-testid="stSidebar"] [data-testid="stSelectbox"] input')

        def shows(run: str) -> None:
            expect(picker).to_have_value(run)
            expect(page).to_have_url(re.compile(f"run={run}"))

        page.goto(f"{address}/Prior?run=another")
        wait_until_done(page)
        shows("another")
        for name in ("Attention", "Compose"):
            go(page, name)
            shows("another")
        picker.click()
        page.get_by_role("option", name="multi_mnist").click()
        shows("multi_mnist")
        go(page, "Training")
        shows("multi_mnist")
        assert not wrong


def test_looking_changes_nothing_in_the_repository():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    status = subprocess.run(
        ["git", "status", "--porcelain", "checkpoints"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    before = status.stdout
    with served() as address, browser_page(address) as (page, _):
        page.goto(f"{address}/Training")
        wait_until_done(page)
    after = subprocess.run(
        ["git", "status", "--porcelain", "checkpoints"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert after.stdout == before
