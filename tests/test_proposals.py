"""Second looks: moving scenes and answers, and choosing among answers."""

import numpy as np
import pytest
import torch
from pyro import poutine

from air_core.estimators.count_enumeration import count_terms
from air_core.explain import Answer, Explanation, explain
from air_core.guide import GUIDES
from air_core.proposals import at_means, best_of, move, moved_back, offsets, seen_from
from air_core.spatial_transformer import pixel_boxes, place


def test_the_first_look_is_from_where_the_scene_is():
    assert offsets(1) == [(0, 0)] and offsets(5)[:3] == offsets(3)
    assert all(abs(x) <= 8 and abs(y) <= 8 for x, y in offsets(64))


def test_moving_keeps_every_pixel_of_ink():
    images = torch.zeros(3, 12, 12)
    images[0, 2:5, 1:4] = torch.rand(3, 3) + 0.2
    images[1, 0, 11] = images[1, 11, 0] = 1.0  # nowhere to go
    moved, shift = move(images, (3, -5))
    assert shift.tolist() == [[3, -2], [0, 0], [0, 0]]
    torch.testing.assert_close(moved[0, 0:3, 4:7], images[0, 2:5, 1:4])
    torch.testing.assert_close(moved.sum((1, 2)), images.sum((1, 2)))


def test_a_moved_answer_paints_the_same_on_the_scene_itself():
    window, z_where = torch.rand(2, 6, 6), torch.tensor([[3.0, 0.2, -0.4], [2.5, -0.3, 0.1]])
    shift = torch.tensor([[2, -1], [1, 2]])
    back = moved_back(z_where, shift, 12)
    torch.testing.assert_close(pixel_boxes(back, 12)[:, :2], pixel_boxes(z_where, 12)[:, :2] - shift)
    for a, b, (dx, dy) in zip(place(window, z_where, 12), place(window, back, 12), shift.tolist()):
        torch.testing.assert_close(torch.roll(a, (-dy, -dx), (0, 1))[3:9, 3:9], b[3:9, 3:9])


@pytest.mark.parametrize("guide", GUIDES)
def test_a_look_from_where_the_scene_is_is_the_guides_own(tiny_config, images, guide):
    from air_core.air import AIR

    air = AIR(tiny_config.with_settings(guide=guide))
    own, _, _ = count_terms(air.model, at_means(air.guide), images)
    seen, _, _ = count_terms(air.model, at_means(seen_from(at_means(air.guide), (0, 0), 3)), images)
    torch.testing.assert_close(own.log_weight, seen.log_weight)
    torch.testing.assert_close(own.log_q_count, seen.log_q_count)


def test_looks_from_elsewhere_are_judged_on_the_scene_itself(tiny, images):
    small = torch.zeros_like(images)
    small[:, 4:8, 4:8] = images[:, 4:8, 4:8] + 0.2
    guide = at_means(seen_from(at_means(tiny.guide), (2, -3), 3))
    terms, q, _ = count_terms(tiny.model, guide, small)
    z = {name: site["value"] for name, site in q.nodes.items() if name.startswith("z_")}
    x = poutine.trace(poutine.condition(tiny.model, z)).get_trace(small).nodes["x"]
    torch.testing.assert_close(terms.log_likelihood[3], x["fn"].log_prob(small))


def test_looks_vote_on_the_count_and_the_model_picks_the_look():
    one = {
        "q_counts": torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]),
        "log_weight": torch.tensor([[0.0, 5.0, 1.0], [9.0, 3.0, 0.0]]),
        "name": torch.tensor([10, 11]),
    }
    two = {
        "q_counts": torch.tensor([[0.3, 0.7, 0.0], [0.1, 0.9, 0.0]]),
        "log_weight": torch.tensor([[2.0, 4.0, 7.0], [1.0, 2.0, 0.0]]),
        "name": torch.tensor([20, 21]),
    }
    found = best_of([one, two])
    assert found["counts"].tolist() == [0, 1] and found["name"].tolist() == [20, 11]
    torch.testing.assert_close(found["q_counts"][0], torch.tensor([0.6, 0.4, 0.0]))
    expected = 0.6 * (2 - np.log(0.6)) + 0.4 * (5 - np.log(0.4))
    assert found["elbo"][0] == pytest.approx(expected, rel=1e-5)


def test_the_same_answer_whether_pictures_are_kept_or_not(tiny):
    images = np.random.default_rng(0).random((6, 12, 12), np.float32)
    short, long = (explain(tiny, images, kind, looks=4) for kind in (Answer, Explanation))
    np.testing.assert_array_equal(short.counts, long.counts)
    np.testing.assert_allclose(short.boxes, long.boxes)
    for i, count in enumerate(long.counts):
        np.testing.assert_allclose(long.canvases[i], long.objects[i, :count].sum(0), atol=1e-6)
