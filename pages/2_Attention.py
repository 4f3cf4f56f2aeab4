"""Attention: where the guide looks, step by step."""

import numpy as np
import streamlit as st

from air_core.figures import attention_sheet, count_bars, scene_sheet, search_sheet
from air_core.reconsider import FEWER, LIKELIHOOD_SD, MORE
from air_core.ui import cached
from air_core.ui.frame import GLOSSARY, chart, need_snapshot, page, picture, reseed
from air_core.ui.rewind import pick_moment
from air_core.ui.targets import kept

N_SHOWN, N_JUDGED, N_HARD = 5, 2_000, 50

run = page(
    "Attention",
    "Each row is one scene: the guide looks at a crop, paints what it saw, and asks whether there is one more.",
)
need_snapshot(run)
scenes = cached.held_out_scenes(run.config().scene)

left, right = st.columns([2, 3], vertical_alignment="bottom")
with left, st.container(horizontal=True, vertical_alignment="center"):
    seed = reseed("Other scenes", "attention-scenes")
    hard = st.toggle(
        "Hard ones",
        key="attention-hard",
        persist_state="session",
        help=f"Of the first {N_JUDGED:,} held-out scenes those whose count the trained guide is least sure of.",
    )
    again = st.toggle(
        "Second thoughts",
        key="attention-fit",
        persist_state="session",
        help="Explain each scene anew with one object fewer, as many, and one more; fit z to it by gradient steps; and let the evidence decide. Takes some seconds.",
    )
    drawings = kept(scenes.images.shape[-1])[-N_SHOWN:][::-1]
    mine = drawings and st.toggle(
        "Kept drawings", key="attention-kept", help="What you drew and kept, the newest first."
    )
with right:
    step = pick_moment(run)
if mine:
    images, truth = np.stack(drawings), [None] * len(drawings)
    n_kept = len(kept(scenes.images.shape[-1]))
    names = [f"drawing {n_kept - k}" for k in range(len(drawings))]
    once = cached.explanation_of(run, images, step)
    found = cached.explanation_of(run, images, step, fit="all") if again else once
elif hard:
    unsure = cached.answer(run, N_JUDGED).q_counts.max(1).argsort()[:N_HARD]
    shown = tuple(np.random.default_rng(seed).permutation(unsure)[:N_SHOWN].tolist())
else:
    shown = cached.pick_scenes(scenes, N_SHOWN, seed + 1000)
if not mine:
    once = cached.explanation(run, shown, step)
    found = cached.explanation(run, shown, step, fit="all") if again else once
    images, truth = scenes[list(shown)].images, scenes.counts[list(shown)].tolist()
    names = [f"scene {i:,}: holds {n}" for i, n in zip(shown, truth)]
picture(
    attention_sheet(
        images, found.crops, found.windows, found.canvases, found.boxes, found.counts, found.p_pres
    ),
    "attention-sheet",
    "The scenes, step by step: crops, painted windows, probabilities of one more object",
)
st.caption(
    "Bright: objects that the guide counts. Dim: what it would have painted had it gone on. "
    f"{'Kept drawings' if mine else 'Held-out scenes'}, posterior means{', after second thoughts' if again else ''}."
)

salience = cached.search_maps(run, images, once, step)
if salience is not None:
    st.subheader(
        "Where it searches",
        help="Before each step the guide weighs every place of the scene, given what is left over of it, and attends to "
        "the brightest. The last row of each scene is the search that finds nothing more. Second thoughts search "
        "nothing: this is the guide's own answer.",
    )
    picture(
        search_sheet(images, salience, once.counts),
        "search-sheet",
        "The scenes, step by step: how much each place attracts the guide's attention",
    )

if again:
    st.subheader(
        "Before and after",
        help="The guide's answer above, the one after second thoughts below, each with what it paints. Each count is "
        "worth the ELBO of its best fit, and q(n | x) follows from that; to overrule the guide the evidence must be "
        f"better by {FEWER:.0f} nats for one object fewer and by {MORE:.0f} for one more (at a likelihood's sd of "
        f"{LIKELIHOOD_SD}). Below, *picture* is what log p(x | z, n) gains.",
    )
    for title, answer in (("The guide", once), ("Second thoughts", found)):
        st.caption(title)
        picture(
            scene_sheet(images, answer.canvases, answer.boxes, answer.counts, columns=N_SHOWN),
            f"thoughts-{title}",
            f"{title}: the scenes with boxes, each above what was painted back",
        )

st.subheader("How many?", help=GLOSSARY["q(n | x)"])
for i, column in enumerate(st.columns(N_SHOWN)[: len(images)]):
    with column:
        chart(count_bars(found.q_counts[i], truth[i]), f"bars-{i}", f"q(n | x) of {names[i]}")
        before, after = (answer.log_likelihood[i, answer.counts[i]] for answer in (once, found))
        change = (
            f"; second thoughts: {once.counts[i]} → {found.counts[i]}, picture {after - before:+.1f} nats"
        )
        st.caption(f"{names[i]}{change if again else ''}")
