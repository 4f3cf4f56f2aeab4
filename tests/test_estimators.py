"""Gradient estimators: exactness, agreement, and what all of them must do."""

import pytest
import torch
from pyro import poutine

from air_core.air import AIR
from air_core.estimators import ESTIMATORS
from air_core.estimators.count_enumeration import count_terms, elbo_parts


def brute_force(air, images, guide_trace):
    """The ELBO (B,) by explaining every count on its own with Pyro's stock handlers."""
    z = {n: s["value"] for n, s in guide_trace.nodes.items() if n.startswith(("z_where", "z_what"))}
    total = 0
    for count in range(4):
        z_pres = {f"z_pres_{t}": images.new_full((len(images),), float(count >= t)) for t in (1, 2, 3)}
        log_joint = []
        for program in (air.model, air.guide):
            trace = poutine.trace(poutine.condition(program, z_pres | z)).get_trace(images)
            trace.compute_log_prob()
            sites = {
                n: s["log_prob"] for n, s in trace.nodes.items() if s["type"] == "sample" and n != "scenes"
            }
            log_joint.append(sum(sites.values()))
            log_q_count = sum(value for name, value in sites.items() if name.startswith("z_pres"))
        total = total + log_q_count.exp() * (log_joint[0] - log_joint[1])
    return total


def test_enumerated_elbo_equals_brute_force(tiny, images):
    tiny, images = tiny.double(), images.double()
    terms, trace, scale = count_terms(tiny.model, tiny.guide, images)
    parts = elbo_parts(terms)
    torch.testing.assert_close(parts.elbo, brute_force(tiny, images, trace), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        parts.elbo,
        parts.log_likelihood - parts.kl_pres - parts.kl_where - parts.kl_what,
        rtol=1e-6,
        atol=1e-4,
    )
    torch.testing.assert_close(terms.log_q_count.exp().sum(0), images.new_ones(5))
    assert scale == 1


def test_enumeration_subsamples(tiny, images):
    terms, trace, scale = count_terms(tiny.model, tiny.guide, images, subsample_size=2)
    assert scale == 2.5 and terms.log_likelihood.shape == (4, 2)
    chosen = images[trace.nodes["scenes"]["value"]]
    torch.testing.assert_close(elbo_parts(terms).elbo, brute_force(tiny, chosen, trace), rtol=1e-5, atol=1e-4)


GROUPS = ("model.decoder", "guide.embedding", "guide.rnn", "guide.predictor", "guide.encoder", "guide.z_wh")
"""Parameter groups by prefix; the last are the learned latents before the first step."""


def projected_gradients(air, estimator, scenes, repeats, directions):
    """(repeats, groups): one random projection of each parameter group's gradient per draw."""
    rows = []
    for _ in range(repeats):
        air.zero_grad()
        estimator.loss_and_grads(air.model, air.guide, scenes)
        share = {
            n: (p.grad * directions[n]).sum().item() for n, p in air.named_parameters() if n in directions
        }
        rows.append([sum(v for n, v in share.items() if n.startswith(group)) for group in GROUPS])
    return torch.tensor(rows, dtype=torch.float64) / len(scenes)


def test_trace_graph_agrees_with_enumeration_on_average(tiny_config, images):
    torch.manual_seed(1)
    air = AIR(tiny_config.with_settings(estimator="trace_graph"))  # with its baselines
    with torch.no_grad():
        for parameter in air.parameters():
            parameter.mul_(2)
        air.guide.z_what_start.fill_(0.5)
    torch.manual_seed(5)
    directions = {n: torch.randn_like(p) for n, p in air.named_parameters() if n.startswith(GROUPS)}
    assert len(directions) == sum(not n.startswith("guide.baseline") for n, _ in air.named_parameters())
    scenes = images[:1].expand(500, -1, -1)  # 500 independent draws of the same scene's gradient
    drawn = {name: projected_gradients(air, ESTIMATORS[name], scenes, 60, directions) for name in ESTIMATORS}
    exact, sampled = drawn["count_enumeration"], drawn["trace_graph"]
    error = (exact.var(0) / 60 + sampled.var(0) / 60).sqrt()
    z = (exact.mean(0) - sampled.mean(0)) / error
    assert (error > 0).all()
    assert z.abs().max() < 4, z


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_has_pyros_interface(tiny_config, images, name):
    torch.manual_seed(3)
    air, estimator = AIR(tiny_config.with_settings(estimator=name)), ESTIMATORS[name]
    torch.manual_seed(4)
    loss = estimator.loss(air.model, air.guide, images)
    assert isinstance(loss, float) and all(p.grad is None for p in air.parameters())
    torch.manual_seed(4)
    assert estimator.loss_and_grads(air.model, air.guide, images) == pytest.approx(loss, rel=1e-5)
    gradients = {n: p.grad.clone() for n, p in air.named_parameters() if p.grad is not None}
    assert any(name.startswith("guide.baseline") for name in gradients) == estimator.uses_baseline
    air.zero_grad()
    torch.manual_seed(4)
    parts = estimator.backward(air.model, air.guide, images)
    assert parts["elbo"].item() == pytest.approx(-loss / 5, rel=1e-5)
    for key, value in gradients.items():
        torch.testing.assert_close(air.get_parameter(key).grad, value)
    trained = [n for n, p in air.named_parameters() if not n.startswith("guide.baseline")]
    assert set(trained) <= set(gradients)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_learns(tiny_config, images, name):
    air = AIR(tiny_config.with_settings(estimator=name))
    optimiser = torch.optim.Adam(air.parameters(), lr=3e-3)
    elbos = []
    for _ in range(150):
        optimiser.zero_grad()
        elbos.append(ESTIMATORS[name].backward(air.model, air.guide, images)["elbo"].item())
        optimiser.step()
    assert sum(elbos[-20:]) > sum(elbos[:20]) + 100
