"""Prior: what the model dreams before it sees anything."""

import streamlit as st

from air_core.figures import picture_sheet
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, need_snapshot, page, picture, reseed

run = page(
    "Prior",
    "Scenes drawn from the generative model alone: no picture goes in, only random numbers.",
)
need_snapshot(run)
air = cached.load_air(run)
max_steps = run.config().model.max_steps

left, right = st.columns([1, 3], vertical_alignment="bottom")
with left:
    seed = reseed("Draw again", "prior-seed")
with right:
    p_more = st.slider(
        "p_more",
        0.01,
        0.9,
        0.5,
        0.01,
        key="p_more",
        persist_state="session",
        help=f"{GLOSSARY['p_more']} This run was trained with {run.config().model.p_more:g}, at which nearly every scene is blank.",
    )
boxes_shown = left.toggle("Boxes", value=True, key="prior-boxes", persist_state="session")


def sheet(canvases, boxes, key: str, alt: str, captions=None) -> None:
    picture(picture_sheet(canvases, 9, boxes if boxes_shown else None, captions), key, alt)


st.subheader("One object at a time")
st.caption(
    "z_where and z_what are drawn from their priors, the decoder paints, the spatial transformer places."
)
sheet(*cached.sample_objects(air, 9, seed), "objects", "Single objects of the prior")

st.subheader(f"Scenes of at most {max_steps} objects")
st.caption(
    "The prior that the run is trained with: a fixed number of steps, each masked out once there is no more object."
)
canvases, boxes = cached.sample_prior(air, 18, p_more, seed)
sheet(canvases, boxes, "fixed", "Scenes of the fixed-step prior", [f"n = {len(b)}" for b in boxes])

st.subheader("Scenes without a limit")
st.caption(
    "The paper's own story, as a recursive program: flip a coin; stop, or add an object and start over."
)
canvases, boxes = cached.sample_geometric_prior(air, 18, p_more, seed)
sheet(
    canvases, boxes, "geometric", "Scenes of the unbounded geometric prior", [f"n = {len(b)}" for b in boxes]
)
