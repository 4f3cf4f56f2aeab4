"""The run folder: everything that a training leaves, and how it is found and read again.

    config.json                  all settings, package versions, source revision
    metrics.sqlite               the store (see `store.py`)
    step_00012000.safetensors    weights at a step: float32 at the last, float16 before
    state_00012000.safetensors   weights and optimiser, from which training goes on; the last two
    trainer.lock                 held by the trainer while it lives
    hidden                       an empty file in a run that lists leave out

Weights are safetensors, never pickles. Files are written aside and renamed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from air_core.air import AIR
from air_core.config import Config
from air_core.digits import DIGITS

RUN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
UNSEEN = ("air-0-1-2", "dair-0-1-2")
"""The two small runs of the Generalisation page: plain AIR and DAIR, taught with 0, 1 and 2 digits."""

SHIPPED = ("multi_mnist", *UNSEEN)
_SNAPSHOT = re.compile(r"step_(\d{8})\.safetensors")
_STATE = re.compile(r"state_(\d{8})\.safetensors")
_HIDDEN = "hidden"
_PACKAGES = ("torch", "pyro-ppl", "numpy", "pillow", "safetensors")
N_STATES = 2
"""How many states a run keeps: should the last be damaged, the one before it still resumes."""


class RunError(ValueError):
    """A run that cannot be used; the message says which and why."""


def runs_folder() -> Path:
    """The folder of runs: `$AIR_CHECKPOINTS`, else `checkpoints/` beside `app.py`."""
    return Path(os.environ.get("AIR_CHECKPOINTS") or Path(__file__).parents[1] / "checkpoints")


def check_name(name: str) -> str:
    """`name` if it may name a run; raises `RunError`."""
    if not RUN_NAME.fullmatch(name):
        raise RunError(
            f"{name!r} cannot name a run: use a-z, 0-9, _ and -, at most 64, the first a letter or digit"
        )
    return name


@dataclass(frozen=True)
class Run:
    """A run folder. Making one touches nothing on disk."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def hidden(self) -> bool:
        """Whether it is to be left out of lists."""
        return (self.folder / _HIDDEN).exists()

    def config(self) -> Config:
        """The run's settings; raises `RunError`."""
        return Config.from_dict(self.description()["settings"])

    def description(self) -> dict:
        """All of config.json: `settings`, `versions`, `revision`; raises `RunError`."""
        path = self.folder / "config.json"
        try:
            content = json.loads(path.read_text())
            Config.from_dict(content["settings"])
            return content
        except FileNotFoundError:
            raise RunError(f"{self.folder} is not a run: it has no config.json") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} cannot be read: {error}") from None

    def steps(self) -> list[int]:
        """The steps that snapshots were taken at, in order."""
        return self._steps(_SNAPSHOT)

    def states(self) -> list[int]:
        """The steps that training can be resumed from, in order."""
        return self._steps(_STATE)

    def _steps(self, pattern: re.Pattern) -> list[int]:
        found = (pattern.fullmatch(path.name) for path in self.folder.glob("*.safetensors"))
        return sorted(int(match[1]) for match in found if match)

    def snapshot_path(self, step: int) -> Path:
        """The file of the snapshot at a step, whether it exists or not."""
        return self.folder / f"step_{step:08d}.safetensors"

    def state_path(self, step: int) -> Path:
        """The file of the resumable state at a step, whether it exists or not."""
        return self.folder / f"state_{step:08d}.safetensors"

    def load(self, step: int | None = None, report: Callable[[str], object] = warnings.warn) -> AIR:
        """The trained AIR at a snapshot in `eval` mode and float32; by default the last whole one.

        Then `report` is told of damaged ones that were skipped. Raises `RunError` if there is no
        such snapshot, or if it, or every one, is damaged or of another network.
        """
        steps = self.steps() if step is None else [k for k in self.steps() if k == step]
        if not steps:
            raise RunError(f"run {self.name} has no snapshot" + ("" if step is None else f" at step {step}"))
        for k in reversed(steps):
            air, path = AIR(self.config()), self.snapshot_path(k)
            try:
                tensors, _ = read_tensors(path)
                load_weights(air, tensors, path)
                return air.eval()
            except RunError as error:
                if k == steps[0]:
                    raise
                report(f"{error}; using the snapshot before it")
        raise AssertionError("unreachable")

    def is_trained_now(self) -> bool:
        """Whether a living trainer holds the run's lock."""
        path = self.folder / "trainer.lock"
        if not path.exists():
            return False
        try:
            # Not at once: somebody else who only asks may hold it for a moment.
            with FileLock(path, timeout=0.04, poll_interval=0.04):
                return False
        except Timeout:
            return True

    def lock(self) -> FileLock:
        """The trainer's lock, to be acquired; waits a moment for whoever only asks."""
        return FileLock(self.folder / "trainer.lock", timeout=1)


def find_run(name_or_path: str) -> Run:
    """A run by its name in the folder of runs, or by the path of its folder; raises `RunError`."""
    by_name = RUN_NAME.fullmatch(name_or_path) and runs_folder() / name_or_path
    for folder in (by_name, Path(name_or_path)):
        if folder and (folder / "config.json").is_file():
            return Run(folder)
    known = ", ".join(run.name for run in list_runs()) or "none yet"
    raise RunError(f"there is no run {name_or_path!r} (known: {known})")


def list_runs(hidden: bool = True) -> list[Run]:
    """Every run in the folder of runs, the shipped ones first, then the newest first.

    Without `hidden`, those that were hidden are left out.
    """
    runs = [
        Run(path.parent)
        for path in runs_folder().glob("*/config.json")
        if RUN_NAME.fullmatch(path.parent.name)
    ]
    shown = [run for run in runs if hidden or not run.hidden]

    def rank(run: Run) -> tuple:
        if run.name in SHIPPED:
            return SHIPPED.index(run.name), 0.0, run.name
        return len(SHIPPED), -_begun(run), run.name

    return sorted(shown, key=rank)


def _begun(run: Run) -> float:
    try:
        return (run.folder / "config.json").stat().st_mtime
    except OSError:
        return 0.0  # deleted by somebody just now


def hide_run(run: Run, hidden: bool = True) -> None:
    """Leave a run out of lists, or take it in again. Nothing else of it changes."""
    if hidden:
        (run.folder / _HIDDEN).touch()
    else:
        (run.folder / _HIDDEN).unlink(missing_ok=True)


def delete_run(run: Run) -> None:
    """Delete a run's folder for good; raises `RunError` if it is being trained, or shipped."""
    if run.name in SHIPPED:
        raise RunError(f"run {run.name} is part of the app; hide it instead")
    if run.is_trained_now():
        raise RunError(f"run {run.name} is being trained; stop it first")
    # Gone from every list at once, whatever happens while its files are removed.
    aside = run.folder.with_name(f".{run.name}.deleted-{os.getpid()}-{time.time_ns()}")
    run.folder.rename(aside)
    shutil.rmtree(aside)


def source_revision() -> str:
    """The commit of this source, with '+' if files differ from it; 'unknown' outside git."""

    def git(*arguments: str) -> str:
        result = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
        return result.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def create_run(name: str, config: Config) -> Run:
    """Make the folder and config.json of a new run; raises `RunError` if the name is taken.

    A path to digits is made absolute, so that the run finds them from anywhere.
    """
    run = Run(runs_folder() / check_name(name))
    if (run.folder / "config.json").exists():
        raise RunError(f"run {name} exists: continue it with --resume {name}, or choose another --name")
    if config.scene.digits not in DIGITS:
        config = config.with_settings(digits=str(Path(config.scene.digits).expanduser().resolve()))
    run.folder.mkdir(parents=True, exist_ok=True)
    versions = {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in _PACKAGES}
    _write_description(
        run, {"settings": config.to_dict(), "versions": versions, "revision": source_revision()}
    )
    return run


def change_settings(run: Run, config: Config) -> None:
    """Give a run other settings; what it was begun with (versions, revision) stays on record."""
    _write_description(run, run.description() | {"settings": config.to_dict()})


def _write_description(run: Run, content: dict) -> None:
    write_aside(
        run.folder / "config.json", lambda path: path.write_text(json.dumps(content, indent=2) + "\n")
    )


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path, make it durable, and rename it to `path`."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(aside)
        aside.chmod(0o644)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict | None = None) -> None:
    """Write named tensors and JSON-able facts as safetensors."""
    tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
    try:
        write_aside(path, lambda aside: save_file(tensors, aside, {"facts": json.dumps(facts or {})}))
    except SafetensorError as error:
        raise RunError(f"{path} cannot be written: {error}") from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Tensors and facts of `write_tensors`; raises `RunError` if the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            return tensors, json.loads((file.metadata() or {}).get("facts", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"{path} is damaged or missing ({error})") from None


def load_weights(air: AIR, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy weights into `air`; raises `RunError` if they are of another network or not finite."""
    try:
        air.load_state_dict(tensors)
    except RuntimeError:
        raise RunError(f"{path} does not fit the network that config.json describes") from None
    if not all(torch.isfinite(value).all() for value in air.state_dict().values()):
        raise RunError(f"{path} holds weights that are not finite")
