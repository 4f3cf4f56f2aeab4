"""A run's log as columns, followed while it grows."""

import numpy as np

from air_core import history as module
from air_core.history import History
from air_core.store import StoreWriter


def log(store: StoreWriter, first: int, last: int, value: float = 1.0) -> None:
    for step in range(first, last + 1):
        store.log(
            step, step / 10, {"elbo": value * step} | ({"validation/elbo": 1.0} if step % 5 == 0 else {})
        )


def test_new_rows_are_read_once(tmp_path, monkeypatch):
    asked = []
    real = module.read_metrics
    monkeypatch.setattr(
        module, "read_metrics", lambda folder, after: asked.append(after) or real(folder, after)
    )
    store, history = StoreWriter(tmp_path), History(tmp_path)
    assert history.refresh().last is None and len(history.series("elbo").values) == 0
    log(store, 1, 10)
    before = history.refresh().version
    assert history.last.step == 10 and [row.step for row in history.looks] == [5, 10]
    assert history.refresh().version == before  # nothing new
    log(store, 11, 12)
    assert history.refresh().version > before
    series = history.series("elbo")
    assert series.steps.tolist() == list(range(1, 13)) and series.values.tolist() == list(range(1, 13))
    np.testing.assert_allclose(series.seconds, np.arange(1, 13) / 10)
    assert asked[-3:] == [-1, 10, 10]


def test_a_resumed_training_is_read_anew(tmp_path):
    store, history = StoreWriter(tmp_path), History(tmp_path)
    log(store, 1, 10)
    history.refresh()
    store.rewind(4)
    store.event(4, "resumed", "")
    log(store, 5, 12, value=2.0)
    assert history.refresh().series("elbo").values.tolist() == [1, 2, 3, 4, *range(10, 26, 2)]


def test_another_run_of_the_same_name_is_read_anew(tmp_path):
    """Its file may even have the same inode."""
    history = History(tmp_path)
    for value, last in ((1.0, 10), (3.0, 4)):
        (tmp_path / "metrics.sqlite").unlink(missing_ok=True)
        store = StoreWriter(tmp_path)
        store.event(0, "started", "")
        log(store, 1, last, value)
        store.close()
        assert history.refresh().series("elbo").values.tolist() == [value * k for k in range(1, last + 1)]


def test_telling_rows_are_looks_and_the_end(tmp_path):
    store, history = StoreWriter(tmp_path), History(tmp_path)
    log(store, 1, 12)
    assert [row.step for row in history.refresh().telling_rows()] == [5, 10, 12]
    log(store, 13, 15)
    assert [row.step for row in history.refresh().telling_rows()] == [5, 10, 15]
