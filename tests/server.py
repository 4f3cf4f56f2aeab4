"""The app as a user runs it: `streamlit run app.py`, and a real Chromium that looks at it."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import chromium

ROOT = Path(__file__).parents[1]
PAGES = ("", *(path.stem.split("_", 1)[1] for path in sorted((ROOT / "pages").glob("*.py"))))
"""Every page as it stands in the URL, in the sidebar's order; home is ''."""

PICTURE = ".air-plot .main-svg"
_PROBE = re.compile(r"/[A-Za-z]+/_stcore/(health|host-config)$")
"""Streamlit looks for its own root below the page's address first; that those are not there is no error."""


@contextmanager
def served(root: Path = ROOT, python: str = sys.executable, **environment: str) -> Iterator[str]:
    """The app's address, from a fresh server that ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [python, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment
    server = subprocess.Popen(
        command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            assert server.poll() is None, "the server ended"
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def browser_page(address: str, scheme: str = "light") -> Iterator[tuple[Page, list[str]]]:
    """A Chromium page, and what went wrong on it: console errors and requests that leave here."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=flags)
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme=scheme)
        page = context.new_page()
        wrong: list[str] = []

        def on_console(message) -> None:
            if message.type == "error" and not _PROBE.search(message.location.get("url", "")):
                wrong.append(f"console: {message.text} ({message.location.get('url')})")

        def on_request(request) -> None:
            if not request.url.startswith((address, address.replace("http", "ws"), "data:", "blob:")):
                wrong.append(f"left this computer: {request.url}")

        page.on("console", on_console)
        page.on("request", on_request)
        page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
        try:
            yield page, wrong
        finally:
            browser.close()


def wait_until_done(page: Page) -> None:
    """Wait for the first picture, and for the script behind the page to end."""
    page.wait_for_selector(f"{PICTURE}, .air-studio canvas", timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=\"stStatusWidget\"]')", timeout=60_000)


def problems(page: Page) -> list[str]:
    """The exceptions and errors that the page shows."""
    shown = page.query_selector_all('[data-testid="stException"], [data-testid="stAlertContentError"]')
    return [element.inner_text()[:300] for element in shown]
