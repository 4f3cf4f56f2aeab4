"""Figures: what they show is what they were given."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from air_core.figures import (
    COMPARED,
    STEP_COLOURS,
    STEP_DASHES,
    Axes,
    Curve,
    Sheet,
    attention_sheet,
    compare_figure,
    confusion_figure,
    count_bars,
    curves_figure,
    decimate,
    elbo_figure,
    glowing,
    percent,
    png_uri,
    search_sheet,
    signed_colours,
    smooth,
    step_style,
)
from air_core.history import History
from air_core.records import look_record
from air_core.store import StoreWriter


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


def test_a_search_ends_with_the_step_that_finds_nothing():
    images, salience = np.zeros((3, 10, 10), np.float32), np.zeros((3, 3, 3, 3), np.float32)
    salience[:, :, 1, 2] = 5.0
    figure = search_sheet(images, salience, np.array([0, 2, 3]))
    assert len(figure.data) == 1 + 3 + 3
    texts = [item.text for item in figure.layout.annotations]
    assert texts.count("nothing left") == 2 and texts.count("first step") == 2


def test_a_glow_is_of_its_colour_and_leaves_the_rest():
    picture = glowing(np.full((2, 2), 255, np.uint8), np.array([[1.0, 0.0], [0.0, 0.0]]), "#ff0000")
    np.testing.assert_allclose(picture[0, 0], [1, 0.3, 0.3])
    np.testing.assert_allclose(picture[1, 1], 0.6)


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


def unpacked(values: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(values["bdata"]), "<f4")


@pytest.mark.parametrize("log_x", [False, True])
def test_thinned_curves_keep_every_extreme_of_what_a_screen_shows(log_x):
    x = np.arange(1, 200_001.0)
    y = np.random.default_rng(0).normal(size=len(x))
    y[[5, 77_777, 123_456]] = 50, 60, -70
    kept = decimate(x, y, log_x)
    assert len(kept) <= 2 * 400 + 2 and (np.diff(kept) > 0).all()
    assert {0, 5, 77_777, 123_456, len(x) - 1} <= set(kept.tolist())
    place = np.log10(x) if log_x else x
    bucket = np.minimum(((place - place[0]) / (place[-1] - place[0]) * 400).astype(int), 399)
    for k in np.unique(bucket)[::37]:
        inside = y[bucket == k]
        shown = y[kept[bucket[kept] == k]]
        assert shown.min() == inside.min() and shown.max() == inside.max()


def test_what_is_zoomed_into_is_shown_in_full():
    x = np.arange(200_000.0)
    y = np.sin(x)
    kept = decimate(x, y, view=(1000.0, 1500.0))
    assert set(range(1000, 1501)) <= set(kept.tolist()) and len(kept) < 1500
    assert len(decimate(x, y, view=(-5.0, -1.0))) <= 802  # a view of nothing


def test_short_curves_are_not_thinned():
    assert decimate(np.arange(10.0), np.zeros(10)).tolist() == list(range(10))
    assert decimate(np.array([]), np.array([])).tolist() == []


def test_points_that_an_axis_cannot_show_are_left_out():
    y = np.array([1.0, np.nan, 0.0, -2.0, np.inf, 3.0])
    curve = Curve("a", np.arange(6.0), y, "#000000")
    figure = curves_figure([curve], "steps", "nats", log_y=True)
    assert unpacked(figure["data"][0]["y"]).tolist() == [1, 3]
    figure = curves_figure([curve], "steps", "nats", log_x=True)
    assert unpacked(figure["data"][0]["x"]).tolist() == [2, 3, 5]


def test_a_smoothed_curve_leaves_a_shadow_that_is_hidden_with_it():
    curve = Curve("a", np.arange(4.0), np.array([1.0, 3.0, 5.0, 7.0]), "#000000", span=2)
    shadow, line = curves_figure([curve], "steps", "nats")["data"]
    assert unpacked(line["y"]).tolist() == [1, 2, 4, 6] and unpacked(shadow["y"]).tolist() == [1, 3, 5, 7]
    assert shadow["legendgroup"] == line["legendgroup"] and not shadow["showlegend"]
    assert len({shadow["uid"], line["uid"]}) == 2


def logged(tmp_path) -> History:
    store = StoreWriter(tmp_path)
    for step in range(1, 11):
        record = {"elbo": 500.0 + step, "log_likelihood": 510.0, "blank": 450.0, "scenes_per_second": 100.0}
        if step % 5 == 0:
            record |= look_record({"elbo": 505.0}, 440.0, np.array([[5, 0], [1, 4]]))
        store.log(step, 2.0 * step, record)
    store.close()
    return History(tmp_path).refresh()


def test_curves_over_steps_epochs_and_seconds(tmp_path):
    history = logged(tmp_path)
    for unit, factor in (("steps", 1.0), ("epochs", 1 / 4), ("seconds", 2.0)):
        figure = elbo_figure(history, Axes(unit, steps_per_epoch=4.0, mark=6))
        lines = {trace["name"]: trace for trace in figure["data"]}
        np.testing.assert_allclose(unpacked(lines["ELBO, training"]["x"]), factor * np.arange(1, 11))
        assert figure["layout"]["shapes"][-1]["x0"] == pytest.approx(6 * factor)
        assert figure["layout"]["shapes"][0]["y0"] == 440.0


def test_nats_above_blank_are_above_the_blank_of_the_same_scenes(tmp_path):
    figure = elbo_figure(logged(tmp_path), Axes(above_blank=True))
    lines = {trace["name"]: unpacked(trace["y"]).tolist() for trace in figure["data"]}
    assert lines["ELBO, training"] == [50.0 + k for k in range(1, 11)]
    assert lines["ELBO, validation"] == [65.0, 65.0]


def test_runs_are_compared_by_name(tmp_path):
    history = logged(tmp_path)
    axes = {"a": Axes(), "b": Axes()}
    for measure in COMPARED:
        figure = compare_figure({"a": history, "b": history}, axes, measure)
        assert [trace["name"] for trace in figure["data"]] == ["a", "b"]
        assert len({(t["line"]["color"], t["line"]["dash"]) for t in figure["data"]}) == 2
    assert unpacked(
        compare_figure({"a": history}, axes, "nats above blank, validation")["data"][0]["y"]
    ).tolist() == [65, 65]
