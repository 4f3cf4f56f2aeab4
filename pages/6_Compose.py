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
scenes = cached.test_scenes(config.scene)

busy = np.flatnonzero(scenes.counts == scenes.counts[:1000].max())[:200]
left, right = st.columns([1, 2.6])
with left:
    choice = st.number_input(
        "Scene",
        1,
        len(busy),
        1,
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


def slider(t: int, k: int, name: str, low: float, high: float, tip: str) -> float:
    value = float(np.clip(found.z_where[t, k], low, high))
    return st.slider(
        name, low, high, value, 0.01, key=f"{slots}-{t}-{name}", persist_state="session", help=tip
    )


def back_to_guide() -> None:
    for t in range(n_objects):
        for k, name in enumerate("sxy"):
            st.session_state[f"{slots}-{t}-{name}"] = float(found.z_where[t, k])


with left:
    z_where = []
    for t in range(n_objects):
        style = step_style(t)
        with st.container(border=True):
            st.markdown(f":{style['colour_name']}[**{style['name'].capitalize()} object**]")
            s = slider(
                t,
                0,
                "s",
                MIN_SCALE,
                8.0,
                "Scale: the box covers 1/s of the canvas. Larger s, smaller object.",
            )
            x = slider(t, 1, "x", -6.0, 6.0, "Larger x moves the object to the left.")
            y = slider(t, 2, "y", -6.0, 6.0, "Larger y moves the object up.")
            z_where.append((s, x, y))
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
