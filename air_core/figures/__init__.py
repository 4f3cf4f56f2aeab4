"""Arrays to Plotly figures. Knows no network and no Streamlit.

`sheet` has the step colours and the tiled sheets that all pictures are made of, `pictures` what
AIR sees and paints, `charts` counts, `curves` and `training` what happens over
a training.
"""

from air_core.figures.charts import RUN_COLOURS, accuracy_by_count, confusion_figure, count_bars
from air_core.figures.curves import Curve, curves_figure, decimate, smooth
from air_core.figures.pictures import (
    attention_sheet,
    canvas_sheet,
    difference_sheet,
    gallery_sheet,
    percent,
    picture_sheet,
    scene_sheet,
    search_sheet,
    traversal_sheet,
)
from air_core.figures.sheet import (
    MUTED,
    STEP_COLOURS,
    STEP_DASHES,
    Sheet,
    glowing,
    png_uri,
    signed_colours,
    step_style,
)
from air_core.figures.training import (
    COMPARED,
    Axes,
    accuracy_figure,
    compare_figure,
    elbo_figure,
    gradient_figure,
    latents_figure,
    measured,
    speed_figure,
)

__all__ = [
    "COMPARED",
    "MUTED",
    "RUN_COLOURS",
    "STEP_COLOURS",
    "STEP_DASHES",
    "Axes",
    "Curve",
    "Sheet",
    "accuracy_by_count",
    "accuracy_figure",
    "attention_sheet",
    "canvas_sheet",
    "compare_figure",
    "confusion_figure",
    "count_bars",
    "curves_figure",
    "decimate",
    "difference_sheet",
    "elbo_figure",
    "gallery_sheet",
    "glowing",
    "gradient_figure",
    "latents_figure",
    "measured",
    "percent",
    "picture_sheet",
    "png_uri",
    "scene_sheet",
    "search_sheet",
    "signed_colours",
    "smooth",
    "speed_figure",
    "step_style",
    "traversal_sheet",
]
