"""Figures of merit: small closed-form cases, and the command's contract."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from air_core.config import ConfigError
from air_core.evaluation import (
    average_precision,
    blank_score,
    bootstrap_interval,
    box_scores,
    confusion_matrix,
    evaluate,
    iou,
    squared,
)
from air_core.explain import Answer, explain
from air_core.runs import create_run, write_tensors
from air_core.scenes import Scenes, build_scenes, write_scenes

KEYS = {
    "looks",
    "fit",
    "count_accuracy_interval",
    "n",
    "samples",
    "count_accuracy",
    "count_accuracy_sampled",
    "count_accuracy_posterior",
    "confusion",
    "elbo",
    "log_likelihood",
    "kl_pres",
    "kl_where",
    "kl_what",
    "iwae",
    "blank",
    "box_iou",
    "box_ap50",
    "centre_error",
}


def found_boxes(counts, boxes, p_present) -> Answer:
    """An answer with the given counts (N,), boxes (N, T, 4) and probabilities of presence (N, T)."""
    p = np.array(p_present, float)
    q = np.concatenate([1 - p[:, :1], p[:, :-1] - p[:, 1:], p[:, -1:]], 1)
    return Answer(np.array(counts), q, np.array(boxes, float))


def test_blank_scores():
    empty = np.zeros((2, 50, 50), np.uint8)
    assert blank_score(empty, 0.3) == pytest.approx(712.586, abs=1e-3)
    one_white_pixel = empty.copy()
    one_white_pixel[:, 0, 0] = 255
    assert blank_score(one_white_pixel, 0.3) == pytest.approx(712.586 - 0.5 / 0.09, abs=1e-3)


def test_confusion():
    table = confusion_matrix(np.array([0, 1, 1, 2, 4]), np.array([0, 1, 2, 2, 3]), 3)
    assert table.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_squares_and_overlaps():
    assert squared(np.array([2.0, 4.0, 4.0, 8.0])).tolist() == [0, 4, 8, 8]
    table = iou(np.array([[0, 0, 2, 2], [5, 5, 1, 1.0]]), np.array([[1, 0, 2, 2], [0, 0, 2, 2.0]]))
    np.testing.assert_allclose(table, [[1 / 3, 1], [0, 0]])


def test_box_scores_in_closed_form():
    truth = np.array([[[0, 0, 10, 10], [20, 20, 10, 10]], [[0, 0, 10, 10], [0, 0, 0, 0]]], float)
    boxes = [[[20, 20, 10, 10], [5, 0, 10, 10], [40, 40, 5, 5]], [[0, 0, 10, 10]] * 3]
    found = found_boxes([2, 2], boxes, [[0.9, 0.8, 0.1], [0.95, 0.6, 0.0]])
    scores = box_scores(found, truth)
    assert scores["box_iou"] == pytest.approx((1 + 1 / 3 + 1 + 0) / 4)  # the last: a second box on one digit
    assert scores["centre_error"] == pytest.approx((0 + 5 + 0) / 3)
    # By rank: .95 hit, .9 hit, .8 miss (IoU 1/3), .6 miss (taken), ...: 2 of 3 found at precision 1.
    assert scores["box_ap50"] == pytest.approx(2 / 3)


def test_bootstrap_over_digits_in_closed_form():
    """Three digits, a scene each, one misread: the accuracy is 1 - Binomial(3, 1/3) / 3."""
    digits = np.array([[0, -1], [1, -1], [2, -1]])
    low, high = bootstrap_interval(np.array([True, True, False]), digits, repeats=4000)
    assert (low, high) == (0, 1)  # all three draws are the misread one in 1 of 27 repeats
    assert bootstrap_interval(np.array([True, False]), np.full((2, 1), -1)) == (0.5, 0.5)
    assert bootstrap_interval(np.ones(3, bool), digits) == (1, 1)


def test_bootstrap_weighs_a_pair_by_both_of_its_digits():
    digits = np.array([[0, 1], [0, -1]])
    low, high = bootstrap_interval(np.array([True, False]), digits, repeats=4000)
    assert (low, high) == (0, 0.5)  # the pair counts only where both digits were drawn


def test_average_precision():
    rank = np.array([0.9, 0.8, 0.7, 0.6])
    assert average_precision(rank, np.array([True, True, True, True]), 4) == 1
    assert average_precision(rank, np.array([False, True, False, True]), 2) == pytest.approx(
        (1 / 2 + 1 / 2) / 2
    )
    assert average_precision(rank, np.array([False] * 4), 0) is None


@pytest.fixture
def run(own_runs, tiny_config, tiny):
    run = create_run("tiny", tiny_config)
    write_tensors(run.snapshot_path(12), tiny.state_dict())
    return run


def test_evaluate_is_consistent_and_repeats(tiny, tiny_config):
    scenes = build_scenes(tiny_config.scene, "test")
    result = evaluate(tiny, scenes, samples=3)
    assert set(result) == KEYS and result["n"] == 50
    parts = result["log_likelihood"] - result["kl_pres"] - result["kl_where"] - result["kl_what"]
    assert result["elbo"] == pytest.approx(parts, abs=1e-3)
    assert np.sum(result["confusion"]) == 50 and np.array(result["confusion"]).shape == (3, 4)
    assert result["count_accuracy"] == pytest.approx(np.trace(np.array(result["confusion"])[:3, :3]) / 50)
    assert evaluate(tiny, scenes, samples=3) == result
    assert explain(tiny, scenes.images).elbo.mean() != pytest.approx(result["elbo"], abs=1e-3)


def test_iwae_tightens_the_bound(tiny, tiny_config):
    scenes = build_scenes(tiny_config.scene, "test")
    bounds = [evaluate(tiny, scenes, samples=k)["iwae"] for k in (1, 5, 50)]
    assert evaluate(tiny, scenes, samples=1)["elbo"] < bounds[0] < bounds[1] < bounds[2]


def test_iwae_reaches_a_known_evidence(tiny_config):
    """Where no latent matters, importance weights average to the evidence itself."""
    from air_core.air import AIR

    air = AIR(tiny_config.with_settings(max_steps=1))
    with torch.no_grad():
        air.model.decoder.layers[-1].weight.zero_()
        air.model.decoder.layers[-1].bias.fill_(-30.0)  # paints nothing, so z is irrelevant
    images = np.zeros((4, 12, 12), np.uint8)
    evidence = -144 * math.log(0.3 * math.sqrt(2 * math.pi))
    assert evaluate(air, Scenes(images), samples=2000)["iwae"] == pytest.approx(evidence, abs=0.3)


def test_missing_truth_gives_null(tiny, tiny_config):
    images = build_scenes(tiny_config.scene, "test").images
    result = evaluate(tiny, Scenes(images), samples=1)
    missing = {k for k, v in result.items() if v is None}
    assert missing == {
        "count_accuracy",
        "count_accuracy_interval",
        "count_accuracy_sampled",
        "count_accuracy_posterior",
        "confusion",
        "box_iou",
        "box_ap50",
        "centre_error",
    }
    with pytest.raises(ConfigError, match="side 50"):
        evaluate(tiny, Scenes(np.zeros((1, 50, 50), np.uint8)))


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "air_core.evaluate", *arguments], capture_output=True, text=True
    )


def test_the_command_prints_one_json_object(run, tmp_path, tiny_config):
    write_scenes(build_scenes(tiny_config.scene, "validation"), tmp_path / "scenes.npz")
    done = command(
        "tiny",
        "--scenes",
        str(tmp_path / "scenes.npz"),
        "--samples",
        "2",
        "--step",
        str(run.steps()[0]),
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == KEYS
    text = command(str(run.folder))
    assert text.returncode == 0 and "count accuracy" in text.stdout and "nats above blank" in text.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing-here"],
        ["tiny", "--scenes", "absent.npz"],
        ["../tiny"],
        ["tiny", "--samples", "0"],
        ["tiny", "--step", "7"],
    ],
)
def test_the_command_says_what_is_wrong(run, arguments):
    done = command(*arguments)
    assert done.returncode != 0 and done.stdout == ""
    assert "Traceback" not in done.stderr and done.stderr.strip().splitlines()[-1].count(":") >= 1
