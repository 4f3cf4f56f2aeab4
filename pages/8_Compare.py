"""Compare: several runs in one chart, and the settings that they differ by."""

import streamlit as st

from air_core.config import setting_text
from air_core.figures import COMPARED, compare_figure, measured
from air_core.runs import RunError, list_runs
from air_core.ui import cached, live
from air_core.ui.curves import axes_controls, of_run
from air_core.ui.frame import page

POLL_SECONDS = 2

run = page("Compare", "Several runs in one chart, and the settings that they differ by.")

runs = {}
for other in list_runs(hidden=st.session_state.get("hidden-too", False)):
    try:
        runs[other.name] = (other, other.config())
    except RunError:
        continue  # the run picker says what is wrong with it
st.session_state.setdefault("compared", [run.name, *(name for name in runs if name != run.name)][:4])
st.session_state["compared"] = [name for name in st.session_state["compared"] if name in runs]
left, right = st.columns([3, 2])
chosen = left.multiselect("Runs", list(runs), key="compared", persist_state="session")
measure = right.selectbox("Measure", list(COMPARED), key="measure", persist_state="session")
axes = axes_controls(likelihoods=False)
if not chosen:
    st.info("Choose at least one run.", icon=":material/stacked_line_chart:")
    st.stop()
alive = any(runs[name][0].is_trained_now() for name in chosen)


@st.fragment(run_every=POLL_SECONDS if alive else 5)
def curves() -> None:
    """The chart, again and again while one of the runs is trained."""
    if alive != any(runs[name][0].is_trained_now() for name in chosen):
        st.rerun()
    histories = {name: cached.history(runs[name][0]) for name in chosen}
    view = live.views_of("compare").get("compare")
    each = {name: of_run(axes, runs[name][1]) for name in chosen}
    figure = compare_figure(histories, each, measure, {name: k for k, name in enumerate(runs)}, view)
    figure["layout"]["showlegend"] = True
    alt, revision = f"{measure} of {', '.join(chosen)}", f"{measure} {axes.unit} {axes.log_x}"
    live.show([live.Panel("compare", figure, alt, height=460, revision=revision)], "compare")
    silent = [name for name in chosen if not len(measured(histories[name], measure).values)]
    if silent:
        st.caption(f"Not logged yet by {', '.join(silent)}.")


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
