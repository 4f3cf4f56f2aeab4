"""The benchmark compares like with like: every variant computes the same loss and gradient."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from air_core.estimators import ESTIMATORS
from air_core.fitting import Fitted
from air_core.runs import RunError
from air_core.scenes import Scenes
from air_core.store import Row
from benchmarks import bounds, errors, seeds, step_time, tables


def test_variants_have_the_same_gradient():
    torch.manual_seed(0)
    images = torch.rand(3, 50, 50)
    air, gradients = step_time.new_air(), []

    def collect(backward) -> None:
        torch.manual_seed(1)
        air.zero_grad()
        backward()
        gradients.append(torch.cat([p.grad.flatten() for p in air.parameters()]))

    def ours() -> None:
        ESTIMATORS["count_enumeration"].backward(air.model, air.guide, images)

    def stock() -> None:
        with step_time._stock_parts():
            ours()

    collect(ours)
    collect(stock)
    collect(lambda: step_time.plain_loss(air, images).backward())
    for other in gradients[1:]:
        assert (gradients[0] - other).norm() / gradients[0].norm() < 1e-4


def test_products_are_those_of_the_step():
    step = step_time.our_step(step_time.new_air(step_time.VARIANTS["raw pixels"]), torch.rand(2, 50, 50))
    with step_time._Products() as recorded:
        step()
    names = [function.overloadpacket.__name__ for function, _, _ in recorded.calls]
    assert names.count("convolution") == 0 and names.count("convolution_backward") == 0
    assert names.count("bmm") == 3 * (
        2 + 4 + 2 + 3
    )  # place, crop: forwards, backwards; no gradient of the scene


def a_result(accuracy: float, seconds: float, threads: int = 2) -> dict:
    test = {"count_accuracy": accuracy, "elbo": 660.0, "iwae": 670.0, "blank": 463.0}
    test |= {"confusion": [[10, 0], [1, 9], [0, 4, 6]], "count_accuracy_interval": (0.9, 1.0)}
    test |= {"count_accuracy_sampled": 0.99, "count_accuracy_posterior": 0.99}
    looks = [(0.5, 9.0), (0.985, seconds), (0.97, 80.0), (accuracy, 200.0)]
    return {
        "settings": {"train": {"seed": 3, "threads": threads}},
        "revision": "abc",
        "seconds": 250.0,
        "matmul_gflops": 170.0,
        "validation": [{"step": 1, "seconds": s, "count_accuracy": a} for a, s in looks],
        "test": test,
        "test_with_looks": {"count_accuracy": 0.999, "milliseconds_per_scene": 6.0},
        "test_reconsidered": {
            "count_accuracy": 0.9985,
            "count_accuracy_interval": (0.998, 0.999),
            "milliseconds_per_scene": 9.0,
        },
    }


def test_targets_are_judged_by_what_was_measured():
    some = [a_result(0.992, 40.0), a_result(0.994, 50.0), a_result(0.981, 90.0)]
    found = {row.what: row for row in tables.targets({"five_minutes": some, "fifteen_minutes": []})}
    quick = found["98% within 60 s (median, validation)"]
    assert quick.figure == "50 s (40 s to 90 s)" and quick.met
    assert found["99% within 300 s (median, validation)"].met
    every = found["99.0% within 5 minutes on every seed, guide alone (30 seeds wanted)"]
    assert every.figure.startswith("2 of 3; 99.20% (98.10% to 99.40%)") and not every.met
    slow = [
        a_result(0.1, 40.0)
        | {"seconds": 950.0, "test_in_time": a_result(accuracy, 40.0)["test"] | {"seconds": 800.0}}
        for accuracy in (0.996, 0.995)
    ]
    assert (
        tables.every_seed(slow, 0.995, 900, 2, "").met and not tables.every_seed(slow, 0.995, 700, 2, "").met
    )
    assert not tables.every_seed(slow, 0.995, 900, 3, "").met  # a seed is missing
    late = [a_result(0.999, 40.0) | {"seconds": 950.0}]
    assert not tables.every_seed(late, 0.995, 900, 1, "").met
    alone = [a_result(0.999, 40.0, threads=1) | {"seconds": 1700.0}]  # one core, another training beside it
    judged = tables.every_seed(alone, 0.995, 900, 1, "")
    assert judged.met and judged.figure.endswith("after 850 s (850 s to 850 s)")
    assert "| 1700 s, one core |" in tables.seed_rows({"fifteen_minutes": alone})[0]
    rows = tables.targets({"five_minutes": [], "fifteen_minutes": some})
    refined, cost, elbo = rows[1:]
    assert (
        refined.figure.startswith("3 of 3; 99.85%") and not refined.met and not cost.met
    )  # two seeds are missing
    refined, cost, elbo = tables.targets({"five_minutes": [], "fifteen_minutes": [*some, *some]})[1:]
    assert refined.met and cost.met
    assert (elbo.figure, elbo.met) == ("197.0 (197.0 to 197.0)", False)
    assert tables.recall(some[0], 2) == 0.6 and len(tables.seed_rows({"five_minutes": some})) == 3


def test_the_tightest_bound_is_judged_once_it_is_measured():
    kinds = {
        "test scenes": {"ELBO": 189.0, "IWAE-100": 204.9},
        "training digits": {"ELBO": 199.0, "IWAE-100": 206.0},
    }
    bounds = {"run": "some", "revision": "abc", "scenes": 10, "nats": kinds}
    assert [row.met for row in tables.iwae_targets(bounds)] == [False] and tables.iwae_targets(None) == []
    assert tables.bound_rows(bounds)[1][-1] == "| IWAE-100 | 204.9 | 206.0 |"


def test_targets_of_counts_never_seen():
    unseen = {"count": 3, "count_accuracy_interval": (0.9, 0.95)}
    air = {"test": {"count_accuracy": 0.99}, "unseen": unseen | {"count_accuracy": 0.1}}
    dair = {"test": {"count_accuracy": 0.982}, "unseen": unseen | {"count_accuracy": 0.93}}
    rows = tables.unseen_targets({"air-0-1-2": air, "dair-0-1-2": dair})
    assert [row.figure for row in rows] == ["93.00%; interval 90.00% to 95.00%", "-0.80 points"]
    assert [row.met for row in rows] == [True, False]
    assert tables.unseen_targets({"air-0-1-2": air}) == []


def test_a_seed_that_is_done_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "RESULTS", tmp_path)
    for seed in range(2):
        path = seeds.result_path("five_minutes", seed)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    monkeypatch.setattr(seeds, "trained", lambda *_: 1 / 0)
    seeds.main(["five_minutes", "--seeds", "2"])


def test_two_seeds_at_once_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(seeds, "RESULTS", tmp_path)
    calls = []

    def trained(name, seed, settings, also=False):
        calls.append((name, seed, settings.get("threads"), also))
        return SimpleNamespace(name=name)

    monkeypatch.setattr(seeds, "trained", trained)
    monkeypatch.setattr(seeds, "matmul_rate", lambda: 1.0)
    monkeypatch.setattr(seeds, "delete_run", lambda run: None)
    figures = {key: {"count_accuracy": 1.0} for key in ("test", "test_with_looks", "test_reconsidered")}
    monkeypatch.setattr(seeds, "measured", lambda run, rate, limit: figures)
    seeds.main(["fifteen_minutes", "--seeds", "2", "--at-once", "2"])
    names = [f"fifteen-minutes-seed-0{seed}" for seed in (0, 1)]
    assert sorted(calls[:2]) == [(name, seed, 1, True) for seed, name in enumerate(names)]
    assert calls[2:] == [(name, seed, None, False) for seed, name in enumerate(names)]  # finished: evaluated
    assert seeds.result_path("fifteen_minutes", 1).exists()


def test_looks_are_not_time_of_training(monkeypatch):
    def look(step, seconds, took):
        found = {"elbo": -1.0, "blank": -2.0, "count_accuracy": 0.9, "seconds": took}
        return Row(step, seconds, {f"validation/{name}": value for name, value in found.items()})

    rows = [look(10, 5.0, 1.0), Row(15, 7.0, {"elbo": 1.0}), look(20, 10.0, 2.0)]
    monkeypatch.setattr(seeds, "read_metrics", lambda _: rows)
    found = seeds.curve(SimpleNamespace(folder=None))
    assert [(one["step"], one["seconds"]) for one in found] == [(10, 4.0), (20, 7.0)]
    assert found[0]["count_accuracy"] == 0.9


def test_a_slow_machine_is_judged_by_the_last_snapshot_in_time(tiny, monkeypatch):
    looks = [{"step": step, "seconds": 8.0 * step} for step in (10, 20, 25, 40)]
    monkeypatch.setattr(seeds, "curve", lambda _: looks)
    loaded, settings = [], SimpleNamespace(train=SimpleNamespace(threads=seeds.CORES))
    run = SimpleNamespace(
        name="slow",
        config=lambda: settings,
        steps=lambda: [0, 10, 20, 40],
        load=lambda step: loaded.append(step) or tiny,
    )
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12), np.uint8)
    scenes = Scenes(images, counts=np.array([2, 2, 1, 2]), digits=np.zeros((4, 2), int))
    found = seeds.in_time(run, scenes, 205.0)
    assert (found["step"], found["seconds"], loaded) == (
        20,
        160.0,
        [20],
    )  # at 25 there is a look, but no snapshot
    assert seeds.in_time(run, scenes, 400.0)["step"] == 40
    with pytest.raises(RunError, match="within 5 s"):
        seeds.in_time(run, scenes, 5.0)
    settings.train.threads = 1  # half the cores: twice the time
    assert seeds.in_time(run, scenes, 205.0)["step"] == 40


def test_bounds_stand_in_their_order(tiny):
    images = np.random.default_rng(0).random((200, 12, 12), np.float32)
    nats = bounds.bounds(tiny, images)
    assert nats["ELBO"] < nats["IWAE-10"] < nats["IWAE-100"]
    assert nats["ELBO"] < nats["ELBO, z fitted"] < nats["perfect picture"]
    assert nats["ELBO, p(n) learned"] >= nats["ELBO"]
    parts = nats["missing in the picture"] + sum(nats[f"kl_{z}"] for z in ("pres", "where", "what"))
    assert nats["perfect picture"] - parts == pytest.approx(nats["ELBO"], abs=1e-3)


def test_errors_ask_the_model_about_misread_scenes(tiny, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (4, 12, 12), np.uint8)
    scenes = Scenes(images, counts=np.array([2, 2, 1, 2]))
    assert errors.inference(tiny, scenes, np.array([2, 2, 1, 2]), 2, 1) is None

    def judged(air, images, candidates):
        of_two = candidates[0][0].shape[1] == 2
        return Fitted(*[torch.zeros(2, 0, 3)] * 4, torch.tensor([7.0, -3.0]) * of_two)

    monkeypatch.setattr(errors, "fitted_best", judged)
    row = errors.inference(tiny, scenes, np.array([1, 2, 2, 1]), 2, 1)
    assert (row["scenes"], row["right when fitted"]) == (2, 0.5)
    assert row["nats, true count over counted"] in (7.0, -3.0)
