"""Starting and steering a training from the page, with a real trainer."""

import pytest

from air_core.control import launch, state_of
from air_core.runs import Run, create_run
from tests.conftest import TINY
from tests.test_control import LONG, step_of, wait_for
from tests.test_pages import open_page


def press(page, key: str):
    page.button(key=key).click().run()
    assert not page.exception
    return page


def test_start_pause_continue_stop_resume_from_the_page(own_runs, monkeypatch):
    from air_core.ui import trainer

    monkeypatch.setattr(trainer, "PRESETS", {"tiny": LONG})
    page = open_page("Training")
    assert "no trained run" in page.info[0].value
    page.text_input(key="new-name").set_value("from-page").run()
    page.number_input(key="new-preset:tiny-seed").set_value(5).run()
    assert page.code[0].value.endswith("--preset tiny --name from-page --set seed=5")
    press(page, "start")
    run = Run(own_runs / "from-page")
    assert page.selectbox(key="run").value == "from-page" and run.config() == LONG.with_settings(seed=5)
    wait_for(lambda: step_of(run) >= 2)
    press(page, "do-pause")
    wait_for(lambda: state_of(run) == "paused")
    assert page.button(key="stop-other")  # one at a time: there is nothing to start now
    press(page.run(), "do-continue")
    wait_for(lambda: state_of(run) == "running")
    press(page.run(), "do-stop")
    wait_for(lambda: state_of(run) == "interrupted")
    press(page.run(), "resume")
    assert state_of(run) in ("running", "finished")
    wait_for(lambda: state_of(run) == "finished")
    assert not page.run().exception


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("new-name", "../up", "cannot name a run"),
        ("new-preset:tiny-learning_rate", "fast", "learning_rate"),
        ("new-preset:tiny-counts", "", "counts"),
    ],
)
def test_mistakes_in_the_form_are_said(own_runs, monkeypatch, field, value, words):
    from air_core.ui import trainer

    monkeypatch.setattr(trainer, "PRESETS", {"tiny": TINY})
    page = open_page("Training")
    page.text_input(key=field).set_value(value).run()
    press(page, "start")
    assert words in page.error[0].value and list(own_runs.iterdir()) == []


def test_all_settings_are_in_the_form(own_runs):
    page = open_page("Training")
    few = len(page.number_input) + len(page.text_input) + len(page.selectbox)
    page.toggle(key="new-all").set_value(True).run()
    every = len(page.number_input) + len(page.text_input) + len(page.selectbox)
    settings = sum(len(vars(section)) for _, section in TINY.sections())
    assert few < every == settings + 2 and not page.exception  # and the preset and the name


def test_another_living_run_is_offered_to_be_stopped(own_runs):
    run = create_run("busy", LONG)
    launch(run)
    wait_for(lambda: step_of(run) >= 2)
    create_run("idle", TINY)
    page = open_page("Training", **{"chosen-run": "idle"})
    assert page.button(key="resume").disabled
    press(page, "stop-other")
    wait_for(lambda: not run.is_trained_now())
