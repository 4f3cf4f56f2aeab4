"""The button that saves the studio as one HTML file."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from air_core.browser.single_file import single_file
from air_core.runs import Run
from air_core.ui import cached, studio

N_SCENES = 24
LARGE = 12e6
"""Bytes from which on the size is told before saving."""


@st.cache_data(show_spinner="Packing the studio …", max_entries=4)
def _file(folder: str, step: int, modified: int) -> str:
    run = Run(Path(folder))
    scenes = cached.held_out_scenes(run.config().scene)
    chosen = sorted(cached.pick_scenes(scenes, N_SCENES, seed=3), key=lambda i: -scenes.counts[i])
    data = {"title": f"AIR studio: {run.name}", "scenes": [studio.as_text(scenes.images[i]) for i in chosen]}
    return single_file(studio.exported(run), data | studio.facts(run))


def offer(run: Run) -> None:
    """A button at the end of a page."""
    content = _file(*cached.snapshot_key(run, cached.whole_step(run)[0]))
    size = len(content.encode())
    st.download_button(
        f"Take the studio away ({size / 1e6:.1f} MB)",
        content,
        f"air-studio-{run.name}.html",
        "text/html",
        icon=":material/download:",
        on_click="ignore",
        help="One HTML file with the network and some scenes. It works offline in any modern browser.",
    )
    if size > LARGE:
        st.caption(f"This run's file is large, {size / 1e6:.0f} MB, for its network is.")
