"""Draw: AIR answers while the stroke is being drawn."""

import numpy as np
import streamlit as st

from air_core.ui import cached, studio
from air_core.ui.frame import need_snapshot, page
from air_core.ui.take_away import offer
from air_core.ui.targets import keep, named, upload

N_EXAMPLES = 12

run = page(
    "Draw",
    "Draw a digit, or two, and AIR answers while you draw: how many objects, where, and how it would paint them.",
)
need_snapshot(run)
scenes = cached.held_out_scenes(run.config().scene)
full = np.flatnonzero(scenes.counts == scenes.counts[:1000].max())[:N_EXAMPLES]

with st.expander("Upload a picture", icon=":material/upload:"):
    image = upload(run, "draw-upload")


@st.fragment
def surface() -> None:
    """The view; drawings that are kept go to other pages."""
    name = f"draw-{run.name}" + (f"-{named(image, 'picture').name}" if image is not None else "")
    drawing = studio.draw(run, scenes.images[full], image, name)
    if drawing is not None:
        keep(drawing)
        st.toast("Kept. The Attention and Compose pages offer it as a scene.", icon=":material/check:")


surface()
offer(run)
