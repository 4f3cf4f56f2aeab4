"""The store: what is logged can be read, while it is written and after."""

import os

from air_core.store import FILE_NAME, StoreWriter, read_events, read_metrics, read_status


def test_readers_follow_a_writer(tmp_path):
    assert read_metrics(tmp_path) == [] and read_status(tmp_path) == {}
    store = StoreWriter(tmp_path)
    for step in (1, 2, 3):
        store.log(step, step / 10, {"elbo": float(step)})
        assert [row.step for row in read_metrics(tmp_path)] == list(range(1, step + 1))
    store.event(2, "note", "half way")
    store.status(state="running", step=3)
    assert [row.record["elbo"] for row in read_metrics(tmp_path, after=1)] == [2.0, 3.0]
    assert read_status(tmp_path)["state"] == "running" and read_status(tmp_path)["heartbeat"] > 0
    store.rewind(1)
    assert [row.step for row in read_metrics(tmp_path)] == [1]
    store.close()
    assert os.listdir(tmp_path) == [FILE_NAME]
    assert read_events(tmp_path)[0][1:] == (2, "note", "half way")


def test_looking_at_a_finished_store_changes_nothing(tmp_path):
    store = StoreWriter(tmp_path)
    store.log(1, 0.1, {"elbo": 1.0})
    store.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    os.chmod(tmp_path / FILE_NAME, 0o444)
    assert len(read_metrics(tmp_path)) == 1
    assert (tmp_path / FILE_NAME).read_bytes() == before and os.listdir(tmp_path) == [FILE_NAME]


def test_a_killed_writer_loses_nothing(tmp_path):
    store = StoreWriter(tmp_path)
    store.log(1, 0.1, {"elbo": 1.0})  # no close: as after SIGKILL
    assert len(read_metrics(tmp_path)) == 1
    again = StoreWriter(tmp_path)
    again.log(2, 0.2, {"elbo": 2.0})
    again.close()
    assert [row.step for row in read_metrics(tmp_path)] == [1, 2]
    store._db.close()
