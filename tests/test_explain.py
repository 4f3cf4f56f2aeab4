"""What is said of scenes."""

import numpy as np
import pytest
import torch

from air_core.air import AIR
from air_core.explain import explain, searched
from air_core.proposals import AtMeans


def test_explanation_is_consistent(tiny):
    images = np.random.default_rng(0).random((7, 12, 12), np.float32)
    found = explain(tiny, images)
    assert len(found) == 7
    np.testing.assert_allclose(found.q_counts.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(found.counts, found.q_counts.argmax(1))
    np.testing.assert_allclose(found.q_counts[:, 0], 1 - found.p_pres[:, 0], atol=1e-5)
    np.testing.assert_allclose(found.p_present, found.p_pres.cumprod(1), atol=1e-5)
    assert found.crops.shape == found.windows.shape == (7, 3, 6, 6)
    for i, count in enumerate(found.counts):
        np.testing.assert_allclose(found.canvases[i], found.objects[i, :count].sum(0), atol=1e-6)
        residual = images[i] - found.objects[i].sum(0)
        expected = -0.5 * (residual**2).sum() / 0.09 - 144 * np.log(0.3 * np.sqrt(2 * np.pi))
        assert found.log_likelihood[i, 3] == pytest.approx(expected, rel=1e-4)


def test_explaining_is_deterministic_and_batches_do_not_matter(tiny):
    images = (np.random.default_rng(1).random((260, 12, 12)) * 255).astype(np.uint8)
    both, alone = explain(tiny, images), explain(tiny, images[255:256].astype(np.float32) / 255)
    np.testing.assert_allclose(both.z_what[255], alone.z_what[0], atol=1e-5)
    np.testing.assert_array_equal(both[250:].counts, explain(tiny, images[250:]).counts)


def test_wrong_sizes_are_refused(tiny):
    with pytest.raises(ValueError, match=r"\(N, 12, 12\)"):
        explain(tiny, np.zeros((1, 50, 50)))


def test_means_of_the_continuous_latents(tiny, images):
    from pyro import poutine

    with AtMeans():
        trace = poutine.trace(tiny.guide).get_trace(images)
    site = trace.nodes["z_where_1"]
    assert torch.equal(site["value"], site["fn"].base_dist.base_dist.loc)


def test_what_is_searched_is_what_the_guide_attends_to(tiny_config):
    torch.manual_seed(3)
    air = AIR(tiny_config.with_settings(guide="attentive"))
    images = np.random.default_rng(0).random((4, 12, 12), np.float32)
    found = explain(air, images)
    maps = searched(air, images, found)
    assert maps.shape == (4, 3, 3, 3)
    scenes, painted = torch.from_numpy(images), torch.from_numpy(found.objects[:, 0])
    with torch.no_grad():
        _, place = air.guide.read(scenes, painted)
    peak = air.guide.embedding.places[maps[:, 1].reshape(4, -1).argmax(1)]
    assert ((place - peak).abs() <= 2 * 4 / 12 + 1e-6).all(), "the place lies among the peak's neighbours"


def test_a_guide_that_does_not_search_has_no_map(tiny):
    images = np.zeros((2, 12, 12), np.float32)
    assert searched(tiny, images, explain(tiny, images)) is None
