"""`pip install -r requirements.txt && streamlit run app.py`, in an environment of its own."""

import subprocess
import sys
import venv

from tests.server import ROOT, browser_page, problems, served, wait_until_done


def test_requirements_are_enough(tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    ]
    subprocess.run(install, cwd=ROOT, check=True)
    with (
        served(python=python, AIR_CACHE=str(tmp_path / "cache")) as address,
        browser_page(address) as (page, wrong),
    ):
        page.goto(address)
        wait_until_done(page)
        assert not problems(page) and not wrong
