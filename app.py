"""Home: AIR told in one screen, with a trained run at work on real scenes."""

import numpy as np
import streamlit as st

from air_core.figures import attention_sheet, scene_sheet
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, need_snapshot, page, picture, reseed

run = page(
    "AIR Explorer",
    "**Attend, Infer, Repeat** explains a picture as a few objects. Nobody tells it how many there are, "
    "where they are or what they look like: it learns to count by explaining.",
)
need_snapshot(run)
scenes = cached.held_out_scenes(run.config().scene)

history = cached.history(run)
if history.looks:
    facts = history.looks[-1].record
    columns = st.columns(4)
    columns[0].metric(
        "Counts right, validation",
        f"{facts['validation/count_accuracy']:.2%}",
        help="Share of validation scenes, made of digits that training never saw, whose count is right.",
    )
    columns[1].metric("ELBO", f"{facts['validation/elbo']:.0f} nats", help=GLOSSARY["ELBO"])
    columns[2].metric(
        "Above a blank canvas",
        f"{facts['validation/elbo'] - facts['validation/blank']:.0f} nats",
        help=GLOSSARY["nats above blank"],
    )
    columns[3].metric(
        "Training time",
        f"{history.last.seconds / 60:.1f} min",
        help="On the processor that trained it, start to end.",
    )

st.subheader("What it sees, and what it makes of it")
seed = reseed("Other scenes", "home-scenes")
shown = cached.pick_scenes(scenes, 8, seed)
found = cached.explanation(run, shown)
picture(
    scene_sheet(scenes[list(shown)].images, found.canvases, found.boxes, found.counts, columns=8),
    "home-sheet",
    "Eight scenes with the boxes that AIR found, and below each the scene that it painted back",
)
st.caption(
    "Top: scenes of handwritten digits and the boxes where the guide looked. Bottom: AIR's own painting of the scene, object by object."
)

st.subheader("How: look, say what is there, look again")
full = np.argsort(-found.counts, kind="stable")[:1]
one = found[full]
picture(
    attention_sheet(
        scenes[list(shown)].images[full],
        one.crops,
        one.windows,
        one.canvases,
        one.boxes,
        one.counts,
        one.p_pres,
    ),
    "home-attention",
    "One scene step by step: the crop that the guide saw and the window that the decoder painted",
)
st.markdown(
    """
At each step a recurrent **guide** looks at the scene and says whether there is *one more object*
(`z_pres`), *where* it is (`z_where`: scale, x, y) and *what* it looks like (`z_what`, a vector of numbers).
A **decoder** paints each object into a window, the windows are placed on a canvas and add up.
Both are trained together to make the painting match the scene (Eslami et al., 2016).

Go on with **Attention** to watch it look, **Prior** to see what it dreams of, **Traversals** to
turn the numbers of `z_what`, **Compose** to move objects by hand, **Draw** to let it explain your own hand, and **Training** for its curves.
"""
)

with st.expander("The words"):
    for word, meaning in GLOSSARY.items():
        st.markdown(f"**{word}**: {meaning}")
