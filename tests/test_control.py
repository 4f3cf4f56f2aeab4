"""Steering a real trainer from outside."""

import time

import pytest

from air_core.control import launch, living_runs, state_of
from air_core.runs import Run, create_run
from air_core.store import StoreError, read_events, read_metrics, read_status, send_request
from tests.conftest import TINY

LONG = TINY.with_settings(steps=500, snapshot_every=500, validate_every=500)


def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)


def step_of(run: Run) -> int:
    return int(read_status(run.folder).get("step", -1))


def test_start_pause_continue_stop_and_go_on(own_runs):
    run = create_run("steered", LONG)
    assert state_of(run) == "new" and living_runs() == []
    launch(run)
    wait_for(lambda: step_of(run) >= 100)
    assert state_of(run) == "running" and living_runs() == [run]

    send_request(run.folder, "pause")
    wait_for(lambda: state_of(run) == "paused")
    before = step_of(run)
    time.sleep(1)
    assert step_of(run) == before
    paused_at = read_metrics(run.folder)[-1].seconds

    send_request(run.folder, "continue")
    wait_for(lambda: step_of(run) > before)
    assert state_of(run) == "running"
    assert read_metrics(run.folder, after=before)[0].seconds - paused_at < 1  # the pause is left out

    send_request(run.folder, "stop")
    wait_for(lambda: not run.is_trained_now())
    assert state_of(run) == "interrupted" and run.states()[-1] < 500

    launch(run)
    wait_for(lambda: state_of(run) == "finished")
    assert [kind for _, _, kind, _ in read_events(run.folder)] == [
        "started",
        "paused",
        "continued",
        "interrupted",
        "resumed",
        "finished",
    ]
    assert [row.step for row in read_metrics(run.folder)] == list(range(2, 501, 2))


def test_a_paused_trainer_can_be_stopped(own_runs):
    run = create_run("steered", LONG)
    launch(run)
    wait_for(lambda: step_of(run) >= 2)
    send_request(run.folder, "pause")
    wait_for(lambda: state_of(run) == "paused")
    send_request(run.folder, "stop")
    wait_for(lambda: not run.is_trained_now())
    assert state_of(run) == "interrupted"


def test_nobody_is_there_to_ask(own_runs):
    with pytest.raises(StoreError, match="takes no requests"):
        send_request(create_run("new", TINY).folder, "stop")
