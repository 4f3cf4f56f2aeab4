"""Reconstructions: a gallery of held-out scenes to browse."""

import numpy as np
import streamlit as st

from air_core.figures import gallery_sheet
from air_core.ui import cached
from air_core.ui.frame import need_snapshot, page, picture

PER_PAGE = 24

run = page(
    "Reconstructions",
    "Scenes that training never saw, each beside AIR's own painting of it. Look for its mistakes: they are the interesting ones.",
)
need_snapshot(run)
scenes = cached.held_out_scenes(run.config().scene)
max_steps = run.config().model.max_steps

columns = st.columns([2, 2, 2, 2, 1.4])
n = columns[0].selectbox(
    "Scenes",
    sorted({min(k, len(scenes)) for k in (1000, 2000, 10_000)}),
    key="gallery-n",
    index=0,
    persist_state="session",
    format_func=lambda k: f"the first {k:,}",
    help="How many held-out scenes are explained; ten thousand take some seconds.",
)
true_counts = sorted(np.unique(scenes.counts).tolist())
truth = columns[1].pills(
    "Holding",
    true_counts,
    selection_mode="multi",
    key="gallery-true",
    persist_state="session",
    help="Only scenes that hold so many digits; none chosen means all.",
)
counted = columns[2].pills(
    "Found",
    list(range(max_steps + 1)),
    selection_mode="multi",
    key="gallery-found",
    persist_state="session",
    help="Only scenes in which AIR found so many objects; none chosen means all.",
)
mistakes = columns[3].toggle(
    "Mistakes only", key="gallery-mistakes", persist_state="session", help="Only scenes whose count is wrong."
)

found = cached.answer(run, n)
real = scenes.counts[:n]
keep = np.ones(n, bool)
if truth:
    keep &= np.isin(real, truth)
if counted:
    keep &= np.isin(found.counts, counted)
if mistakes:
    keep &= real != found.counts
chosen = np.flatnonzero(keep)

st.caption(
    f"{len(chosen):,} of {n:,} scenes · {(real == found.counts).mean():.2%} of all {n:,} counted right"
)
if not len(chosen):
    st.info("No scene is like that. Loosen a filter.", icon=":material/search:")
    st.stop()
n_pages = -(-len(chosen) // PER_PAGE)
number = columns[4].number_input(f"Page of {n_pages:,}", 1, n_pages, 1, key=f"gallery-page-{n_pages}")
shown = chosen[(number - 1) * PER_PAGE : number * PER_PAGE]
part = cached.explanation(run, tuple(shown.tolist()))
picture(
    gallery_sheet(scenes.images[shown], part.canvases, part.boxes, part.counts, real[shown]),
    "gallery",
    "Scenes with boxes beside their reconstructions",
)
