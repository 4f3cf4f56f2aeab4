"""Compare: several runs in one chart, and the settings that they differ by."""

import streamlit as st

from air_core.config import setting_text
from air_core.figures import COMPARED, Axes, compare_figure
from air_core.runs import RunError, list_runs
from air_core.ui import cached, live
from air_core.ui.frame import page

POLL_SECONDS = 2

run = page("Compare", "Several runs in one chart, and the settings that they differ by.")

runs = {}
for other in list_runs(hidden=st.session_state.get("hidden-too", False)):
    try:
        runs[other.name] = (other, other.config())
    except RunError:
        continue  # the run picker says what is wrong with it
known = st.session_state.get("compared") or [run.name, *(name for name in runs if name != run.name)][:4]
left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
chosen = left.multiselect("Runs", list(runs), default=[name for name in known if name in runs])
st.session_state["compared"] = chosen
measure = middle.selectbox("Measure", list(COMPARED), key="measure", persist_state="session")
unit = right.segmented_control(
    "Horizontal axis",
    ["steps", "epochs", "seconds"],
    default="steps",
    required=True,
    key="axis",
    persist_state="session",
)
with st.container(horizontal=True, gap="medium"):
    span = st.slider(
        "Smoothing",
        1,
        50,
        5,
        key="smoothing",
        persist_state="session",
        width=220,
        help="Trailing mean over so many logged points, of values that are logged at every few steps.",
    )
if not chosen:
    st.info("Choose at least one run.", icon=":material/stacked_line_chart:")
    st.stop()
alive = any(runs[name][0].is_trained_now() for name in chosen)


@st.fragment(run_every=POLL_SECONDS if alive else None)
def curves() -> None:
    """The chart, again and again while one of the runs is trained."""
    histories = {name: cached.history(runs[name][0]) for name in chosen}
    axes = {
        name: Axes(unit, span=span, steps_per_epoch=config.scene.n_train / config.train.batch_size)
        for name, (_, config) in runs.items()
    }
    view = live.views_of("compare").get("compare")
    figure = compare_figure(histories, {name: axes[name] for name in chosen}, measure, view)
    figure["layout"]["showlegend"] = True
    live.show(
        [
            live.Panel(
                "compare",
                figure,
                f"{measure} of {', '.join(chosen)}",
                height=460,
                revision=f"{measure} {unit}",
            )
        ],
        "compare",
    )


curves()

st.subheader("What they differ by", help="Settings that are not the same in all chosen runs.")
values = {name: runs[name][1].values() for name in chosen}
first = next(iter(values.values()))
rows = [
    {"setting": key, **{name: setting_text(theirs[key]) for name, theirs in values.items()}}
    for key in first
    if any(theirs[key] != first[key] for theirs in values.values())
]
if rows:
    st.dataframe(rows, hide_index=True)
else:
    st.caption(
        "Nothing: all their settings are the same."
        if len(chosen) > 1
        else "Choose another run to compare with."
    )
