"""`pip install -r requirements.txt && streamlit run app.py`, in an environment of its own.

It takes a minute of the suite's ten, so it runs on demand: `AIR_TEST_INSTALL=1 make test ARGS=tests/test_install.py`,
after any change of requirements.txt.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.server import ROOT, browser_page, problems, served, wait_until_done


def lend(name: str, site: Path, lent: set[str]) -> None:
    """Link an installed distribution, and what it requires, into another environment.

    Only torch is lent: its download is gigabytes where PyPI's build brings CUDA, and whoever runs
    this has chosen a build already.
    """
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # a requirement of other platforms
    if name in lent:
        return
    lent.add(name)
    here = Path(sysconfig.get_paths()["purelib"])
    for file in distribution.files or ():
        source = Path(distribution.locate_file(file)).resolve()
        if source.is_file() and source.is_relative_to(here) and "__pycache__" not in source.parts:
            target = site / source.relative_to(here)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:
                shutil.copy2(source, target)
    for requirement in distribution.requires or ():
        if "extra ==" not in requirement:
            lend(re.match(r"[\w.-]+", requirement)[0], site, lent)


@pytest.mark.skipif("AIR_TEST_INSTALL" not in os.environ, reason="on demand: AIR_TEST_INSTALL=1")
def test_requirements_are_enough(tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"], text=True
    )
    lend("torch", Path(site.strip()), {"setuptools"})
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
