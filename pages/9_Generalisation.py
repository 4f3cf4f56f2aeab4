"""Generalisation: counts that training never showed, plain AIR beside DAIR."""

from dataclasses import replace

import numpy as np
import streamlit as st

from air_core.figures import accuracy_by_count, scene_sheet
from air_core.runs import UNSEEN, RunError, find_run
from air_core.ui import cached
from air_core.ui.frame import chart, page, picture, reseed

N_SHOWN, N_COUNTED = 4, 500
TITLES = {
    UNSEEN[0]: ("AIR", "Reads the whole scene once and remembers, step by step, what it has done."),
    UNSEEN[1]: ("DAIR", "Reads at each step what is left over of the scene, and remembers nothing else."),
}

page(
    "Generalisation",
    "Both guides learned from scenes of none, one and two digits. How do they count what they never saw?",
)
try:
    runs = [find_run(name) for name in UNSEEN]
    configs = [run.config() for run in runs]
except RunError as error:
    st.info(
        f"{error}. `python -m benchmarks.unseen` trains the two runs of this page again.",
        icon=":material/hourglass:",
    )
    st.stop()

learned = configs[0].scene.counts
most = min(config.model.max_steps for config in configs)
with st.container(horizontal=True, vertical_alignment="bottom"):
    count = st.segmented_control(
        "Digits in each scene",
        list(range(most + 1)),
        default=max(learned) + 1,
        required=True,
        key="unseen-count",
        persist_state="session",
        help=f"Training had {', '.join(map(str, learned))}. The digits themselves are held out too.",
    )
    seed = reseed("Other scenes", "unseen-scenes")


def recipe(n: int):
    """Scenes of n held-out digits."""
    return replace(configs[0].scene, counts=(n,), n_test=N_COUNTED)


scenes = cached.held_out_scenes(recipe(count))
shown = cached.pick_scenes(scenes, N_SHOWN, seed)
shares = {
    TITLES[run.name][0]: np.array(
        [np.mean(cached.answer(run, N_COUNTED, recipe(n)).counts == n) for n in range(most + 1)]
    )
    for run in runs
}
for column, run in zip(st.columns(2, gap="large"), runs):
    title, sentence = TITLES[run.name]
    found = cached.explanation(run, shown, recipe=recipe(count))
    with column:
        st.subheader(title, help=sentence)
        st.metric(
            f"Counts {count} right",
            f"{shares[title][count]:.1%}",
            help=f"Of {N_COUNTED} scenes that hold {count}, by the most probable count.",
        )
        picture(
            scene_sheet(
                scenes.images[list(shown)], found.canvases, found.boxes, found.counts, columns=N_SHOWN
            ),
            f"unseen-{run.name}",
            f"{title}: {N_SHOWN} scenes of {count} digits with boxes, each above what was painted back",
        )
        st.caption(f"{sentence} Counts {', '.join(map(str, found.counts))}.")

st.subheader("How often each count is right")
chart(
    accuracy_by_count(shares, learned),
    "unseen-counts",
    "Share of scenes counted right, by the number of digits, for AIR and DAIR",
)
st.caption(
    f"Neither guide may find more than {most} objects, so {most} cannot be counted too high. "
    "This page has two runs of its own; the one chosen in the sidebar plays no part."
)
