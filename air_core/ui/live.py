"""Figures that are updated in place, so that zoom, hover and hidden lines survive new data.

`st.plotly_chart` replaces its figure whenever its data changes. This component hands new data to
`Plotly.react` instead. plotly.js itself comes from the Python package plotly; the app serves it as
a static file, so a browser loads it once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import streamlit as st
from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from air_core.runs import write_aside

HERE = Path(__file__).parent / "component"
STATIC = Path(__file__).parents[2] / "static"
"""Streamlit serves what lies here at `app/static/`."""

_component = st.components.v2.component(
    "air_figures",
    html='<div class="air-figures"></div>',
    css=(HERE / "figures.css").read_text(),
    js=(HERE / "figures.js").read_text(),
    isolate_styles=False,  # plotly.js puts its own styles into the document
)


@dataclass(frozen=True)
class Panel:
    """One figure of a mount: a plain Plotly figure, or a `Figure`, with its heading and its words.

    `alt` describes it to who cannot see it. `fit` is for sheets of pictures: as high as they need
    be, without tools. A change of `revision` forgets the zoom.
    """

    name: str
    figure: dict | Figure
    alt: str
    title: str = ""
    help: str = ""
    height: int = 260
    fit: bool = False
    revision: str = "keep"

    def as_json(self) -> str:
        """What the browser draws it from."""
        figure = self.figure.to_json() if isinstance(self.figure, Figure) else json.dumps(self.figure)
        rest = {name: value for name, value in vars(self).items() if name != "figure"}
        return f'{json.dumps(rest)[:-1]}, "figure": {figure}}}'


@st.cache_resource(show_spinner=False)
def plotly_url() -> str:
    """Where the browser gets plotly.js; puts it there the first time."""
    path = STATIC / f"plotly-{version('plotly')}.min.js"
    if not path.exists():
        STATIC.mkdir(exist_ok=True)
        write_aside(path, lambda aside: aside.write_text(get_plotlyjs(), encoding="utf-8"))
    return static_url(path.name)


def static_url(name: str) -> str:
    """Where the browser gets a file of `STATIC`."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/app/static/{name}".replace("//", "/")


def views_of(key: str) -> dict[str, tuple[float, float]]:
    """The part of the x axis that each panel of a mount is zoomed into, by the panel's name."""
    state = st.session_state.get(key) or {}
    views = {}
    for name, view in (state.get("view") or {}).items():
        low, high = sorted(float(value) for value in view)
        views[str(name)] = (low, high)
    return views


def show(panels: list[Panel] | list[str], key: str, stamp: str = "") -> None:
    """Mount panels (or their `as_json`), one below the other; again with new data to update.

    `stamp` is left in the page, to tell by it what is on screen.
    """
    texts = [panel if isinstance(panel, str) else panel.as_json() for panel in panels]
    data = {"plotly": plotly_url(), "panels": texts, "stamp": stamp}
    _component(key=key, data=data, default={"view": {}}, on_view_change=lambda: None)
