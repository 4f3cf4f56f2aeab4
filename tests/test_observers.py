"""What watches the loop."""

import pytest

from air_core import observers
from air_core.observers import HealthMonitor, snapshot_steps
from air_core.records import is_look
from air_core.runs import create_run
from air_core.store import StoreWriter, read_events
from tests.conftest import TINY
from tests.record_series import load


@pytest.mark.parametrize(
    ("every", "steps", "expected"),
    [
        (2400, 6000, [0, 100, 200, 400, 800, 1600, 2400, 4800, 6000]),
        (100, 250, [0, 100, 200, 250]),
        (1000, 300, [0, 100, 200, 300]),
        (4, 12, [0, 4, 8, 12]),
        (7, 3, [0, 3]),
    ],
)
def test_snapshots_come_early_and_often_then_evenly(every, steps, expected):
    assert snapshot_steps(every, steps) == expected


def events(run) -> list[tuple[int, str]]:
    return [(step, kind) for _, step, kind, _ in read_events(run.folder)]


def test_a_failure_is_an_event_once_and_so_is_its_end(own_runs):
    run = create_run("tiny", TINY.with_settings(batch_size=64))
    store = StoreWriter(run.folder)
    monitor = HealthMonitor(run, store)
    looks = [row for row in load("blank") if is_look(row.record)]
    for row in looks:
        monitor(row.step, row.record)
    assert events(run) == [(1400, "health")]
    for row in load("good")[-5:]:
        monitor(row.step, row.record)
    assert [kind for _, kind in events(run)] == ["health", "recovered"]


def test_a_resumed_monitor_does_not_repeat_itself(own_runs):
    run = create_run("tiny", TINY.with_settings(batch_size=64))
    store = StoreWriter(run.folder)
    looks = [row for row in load("blank") if is_look(row.record)]
    for row in looks[:-1]:
        store.log(row.step, row.seconds, row.record)
    monitor = HealthMonitor(run, store)
    monitor(looks[-1].step, looks[-1].record)
    assert events(run) == [] and observers.diagnose(monitor.rows)
