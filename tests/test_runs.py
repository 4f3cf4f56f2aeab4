"""The run folder: names, weights, damage."""

import os
import stat

import pytest
import torch

from air_core.air import AIR
from air_core.runs import (
    Run,
    RunError,
    check_name,
    create_run,
    delete_run,
    find_run,
    hide_run,
    list_runs,
    read_tensors,
    write_tensors,
)
from tests.conftest import TINY


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "A", "-a", "x" * 65, "a b", "a\n", "é"])
def test_names_that_could_reach_elsewhere_are_refused(own_runs, tiny_config, name):
    with pytest.raises(RunError, match="cannot name a run"):
        create_run(name, tiny_config)
    assert list(own_runs.iterdir()) == []


def test_a_name_is_taken_once(own_runs, tiny_config):
    run = create_run(check_name("one-run_2"), tiny_config)
    with pytest.raises(RunError, match="--resume one-run_2"):
        create_run("one-run_2", tiny_config)
    assert run.config() == tiny_config
    assert {"torch", "pyro-ppl", "python"} <= set(run.description()["versions"])
    assert [r.name for r in list_runs()] == ["one-run_2"]
    assert find_run("one-run_2") == find_run(str(run.folder)) == run
    with pytest.raises(RunError, match="one-run_2"):
        find_run("another")


def test_weights_come_back(own_runs, tiny_config, tiny):
    run = create_run("tiny", tiny_config)
    with pytest.raises(RunError, match="no snapshot"):
        run.load()
    write_tensors(run.snapshot_path(3), {k: v.half() for k, v in tiny.state_dict().items()})
    write_tensors(run.snapshot_path(9), tiny.state_dict(), {"step": 9})
    assert run.steps() == [3, 9]
    loaded = run.load()
    assert not loaded.training
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, tiny.state_dict()[name])
    assert run.load(3).state_dict()["guide.z_where_start"].dtype == torch.float32
    assert read_tensors(run.snapshot_path(9))[1] == {"step": 9}
    assert stat.S_IMODE(os.stat(run.snapshot_path(9)).st_mode) == 0o644
    assert not list(run.folder.glob("*.tmp")) and not list(run.folder.glob(".*.tmp"))


def test_wrong_weights_are_named(own_runs, tiny_config, tiny):
    run = create_run("tiny", tiny_config)
    weights = tiny.state_dict()
    write_tensors(run.snapshot_path(1), weights | {"guide.z_where_start": torch.full((3,), float("nan"))})
    write_tensors(run.snapshot_path(2), {k: v for k, v in weights.items() if k != "guide.z_where_start"})
    run.snapshot_path(3).write_bytes(run.snapshot_path(1).read_bytes()[:1000])
    run.snapshot_path(4).write_bytes(b"\x80\x04\x95pickle")
    for step, words in ((1, "not finite"), (2, "does not fit"), (3, "damaged"), (4, "damaged")):
        with pytest.raises(RunError, match=f"step_0000000{step}.*{words}"):
            run.load(step)


def test_broken_descriptions_are_named(own_runs):
    for name, content in (("a", "{"), ("b", "{}"), ("c", '{"settings": {"model": 1}}'), ("d", "[]")):
        (own_runs / name).mkdir()
        (own_runs / name / "config.json").write_text(content)
        with pytest.raises(RunError, match="config.json cannot be read"):
            Run(own_runs / name).config()


def test_the_lock_says_whether_a_trainer_lives(own_runs, tiny_config):
    run = create_run("tiny", tiny_config)
    assert not run.is_trained_now() and not (run.folder / "trainer.lock").exists()
    with run.lock():
        assert Run(run.folder).is_trained_now()
    assert not run.is_trained_now()


def test_a_hidden_run_is_left_out_of_lists(own_runs):
    runs = [create_run(name, TINY) for name in ("one", "two")]
    hide_run(runs[0])
    assert [run.name for run in list_runs(hidden=False)] == ["two"]
    assert {run.name for run in list_runs()} == {"one", "two"}
    hide_run(runs[0], False)
    assert len(list_runs(hidden=False)) == 2


def test_deleting(own_runs):
    run, shipped = create_run("gone", TINY), create_run("multi_mnist", TINY)
    with run.lock(), pytest.raises(RunError, match="being trained"):
        delete_run(run)
    with pytest.raises(RunError, match="part of the app"):
        delete_run(shipped)
    delete_run(run)
    assert [path.name for path in own_runs.iterdir()] == ["multi_mnist"]


def test_a_damaged_snapshot_is_named_and_the_one_before_is_used(own_runs):
    run = create_run("tiny", TINY)
    torch.manual_seed(0)
    for step in (0, 4, 8):
        write_tensors(run.snapshot_path(step), AIR(TINY).state_dict())
    whole = run.load(4).state_dict()
    run.snapshot_path(8).write_bytes(run.snapshot_path(8).read_bytes()[:3000])
    said = []
    loaded = run.load(report=said.append).state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in whole.items())
    assert len(said) == 1 and "step_00000008.safetensors is damaged" in said[0]
    with pytest.raises(RunError, match="damaged"):
        run.load(8)
    for step in (0, 4):
        run.snapshot_path(step).write_bytes(b"")
    with pytest.raises(RunError, match="step_00000000"):
        run.load(report=said.append)
