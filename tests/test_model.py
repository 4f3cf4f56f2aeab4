"""The generative programs: densities, shapes, and use with Pyro's own tools."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Predictive

from air_core.model import GaussianImage
from air_core.spatial_transformer import place


def test_gaussian_image_is_a_normal():
    canvas, value, sd = torch.rand(2, 3, 5, 5), torch.rand(3, 5, 5), torch.tensor(0.3)
    expected = dist.Normal(canvas, sd).to_event(2).log_prob(value)
    torch.testing.assert_close(GaussianImage(canvas, sd).log_prob(value), expected)
    drawn = GaussianImage(torch.zeros(4000, 2, 2), sd).sample()
    assert drawn.std() == pytest.approx(0.3, abs=0.01)


def test_model_scores_a_scene_as_the_paper_writes_it(tiny, images):
    trace = poutine.trace(tiny.model).get_trace(images)
    trace.compute_log_prob()
    config, total, previous, canvas = tiny.config.model, 0, torch.ones(5), torch.zeros(5, 12, 12)
    for t in range(1, 4):
        z_pres, z_where, z_what = (
            trace.nodes[f"{name}_{t}"]["value"] for name in ("z_pres", "z_where", "z_what")
        )
        total += dist.Bernoulli(tiny.model.continuation[t - 1] * previous).log_prob(z_pres)
        where = dist.Normal(torch.tensor(config.where_mean), torch.tensor(config.where_sd))
        total += z_pres * (where.log_prob(z_where).sum(1) + dist.Normal(0.0, 1.0).log_prob(z_what).sum(1))
        canvas = canvas + z_pres[:, None, None] * place(tiny.model.decoder(z_what), z_where, 12)
        previous = z_pres
    total += dist.Normal(canvas, config.likelihood_sd).log_prob(images).sum((1, 2))
    ours = sum(
        site["log_prob"]
        for site in trace.nodes.values()
        if site["type"] == "sample" and site["name"] != "scenes"
    )
    torch.testing.assert_close(ours, total)


def test_prior_masks_what_is_not_there(tiny):
    canvas, z = tiny.model.prior(200)
    assert canvas.shape == (200, 12, 12)
    assert z.z_pres.shape == (200, 3) and z.z_where.shape == (200, 3, 3) and z.z_what.shape == (200, 3, 3)
    assert (z.z_pres[:, 1:] <= z.z_pres[:, :-1]).all()
    empty = z.z_pres.sum(1) == 0
    assert empty.any() and canvas[empty].abs().max() == 0


def test_geometric_prior_has_no_largest_count(tiny):
    counts = torch.tensor([len(tiny.model.geometric_prior(0.75)[1].z_pres) for _ in range(400)]).float()
    assert counts.max() > tiny.config.model.max_steps
    assert counts.mean().item() == pytest.approx(0.75 / 0.25, abs=4 * 3.5 / 20)
    canvas, z = tiny.model.geometric_prior(0.0)
    assert canvas.abs().max() == 0 and z.z_where.shape == (0, 3)
    with pytest.raises(ValueError, match="p_more"):
        tiny.model.geometric_prior(1.0)


def test_subsampling_scales_densities_and_shares_its_scenes_with_the_guide(tiny, images):
    guide_trace = poutine.trace(tiny.guide).get_trace(images, subsample_size=2)
    model_trace = poutine.trace(poutine.replay(tiny.model, guide_trace)).get_trace(images, subsample_size=2)
    assert model_trace.nodes["x"]["scale"] == 5 / 2
    chosen = guide_trace.nodes["scenes"]["value"]
    assert len(chosen) == 2
    assert torch.equal(model_trace.nodes["x"]["value"], images[chosen])


def test_condition_and_replay(tiny, images):
    held = {"z_pres_1": torch.ones(5), "z_where_1": torch.tensor([2.0, 0.1, -0.2]).expand(5, 3)}
    trace = poutine.trace(poutine.condition(tiny.model, held)).get_trace(images)
    assert trace.nodes["z_where_1"]["is_observed"]
    drawn = poutine.trace(tiny.model).get_trace(images)
    again = poutine.trace(poutine.replay(tiny.model, drawn)).get_trace(images)
    assert again.log_prob_sum() == drawn.log_prob_sum()


def test_predictive(tiny, images):
    drawn = Predictive(tiny.model, guide=tiny.guide, num_samples=4)(images)
    assert drawn["z_what_3"].shape == (4, 5, 3)
    assert drawn["z_pres_1"].shape == (4, 5)


def test_p_more_can_be_changed(tiny):
    tiny.model.set_p_more(0.999)
    assert tiny.model.prior(2000)[1].z_pres.mean().item() == pytest.approx(0.5, abs=0.04)  # n uniform on 0..3
    assert "model.continuation" not in tiny.state_dict()
    assert not pyro.get_param_store().keys()
