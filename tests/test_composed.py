"""Densities of objects composed by hand, and how they travel."""

import math

import numpy as np
import pytest
import torch

from air_core.air import AIR
from air_core.composed import active_numbers, log_joint, mean_codes
from air_core.config import ModelConfig
from air_core.explain import explain
from air_core.runs import find_run
from air_core.scenes import load_scenes
from air_core.ui.composing import LONGEST, from_url, to_url, with_state
from tests.conftest import TINY


def test_no_object_is_a_blank_canvas_and_the_prior_of_none():
    air, image = AIR(TINY), np.full((12, 12), 0.5, np.float32)
    sd, p = TINY.model.likelihood_sd, TINY.model.p_more
    found = log_joint(air, image, np.zeros((0, 3)), np.zeros((0, 3)))
    assert found.log_likelihood == pytest.approx(
        144 * (-0.5 * (0.5 / sd) ** 2 - math.log(sd * math.sqrt(2 * math.pi))), rel=1e-5
    )
    assert found.log_prior == pytest.approx(-math.log(1 + p + p**2 + p**3), rel=1e-4)


def test_one_object_by_hand():
    air, (m, sd) = AIR(TINY), (TINY.model.where_mean, TINY.model.where_sd)
    where, what, p = np.array([[2.1, 0.3, -0.2]]), np.array([[0.5, -1.0, 2.0]]), TINY.model.p_more
    normal = lambda x, mean, sd: -0.5 * ((x - mean) / sd) ** 2 - math.log(sd * math.sqrt(2 * math.pi))  # noqa: E731
    expected = math.log(p / (1 + p + p**2 + p**3))
    expected += sum(normal(*args) for args in zip(where[0], m, sd)) + sum(normal(x, 0, 1) for x in what[0])
    assert log_joint(air, np.zeros((12, 12), np.uint8), where, what).log_prior == pytest.approx(
        expected, rel=1e-4
    )


def test_too_many_objects_and_unusable_ones_are_refused():
    air, image = AIR(TINY), np.zeros((12, 12), np.uint8)
    with pytest.raises(ValueError, match="4 objects"):
        log_joint(air, image, np.full((4, 3), 2.0), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="scale"):
        log_joint(air, image, np.zeros((1, 3)), np.zeros((1, 3)))


def test_codes_of_digits_look_like_them():
    run = find_run("multi_mnist")
    air, scenes = run.load(), load_scenes(run.config().scene, "test")[list(range(300))]
    found = explain(air, scenes.images)
    codes = mean_codes(found, scenes.labels)
    assert set(codes) <= set(range(10)) and len(codes) >= 8
    windows = air.model.decoder(torch.tensor(np.stack([codes[0], codes[1]]))).detach().numpy()
    middle = windows[:, 8:12, 8:12].mean((1, 2))
    assert middle[0] < middle[1]  # a nought is empty where a one has its stroke
    assert sorted(active_numbers(found)) == list(range(50))


def test_objects_travel_in_a_url():
    config = ModelConfig()
    objects = [{"zWhere": [2.5, -0.25, 1.0], "zWhat": [0.5] * config.z_what_size}]
    assert from_url(to_url(objects), config) == objects
    assert from_url("", config) == []


@pytest.mark.parametrize(
    "text",
    [
        "%%%",
        "abc",
        "QUFB" * 400,
        "é",
        to_url([{"zWhere": [0.0, 0, 0], "zWhat": [0.0] * 50}]),
        to_url([{"zWhere": [math.nan, 0, 0], "zWhat": [0.0] * 50}]),
    ],
)
def test_nonsense_in_a_url_is_ignored(text):
    assert from_url(text, ModelConfig()) is None


def test_history_grows_shrinks_and_ends():
    a, b, c = ([{"zWhere": [float(k), 0.0, 0.0], "zWhat": [0.0]}] for k in (1, 2, 3))
    history = with_state([], {"objects": b, "before": a})
    assert history == [a, b] == with_state(history, {"objects": b, "before": a})
    history = with_state(history, {"objects": c, "before": b})
    assert history == [a, b, c] and with_state(history, {"objects": b, "before": a}) == [a, b]
    for k in range(2 * LONGEST):
        history = with_state(
            history, {"objects": [{"zWhere": [float(k), 9.0, 0.0], "zWhat": [0.0]}], "before": None}
        )
    assert len(history) == LONGEST
