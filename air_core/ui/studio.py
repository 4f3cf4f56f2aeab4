"""The studio: views in the browser that run the whole AIR there (`air_core/browser`).

Modules and weights go to the browser as static files, once; a mount sends only the scene.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from air_core.browser import FOLDERS, export_weights
from air_core.composed import active_numbers, mean_codes
from air_core.figures import step_style
from air_core.runs import Run, write_aside
from air_core.ui import cached
from air_core.ui.live import STATIC, static_url

N_CODES = 400
"""Scenes from which a run's active numbers and mean codes are taken."""

KEPT_WEIGHTS = 6
"""Exported files of weights that stay; older ones are made again when asked for."""

_component = st.components.v2.component(
    "air_studio",
    html='<div class="air-studio"></div>',
    css=(FOLDERS["studio"] / "studio.css").read_text(),
    js="""
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const place = parentElement.querySelector(".air-studio");
  const { module, ...rest } = JSON.parse(data.text);
  const send = (what) => (rest.view === "draw" ? setTriggerValue("kept", what) : setStateValue("composed", what));
  import(new URL(module, document.baseURI)).then(({ mount, base64 }) => mount(place, rest, rest.view === "draw" ? (image) => send(base64(image)) : send));
}""",
)


@st.cache_resource(show_spinner=False)
def _modules() -> str:
    """Where the browser finds the modules of engine and studio; puts them there."""
    files = {
        f"{name}/{path.name}": path.read_bytes()
        for name, folder in FOLDERS.items()
        for path in sorted(folder.glob("*.js"))
    }
    stamp = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    for name, content in files.items():
        path = STATIC / f"browser-{stamp}" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_aside(path, lambda aside, content=content: aside.write_bytes(content))
    return static_url(f"browser-{stamp}/studio/studio.js")


def _weights(folder: str, step: int, modified: int) -> str:
    name = hashlib.sha256(f"{folder} {step} {modified}".encode()).hexdigest()[:16]
    path = STATIC / f"weights-{name}.bin"
    if path.exists():
        path.touch()  # it is in use: others go first
    else:
        STATIC.mkdir(exist_ok=True)
        content = exported(Run(Path(folder)))
        write_aside(path, lambda aside: aside.write_bytes(content))
        for old in sorted(STATIC.glob("weights-*.bin"), key=lambda p: p.stat().st_mtime)[:-KEPT_WEIGHTS]:
            old.unlink(missing_ok=True)
    return static_url(path.name)


def exported(run: Run) -> bytes:
    """The run's weights as the browser reads them."""
    return export_weights(cached.load_air(run), run=run.name, step=cached.whole_step(run)[0])


@st.cache_data(show_spinner=False, max_entries=16)
def _appearance(folder: str, step: int, modified: int) -> dict:
    run = Run(Path(folder))
    found = cached.explanation(run, N_CODES)
    labels = cached.held_out_scenes(run.config().scene).labels[:N_CODES]
    codes = {} if labels is None else mean_codes(found, labels)
    return {
        "active": active_numbers(found).tolist(),
        "codes": {str(digit): np.round(code, 4).tolist() for digit, code in codes.items()},
    }


def facts(run: Run) -> dict:
    """What every view of a run is told."""
    config = run.config()
    styles = [step_style(t) for t in range(config.model.max_steps)]
    return {"styles": styles, "trained": max(config.scene.counts), **_appearance(*_key(run))}


def _key(run: Run) -> tuple[str, int, int]:
    return cached.snapshot_key(run, cached.whole_step(run)[0])


def _mount(run: Run, view: str, key: str, data: dict, **callbacks: Callable):
    text = json.dumps(
        {"module": _modules(), "url": _weights(*_key(run)), "view": view, "key": key, **facts(run), **data}
    )
    return _component(key=state_key(key), data={"text": text}, **callbacks)


def state_key(key: str) -> str:
    """Where the session has the state of a view, as long as it is on the page."""
    return f"studio-{key}"


def as_text(image: np.ndarray) -> str:
    """A scene uint8 (S, S) as the browser reads it."""
    return base64.b64encode(image.tobytes()).decode()


def compose(run: Run, image: np.ndarray, key: str, objects: list | None, past: list) -> dict | None:
    """The Compose view of a scene uint8 (S, S); what it last said of its objects, or None.

    It starts from `objects`, or the guide's answer, and can be undone to the states in `past`; both
    count at the first mount of `key` only.
    """
    data = {"image": as_text(image), "objects": objects, "past": past}
    state = _mount(run, "compose", key, data, default={"composed": None}, on_composed_change=lambda: None)
    return state.composed


def draw(run: Run, examples: np.ndarray, image: np.ndarray | None, key: str) -> np.ndarray | None:
    """The Draw view, with examples uint8 (N, S, S) and perhaps a scene to begin with; a drawing just kept."""
    data = {
        "examples": [as_text(one) for one in examples],
        "image": None if image is None else as_text(image),
    }
    state = _mount(run, "draw", key, data, on_kept_change=lambda: None)
    pixels, side = base64.b64decode(state.kept or ""), examples.shape[-1]
    return np.frombuffer(pixels, np.uint8).reshape(side, side) if len(pixels) == side**2 else None
