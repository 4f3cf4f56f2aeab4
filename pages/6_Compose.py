"""Compose: place objects by hand."""

import numpy as np
import streamlit as st

from air_core.evaluation import blank_score
from air_core.figures import canvas_sheet, difference_sheet, step_style
from air_core.scenes import to_float
from air_core.spatial_transformer import MIN_SCALE
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, need_snapshot, page, picture

run = page(
    "Compose",
    "Take the objects that AIR found in a scene and move them: `z_where` is yours, the decoder paints.",
)
need_snapshot(run)
config = run.config()
air = cached.load_air(run)
scenes = cached.held_out_scenes(config.scene)

busy = np.flatnonzero(scenes.counts == scenes.counts[:1000].max())[:200]
left, right = st.columns([1, 2.6])
with left:
    choice = st.number_input(
        "Scene",
        1,
        len(busy),
        min(8, len(busy)),
        key="compose-scene",
        persist_state="session",
        help="Whose objects to start from.",
    )
index = int(busy[choice - 1])
found = cached.explanation(run, (index,))[0]
n_objects = int(found.counts)
if not n_objects:
    left.info("The guide finds no object here. Choose another scene.", icon=":material/visibility_off:")
    st.stop()

slots = f"{run.name}-{index}"
answer = found.z_where[:n_objects].astype(float)
answer[:, 0] = answer[:, 0].clip(MIN_SCALE)
top = max(8.0, float(np.ceil(answer[:, 0].max())) + 1)
reach = max(6.0, float(np.ceil(np.abs(answer[:, 1:]).max())) + 1)
AXES = (
    ("s", MIN_SCALE, top, "Scale: the box covers 1/s of the canvas. Larger s, smaller object."),
    ("x", -reach, reach, "Larger x moves the object to the left."),
    ("y", -reach, reach, "Larger y moves the object up."),
)


def slider(t: int, k: int) -> float:
    """The slider of one number of the t-th object's z_where; starts where the guide saw it."""
    name, low, high, tip = AXES[k]
    key = f"{slots}-{t}-{name}"
    return st.slider(name, low, high, float(answer[t, k]), 0.01, key=key, persist_state="session", help=tip)


def back_to_guide() -> None:
    for t in range(n_objects):
        for k, (name, *_) in enumerate(AXES):
            st.session_state[f"{slots}-{t}-{name}"] = float(answer[t, k])


with left:
    z_where = []
    for t in range(n_objects):
        style = step_style(t)
        with st.container(border=True):
            st.markdown(
                f":{style['colour_name']}[**{style['name'].capitalize()} object**]", help=GLOSSARY["z_where"]
            )
            z_where.append([slider(t, k) for k in range(3)])
    st.button(
        "Ask the guide",
        on_click=back_to_guide,
        icon=":material/visibility:",
        help="Back to where the guide saw them.",
    )

target = to_float(scenes.images[index])
canvas, boxes = cached.compose(air, found.z_what[:n_objects], np.array(z_where))
with right:
    large, small = st.columns([2, 1])
    with large:
        picture(canvas_sheet(canvas, boxes), "canvas", "Your canvas with the boxes of its objects")
    with small:
        picture(
            difference_sheet(canvas, target),
            "difference",
            "The target scene, and what the canvas lacks or has too much",
        )
    sd = config.model.likelihood_sd
    gained = float((np.square(target).sum() - np.square(target - canvas).sum()) / (2 * sd**2))
    columns = st.columns(3)
    columns[0].metric(
        "log p(x | z)",
        f"{blank_score(target[None], sd) + gained:.1f} nats",
        help="How well your canvas explains the target scene.",
    )
    columns[1].metric("above blank", f"{gained:+.1f} nats", help=GLOSSARY["nats above blank"])
    columns[2].metric(
        "the guide's own",
        f"{found.log_likelihood[n_objects]:.1f} nats",
        help="log p(x | z) at the guide's z_where.",
    )
