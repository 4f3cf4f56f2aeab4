"""Arrays to Plotly figures. Knows no network and no Streamlit.

`sheet` has the step colours and the tiled sheets that all pictures are made of, `pictures` what
AIR sees and paints, `charts` counts and curves.
"""

from air_core.figures.charts import RUN_COLOURS, Curve, confusion_figure, count_bars, curves_figure, smooth
from air_core.figures.pictures import (
    PICTURE_CONFIG,
    attention_sheet,
    canvas_sheet,
    difference_sheet,
    gallery_sheet,
    percent,
    picture_sheet,
    scene_sheet,
    traversal_sheet,
)
from air_core.figures.sheet import (
    MUTED,
    STEP_COLOURS,
    STEP_DASHES,
    Sheet,
    png_uri,
    signed_colours,
    step_style,
)

__all__ = [
    "MUTED",
    "PICTURE_CONFIG",
    "RUN_COLOURS",
    "STEP_COLOURS",
    "STEP_DASHES",
    "Curve",
    "Sheet",
    "attention_sheet",
    "canvas_sheet",
    "confusion_figure",
    "count_bars",
    "curves_figure",
    "difference_sheet",
    "gallery_sheet",
    "percent",
    "picture_sheet",
    "png_uri",
    "scene_sheet",
    "signed_colours",
    "smooth",
    "step_style",
    "traversal_sheet",
]
