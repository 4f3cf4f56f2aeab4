"""What the network of one moment of a training sees, counts and dreams."""

from __future__ import annotations

import streamlit as st

from air_core.figures import confusion_figure, picture_sheet, scene_sheet
from air_core.records import confusion_of
from air_core.runs import Run
from air_core.store import Row
from air_core.ui import cached
from air_core.ui.live import Panel

N_SCENES, N_DREAMS, P_MORE = 12, 12, 0.5


def pictures(run: Run, step: int) -> list[str]:
    """The same validation scenes, counts and dreams, as the network of a snapshot has them.

    Panels for `live.show`; sessions that look at the same moment share the work.
    """
    step = cached.whole_step(run, step)[0]
    looks = [row for row in cached.history(run).looks if row.step <= step][-1:]
    return _texts(*cached.snapshot_key(run, step), *(look.step for look in looks), _run=run, _looks=looks)


@st.cache_resource(show_spinner=False, max_entries=64)
def _texts(
    folder: str, step: int, modified: int, look: int = -1, *, _run: Run, _looks: list[Row]
) -> list[str]:
    panels = [_scenes(_run, step), *map(_counts, _looks), _dreams(_run, step)]
    return [panel.as_json() for panel in panels]


def _scenes(run: Run, step: int) -> Panel:
    scenes = cached.held_out_scenes(run.config().scene, "validation")
    shown = cached.pick_scenes(scenes, N_SCENES, seed=0)
    found = cached.explanation(run, shown, step, "validation")
    sheet = scene_sheet(scenes.images[list(shown)], found.canvases, found.boxes, found.counts, columns=4)
    return Panel(
        "scenes",
        sheet,
        "Twelve validation scenes with the guide's boxes, each above what was painted back",
        title="Twelve scenes, always the same",
        help="Validation scenes with the guide's boxes, each above what AIR paints back.",
        fit=True,
    )


def _counts(look: Row) -> Panel:
    return Panel(
        "confusion",
        confusion_figure(confusion_of(look.record)),
        "Confusion matrix of counts",
        title="Counts",
        help=f"All validation scenes by how many digits they hold and how many were counted, at step {look.step:,}.",
        height=230,
    )


def _dreams(run: Run, step: int) -> Panel:
    canvases, boxes = cached.sample_prior(cached.load_air(run, step), N_DREAMS, P_MORE, seed=0)
    return Panel(
        "dreams",
        picture_sheet(canvases, 6, boxes),
        "Scenes drawn from the prior",
        title="What it dreams",
        help=f"Scenes drawn from the prior with p_more = {P_MORE}, always with the same noise.",
        fit=True,
    )
