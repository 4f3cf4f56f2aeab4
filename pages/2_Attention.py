"""Attention: where the guide looks, step by step."""

import streamlit as st

from air_core.figures import attention_sheet, count_bars
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, chart, need_snapshot, page, picture, reseed
from air_core.ui.rewind import pick_moment

run = page(
    "Attention",
    "Each row is one scene: the guide looks at a crop, paints what it saw, and asks whether there is one more.",
)
need_snapshot(run)
scenes = cached.held_out_scenes(run.config().scene)

left, right = st.columns([1, 3], vertical_alignment="bottom")
with left:
    seed = reseed("Other scenes", "attention-scenes")
with right:
    step = pick_moment(run)
shown = cached.pick_scenes(scenes, 5, seed + 1000)
found = cached.explanation(run, shown, step)
images = scenes[list(shown)].images
picture(
    attention_sheet(
        images, found.crops, found.windows, found.canvases, found.boxes, found.counts, found.p_pres
    ),
    "attention-sheet",
    "Five scenes, step by step: crops, painted windows, probabilities of one more object",
)
st.caption(
    "Bright: objects that the guide counts. Dim: what it would have painted had it gone on. Held-out scenes, posterior means."
)

st.subheader("How many?", help=GLOSSARY["q(n | x)"])
for column, i in zip(st.columns(len(shown)), range(len(shown))):
    with column:
        chart(
            count_bars(found.q_counts[i], int(scenes.counts[shown[i]])),
            f"bars-{i}",
            f"q(n | x) of scene {shown[i]}",
        )
        st.caption(f"scene {shown[i]:,}: holds {scenes.counts[shown[i]]}")
