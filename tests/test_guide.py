"""The guides, every member of the registries."""

import math
from dataclasses import replace
from unittest.mock import patch

import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, TraceGraph_ELBO
from torch import nn

from air_core.air import AIR, svi_programs
from air_core.config import ConfigError
from air_core.estimators import ESTIMATORS
from air_core.guide import GUIDES, DifferenceGuide
from air_core.networks import EMBEDDINGS, Attention
from air_core.spatial_transformer import crop, pixel_boxes


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize("estimator", ["count_enumeration", "trace_graph"])
def test_every_guide_draws_every_latent(tiny_config, images, guide, embedding, estimator):
    air = AIR(tiny_config.with_settings(guide=guide, embedding=embedding, estimator=estimator))
    trace = poutine.trace(air.guide).get_trace(images)
    for t in range(1, 4):
        assert trace.nodes[f"z_pres_{t}"]["value"].shape == (5,)
        assert trace.nodes[f"z_where_{t}"]["value"].shape == (5, 3)
        assert trace.nodes[f"z_what_{t}"]["value"].shape == (5, 3)
        assert ("baseline" in trace.nodes[f"z_pres_{t}"]["infer"]) == (estimator == "trace_graph")


def test_no_object_follows_an_absent_one(tiny, images):
    for _ in range(30):
        trace = poutine.trace(tiny.guide).get_trace(images)
        z_pres = torch.stack([trace.nodes[f"z_pres_{t}"]["value"] for t in (1, 2, 3)])
        assert (z_pres[1:] <= z_pres[:-1]).all()


def test_windowed_guide_looks_where_z_where_says(tiny, images):
    """Only ink inside the window may change what is inferred of the object in it."""
    z_where = torch.tensor([[4.0, 2.0, 2.0]]).expand(5, 3)  # a small window at the top left
    h, canvas = torch.zeros(5, 8), torch.zeros(12, 12)
    elsewhere = images.clone()
    elsewhere[:, 8:, 8:] = 1 - elsewhere[:, 8:, 8:]
    for a, b in zip(
        tiny.guide.infer_z_what(images, canvas, h, z_where),
        tiny.guide.infer_z_what(elsewhere, canvas, h, z_where),
    ):
        torch.testing.assert_close(a, b)


def test_glimpse_guide_looks_at_its_guess_and_sees_what_it_painted(tiny_config, images):
    guide = AIR(tiny_config.with_settings(guide="glimpse")).guide
    z_where = torch.tensor([[2.0, 0.5, -0.5]]).expand(5, 3)
    canvas = torch.rand(5, 12, 12)
    seen = guide.look(images, canvas, z_where).unflatten(1, (2, 6, 6))
    torch.testing.assert_close(seen[:, 0], crop(images, z_where, 6))
    torch.testing.assert_close(seen[:, 1], crop(canvas, z_where, 6))
    wide = pixel_boxes(z_where / guide.WIDER, 12)
    box = pixel_boxes(z_where, 12)
    torch.testing.assert_close(wide[:, 2:], guide.WIDER * box[:, 2:])
    torch.testing.assert_close(wide[:, :2] + wide[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2)


def test_glimpse_guide_paints_what_the_model_paints(tiny_config, images):
    air = AIR(tiny_config.with_settings(guide="glimpse"))
    trace = poutine.trace(air.guide).get_trace(images)
    canvases = []
    with patch.object(
        type(air.guide), "look", lambda self, x, canvas, w: canvases.append(canvas) or x.new_zeros(5, 72)
    ):
        poutine.replay(air.guide, trace)(images)
    painted = sum(
        trace.nodes[f"z_pres_{t}"]["value"][:, None, None]
        * air.model.paint(trace.nodes[f"z_where_{t}"]["value"], trace.nodes[f"z_what_{t}"]["value"])
        for t in (1, 2)
    )
    torch.testing.assert_close(canvases[-1], painted)
    assert not [name for name, _ in air.guide.named_parameters() if "decoder" in name]


def attention_to_brightness(canvas_side: int) -> Attention:
    """Attention whose map is the picture's brightness at each place."""
    attention = Attention(1, (1,), canvas_side)
    attention.map = nn.AvgPool2d(2)
    attention.salience = nn.Identity()
    return attention


def test_attention_is_the_mean_of_the_most_salient_place_and_its_neighbours():
    attention = attention_to_brightness(16)
    picture = torch.zeros(1, 1, 16, 16)
    picture[0, 0, 4:6, 6:8] = 9.0  # the place of row 2, column 3
    picture[0, 0, 4:6, 8:10] = 8.0  # its neighbour to the right
    picture[0, 0, 12:14, 12:14] = 8.9  # far away: it must not pull
    seen, place = attention(picture)
    weights = attention.weights(attention.map(picture))[0].unflatten(0, (8, 8))
    assert weights.sum() == pytest.approx(1)
    assert weights[1:4, 2:5].sum() == pytest.approx(1)
    assert weights[2, 3] / weights[2, 4] == pytest.approx(math.e, rel=1e-4)
    share = 1 / (1 + math.e)
    x, y = 2 * (6.5 + 2 * share) / 16 - 1, 2 * 4.5 / 16 - 1
    assert place[0].tolist() == pytest.approx([x, y], abs=2e-3)
    assert seen[0].tolist() == pytest.approx([9 * (1 - share) + 8 * share, x, y], abs=0.01)


def test_attention_moves_with_the_scene():
    torch.manual_seed(0)
    attention = Attention(1, (4, 5, 6), 48)
    scene = torch.zeros(1, 1, 48, 48)
    scene[..., 16:24, 16:24] = torch.rand(8, 8)
    with torch.no_grad():
        attention.salience.weight.mul_(30)
        here, moved = attention(scene)[1], attention(scene.roll((8, 4), (2, 3)))[1]
    assert here.abs().max() < 0.5, "not at the edge, whose padding is seen"
    torch.testing.assert_close(moved - here, torch.tensor([[4.0, 8.0]]) * 2 / 48)


@pytest.mark.parametrize("guide", ["attentive", "difference"])
def test_what_is_remembered(tiny_config, images, guide):
    guide = AIR(tiny_config.with_settings(guide=guide)).guide
    one = guide.start(images)
    other = replace(one, rnn=(one.rnn[0] + 1, one.rnn[1] - 1), z_where=one.z_where + 1)
    (_, a), (_, b) = (guide.before(images, None, state) for state in (one, other))
    forgotten = torch.equal(a.rnn[0], b.rnn[0]) and torch.equal(a.z_where, b.z_where)
    assert forgotten == isinstance(guide, DifferenceGuide)


@pytest.mark.parametrize("guide", ["attentive", "difference"])
def test_what_is_explained_is_read_without_gradient(tiny_config, images, guide):
    guide = AIR(tiny_config.with_settings(guide=guide)).guide
    canvas = torch.rand(5, 12, 12, requires_grad=True)
    here, there = (
        guide.see(images, replace(guide.start(images), canvas=canvas)),
        guide.see(images, guide.start(images)),
    )
    assert not torch.equal(here.gates, there.gates)
    here.gates.sum().backward()
    assert canvas.grad is None


def test_unknown_names_are_refused(tiny_config):
    for field in ("guide", "prior", "embedding", "estimator", "activation", "initial_weights"):
        with pytest.raises(ConfigError, match=f"{field}.*choose from"):
            AIR(tiny_config.with_settings(**{field: "nonsense"}))


def test_two_models_live_in_one_process(tiny_config, images):
    one, two = AIR(tiny_config), AIR(tiny_config)
    before = {name: value.clone() for name, value in two.state_dict().items()}
    optimiser = torch.optim.Adam(one.parameters(), lr=0.1)
    TraceGraph_ELBO().loss_and_grads(one.model, one.guide, images)
    optimiser.step()
    assert not pyro.get_param_store().keys()
    assert all(torch.equal(value, before[name]) for name, value in two.state_dict().items())


@pytest.mark.parametrize("loss", [TraceGraph_ELBO(), *ESTIMATORS.values()], ids=["stock", *ESTIMATORS])
def test_stock_svi_trains(tiny_config, images, loss):
    air = AIR(tiny_config.with_settings(estimator="trace_graph"))
    svi = SVI(*svi_programs(air), pyro.optim.Adam({"lr": 3e-3}), loss=loss)
    losses = [svi.step(images) for _ in range(100)]
    assert sum(losses[-20:]) < sum(losses[:20])
    assert sum(svi.step(images, subsample_size=2) for _ in range(3)) < 3 * losses[0]
