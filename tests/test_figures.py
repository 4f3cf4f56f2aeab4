"""Figures: what they show is what they were given."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from air_core.figures import (
    STEP_COLOURS,
    STEP_DASHES,
    Curve,
    Sheet,
    attention_sheet,
    confusion_figure,
    count_bars,
    curves_figure,
    percent,
    png_uri,
    signed_colours,
    smooth,
    step_style,
)


def decode(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))


def test_pictures_keep_their_pixels():
    stored = np.arange(25, dtype=np.uint8).reshape(5, 5) * 10
    assert (decode(png_uri(stored)) == stored).all()
    assert (decode(png_uri(stored.astype(np.float32) / 255)) == stored).all()
    assert decode(png_uri(np.array([[-1.0, 2.0]]))).tolist() == [[0, 255]]
    assert decode(png_uri(signed_colours(np.eye(3)))).shape == (3, 3, 3)


def test_steps_differ_in_colour_and_line():
    styles = [step_style(t) for t in range(3)]
    assert [s["name"] for s in styles] == ["first", "second", "third"]
    assert [s["colour_name"] for s in styles] == ["red", "green", "blue"]
    assert len({s["dash"] for s in styles}) == 3
    assert len(set(STEP_COLOURS)) == len(set(STEP_DASHES)) == len(STEP_COLOURS)
    assert step_style(7) == step_style(1) | {"name": "8th"}


def test_boxes_lie_on_their_tile():
    sheet = Sheet(2)
    sheet.picture(1, 1, np.zeros((50, 50)))
    sheet.boxes(1, 1, np.array([[0, 0, 50, 50], [10, 20, 5, 5]]), 50)
    figure = sheet.figure()
    x, y = sheet.corner(1, 1)
    first, second = (trace for trace in figure.data if trace.type == "scatter")
    assert np.nanmin(first.x) == pytest.approx(x) and np.nanmax(first.y) == pytest.approx(y + 1)
    assert np.nanmin(second.x) == pytest.approx(x + 0.2) and np.nanmin(second.y) == pytest.approx(y + 0.4)
    assert (first.line.color, second.line.dash) == (STEP_COLOURS[0], STEP_DASHES[1])
    picture = next(trace for trace in figure.data if trace.type == "image")
    assert picture.x0 - picture.dx / 2 == pytest.approx(x) and picture.dx * 50 == pytest.approx(1)


def test_attention_shows_only_counted_objects_in_colour():
    n, t = 2, 3
    figure = attention_sheet(
        np.zeros((n, 50, 50)),
        np.ones((n, t, 28, 28)),
        np.ones((n, t, 28, 28)),
        np.zeros((n, 50, 50)),
        np.full((n, t, 4), 10.0),
        np.array([0, 2]),
        np.array([[0.1, 0.5, 0.5], [1.0, 0.9996, 0.0001]]),
    )
    assert len(figure.layout.shapes) == 4  # two frames for each of the two objects
    words = [a.text for a in figure.layout.annotations]
    assert "one more? > 99.9 %" in words and "one more? < 0.1 %" in words and "one more? 10.0 %" in words


def test_percent_is_never_surer_than_it_is():
    assert [percent(p) for p in (0, 1e-5, 0.5, 0.99991, 1)] == [
        "0.0 %",
        "< 0.1 %",
        "50.0 %",
        "> 99.9 %",
        "100.0 %",
    ]


def test_smoothing_is_a_trailing_mean():
    assert smooth(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1, 2, 4, 6]
    assert smooth(np.array([]), 5).size == 0


def test_charts():
    figure = curves_figure([Curve("a", np.arange(3), np.arange(3.0), "#000000")], "steps", "nats", floor=1.0)
    assert figure["data"][0]["name"] == "a"
    assert figure["layout"]["shapes"][0]["label"]["text"] == "blank canvas"
    bars = count_bars(np.array([0.1, 0.2, 0.7, 0.0]), truth=2)
    assert list(bars.data[0].x) == ["0", "1", "2", "3"] and bars.layout.annotations[0].x == "2"
    table = confusion_figure(np.array([[3, 0], [1000, 2]]))
    assert sorted(a.text for a in table.layout.annotations) == ["0", "1,000", "2", "3"]
