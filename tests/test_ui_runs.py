"""Looking back, keeping house among runs and comparing them, by AppTest."""

import shutil

import numpy as np
import pytest

from air_core.figures.curves import BUCKETS
from air_core.runs import Run, create_run, hide_run
from air_core.store import StoreWriter
from air_core.train import train
from tests.conftest import TINY
from tests.server import ROOT
from tests.test_pages import n_points, numbers, open_page, panels

SHIPPED = Run(ROOT / "checkpoints" / "multi_mnist")


def slider(page):
    return next(item for item in page.select_slider if "Moment" in item.label)


def test_the_slider_and_its_buttons_move_all_pictures():
    steps, page = SHIPPED.steps(), open_page("Training")
    at_end = panels(page)
    assert slider(page).value == steps[-1] and page.button(key="moment-forward").disabled
    page.button(key="moment-back").click().run()
    assert slider(page).value == steps[-2] and not page.exception
    slider(page).set_value(steps[0]).run()
    assert page.button(key="moment-back").disabled
    at_start = panels(page)
    for name in ("scenes", "dreams"):
        assert at_start[name] != at_end[name]
    assert "confusion" not in at_start  # nothing was counted before the first look
    marks = [shape for shape in at_start["ELBO"]["layout"]["shapes"] if shape.get("yref") == "paper"]
    assert marks[0]["x0"] == steps[0]
    page.button(key="moment-forward").click().run()
    assert slider(page).value == steps[1]


def test_attention_shows_the_moment_that_was_chosen_on_training():
    steps = SHIPPED.steps()
    page = open_page("Attention", **{"moment-multi_mnist": steps[2]})
    assert slider(page).value == steps[2]
    assert panels(page) != panels(open_page("Attention"))


def test_playing_begins_at_the_start_and_can_be_stopped():
    steps, page = SHIPPED.steps(), open_page("Training")
    page.button(key="moment-play").click().run()
    assert slider(page).value == steps[0] and page.session_state["playing"] == "multi_mnist"
    page.button(key="moment-play").click().run()
    assert page.session_state["playing"] is None and not page.exception


@pytest.fixture
def three_runs(own_runs):
    """A short run, one that differs by two settings, and one without a log."""
    train(create_run("one", TINY))
    train(create_run("two", TINY.with_settings(seed=3, learning_rate=0.01)))
    create_run("young", TINY)
    return own_runs


def test_compared_runs_share_a_chart_and_a_table_of_differences(three_runs):
    page = open_page("Compare")
    assert set(page.multiselect[0].value) == {"one", "two", "young"}
    page.multiselect[0].set_value(["one", "two"]).run()
    lines = panels(page)["compare"]["data"]
    assert [line["name"] for line in lines] == ["one", "two"] and n_points(lines[0]) == 3
    table = page.dataframe[0].value
    assert dict(zip(table["setting"], table["two"])) == {"learning_rate": "0.01", "seed": "3"}
    page.selectbox(key="measure").set_value("ELBO, training").run()
    assert n_points(panels(page)["compare"]["data"][0]) == 6
    page.multiselect[0].set_value(["one", "young"]).run()
    assert any("young" in caption.value for caption in page.caption)
    page.multiselect[0].set_value([]).run()
    assert "at least one" in page.info[0].value and not page.exception


def test_a_run_is_hidden_shown_and_deleted(three_runs):
    page = open_page("Training", **{"chosen-run": "two"})
    page.button(key="hide-run").click().run()
    assert "two" not in page.selectbox(key="run").options and not page.exception
    page.toggle(key="hidden-too").set_value(True).run()
    page.selectbox(key="run").set_value("two").run()
    page.button(key="unhide-run").click().run()
    assert not Run(three_runs / "two").hidden
    page.button(key="delete-run").click().run()
    assert Run(three_runs / "two").steps() and "cannot be undone" in page.markdown[-1].value
    page.button(key="delete-yes").click().run()
    assert not (three_runs / "two").exists() and page.selectbox(key="run").value != "two"
    assert not page.exception


def test_the_shipped_run_cannot_be_deleted_from_the_page():
    assert open_page("Training").button(key="delete-run").disabled


def test_all_runs_hidden_is_said(own_runs):
    hide_run(create_run("only", TINY))
    page = open_page("Home")
    assert "hidden" in page.info[0].value
    page.toggle(key="hidden-too").set_value(True).run()
    assert page.selectbox(key="run").value == "only"


def test_a_copy_starts_from_the_settings_of_a_run(three_runs):
    page = open_page("Training", **{"chosen-run": "two"})
    page.button(key="copy-run").click().run()
    assert page.selectbox(key="new-origin").value == "run:two"
    assert page.number_input(key="new-run:two-seed").value == 3
    page.number_input(key="new-run:two-seed").set_value(4).run()
    command = page.code[0].value
    assert "--set learning_rate=0.01" in command and "--set seed=4" in command
    assert "--set z_what_size=3" in command and not page.exception


def test_a_damaged_snapshot_is_named_and_the_one_before_is_shown(own_runs):
    run = create_run("tiny", TINY)
    train(run)
    run.snapshot_path(12).write_bytes(b"nonsense")
    for name in ("Home", "Training", "Attention", "Reconstructions", "Prior", "Traversals", "Compose"):
        page = open_page(name)
        warning = page.warning[0].value
        assert "step_00000012.safetensors is damaged" in warning and "step 8 " in warning, name
        assert not page.error


def test_what_is_wrong_with_a_training_stands_above_its_curves(own_runs):
    run = create_run("broken", TINY)
    store = StoreWriter(run.folder)
    store.log(25, 1.0, {"elbo": 400.0, "scenes_per_second": 1.0})
    store.log(26, 1.1, {"log_likelihood": float("-inf")})
    store.status(state="failed")
    store.close()
    page = open_page("Training")
    assert any("log_likelihood became -inf at step 26" in item.value for item in page.warning)


def test_two_hundred_thousand_points_are_thinned(own_runs):
    shutil.copytree(SHIPPED.folder, own_runs / "long", ignore=shutil.ignore_patterns("metrics*"))
    store = StoreWriter(own_runs / "long")
    noise = np.random.default_rng(0).normal(size=200_000)
    noise[123_456] = 99
    store._db.execute("BEGIN")
    for step, value in enumerate(noise, 1):
        store.log(step, step / 50, {"elbo": 600 + float(value), "scenes_per_second": 100.0})
    store._db.execute("COMMIT")
    store.close()
    page = open_page("Training")
    elbo = [trace for trace in panels(page)["ELBO"]["data"] if trace.get("name") == "ELBO, training"][-1]
    assert BUCKETS < n_points(elbo) <= 2 * BUCKETS + 2
    page.slider(key="smoothing").set_value(1).run()
    elbo = [trace for trace in panels(page)["ELBO"]["data"] if trace.get("name") == "ELBO, training"][-1]
    assert numbers(elbo["y"]).max() == 699
