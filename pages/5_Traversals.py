"""Traversals: one number of z_what at a time."""

import numpy as np
import streamlit as st

from air_core.figures import traversal_sheet
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, need_snapshot, page, picture

N_REFERENCE = 1000

run = page(
    "Traversals",
    "Take one object, change one number of its `z_what`, and watch what the decoder paints.",
)
need_snapshot(run)
air = cached.load_air(run)
scenes = cached.held_out_scenes(run.config().scene)
found = cached.explanation(run, min(N_REFERENCE, len(scenes)))

present = np.arange(found.z_what.shape[1]) < found.counts[:, None]
codes = found.z_what[present]
if not len(codes):
    st.info(
        "This run finds no objects yet, so there is nothing to start from.", icon=":material/visibility_off:"
    )
    st.stop()
ranked = np.argsort(-codes.var(0))

columns = st.columns([2, 2, 2, 3])
start = columns[0].selectbox(
    "Start from",
    ["an object of a scene", "the prior's mean"],
    key="traversal-start",
    persist_state="session",
    help=GLOSSARY["z_what"],
)
owners = np.flatnonzero(found.counts > 0)
number = columns[1].number_input(
    "Object",
    1,
    len(owners),
    min(8, len(owners)),
    key="traversal-object",
    disabled=start != "an object of a scene",
    persist_state="session",
    help="The first object that was found in one of the held-out scenes.",
)
reach = columns[2].slider(
    "Reach",
    1.0,
    4.0,
    3.0,
    0.5,
    key="traversal-reach",
    persist_state="session",
    help="How far each number goes, in standard deviations of the prior.",
)
dimensions = columns[3].multiselect(
    "Dimensions",
    ranked.tolist(),
    default=ranked[:8].tolist(),
    key=f"traversal-dimensions-{run.name}",
    persist_state="session",
    help="Sorted by how much the guide uses them: the variance of their posterior means over held-out digits.",
)
if not dimensions:
    st.info("Choose at least one dimension.", icon=":material/touch_app:")
    st.stop()

base = (
    found.z_what[owners[number - 1], 0]
    if start == "an object of a scene"
    else np.zeros(codes.shape[1], np.float32)
)
values = np.linspace(-reach, reach, 11)
z_what = np.broadcast_to(base, (len(dimensions), len(values), len(base))).copy()
for row, dimension in enumerate(dimensions):
    z_what[row, :, dimension] = values
picture(
    traversal_sheet(cached.paint(air, z_what), values, dimensions),
    "traversals",
    "Windows painted as one number of z_what changes",
)
used = int((codes.var(0) > 0.05).sum())
st.caption(
    f"The guide uses {used} of {len(base)} dimensions: those whose posterior mean varies by more than 0.05 over held-out digits. The others stay near the prior and change next to nothing."
)
