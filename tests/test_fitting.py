"""z fitted to scenes: its densities are the model's, its bound is one, and it knows no neighbours."""

import numpy as np
import pytest
import torch

from air_core import composed
from air_core.fitting import fit, log_p
from air_core.priors import count_probabilities


@pytest.fixture
def start(images):
    """Two objects for each of the five images."""
    generator = torch.Generator().manual_seed(3)
    z_where = torch.tensor([2.0, 0.0, 0.0]) + 0.3 * torch.randn(5, 2, 3, generator=generator)
    return z_where, torch.randn(5, 2, 3, generator=generator)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_joint_density_is_that_of_the_pyro_model(tiny, images, start, n):
    z_where, z_what = (z[:, :n] for z in start)
    own = log_p(tiny.model, images, z_where, z_what)
    for i in range(len(images)):
        parts = composed.log_joint(tiny, images[i].numpy(), z_where[i].numpy(), z_what[i].numpy())
        assert own[i].item() == pytest.approx(sum(parts), abs=1e-2)


def test_a_fit_climbs_and_stays_below_the_evidence(tiny, images, start):
    z_where, z_what = (z[:, :1] for z in start)
    worth = [fit(tiny.model, images, z_where, z_what, steps, draws=250).elbo for steps in (0, 150)]
    assert (worth[1] > worth[0]).all()
    fitted = fit(tiny.model, images, z_where, z_what, 150)
    q_where = torch.distributions.Normal(fitted.z_where, fitted.z_where_sd)
    q_what = torch.distributions.Normal(fitted.z_what, fitted.z_what_sd)
    with torch.no_grad():
        weights = []
        for _ in range(2000):
            where, what = q_where.sample(), q_what.sample()
            log_q = q_where.log_prob(where).sum((1, 2)) + q_what.log_prob(what).sum((1, 2))
            weights.append(log_p(tiny.model, images, where, what) - log_q)
        evidence = torch.stack(weights).logsumexp(0) - np.log(len(weights))
    assert (worth[1] < evidence + 0.1).all() and (worth[1] > evidence - 10).all()


def test_no_object_is_worth_the_blank_canvas(tiny, images):
    none = images.new_zeros(5, 0, 3)
    fitted = fit(tiny.model, images, none, none, 5)
    log_p_none = count_probabilities(tiny.model.continuation)[0].log()
    blank = torch.distributions.Normal(0.0, tiny.config.model.likelihood_sd).log_prob(images).sum((1, 2))
    torch.testing.assert_close(fitted.elbo, blank + log_p_none, rtol=1e-5, atol=1e-3)


def test_neighbours_do_not_matter_and_weights_stay(tiny, images, start):
    before = [p.clone() for p in tiny.parameters()]
    together = fit(tiny.model, images, *start, steps=20)
    alone = fit(tiny.model, images[2:3], *(z[2:3] for z in start), steps=20)
    for all_of_them, one in zip(together, alone):
        torch.testing.assert_close(all_of_them[2:3], one, rtol=1e-3, atol=1e-3)
    assert all(p.grad is None and torch.equal(p, b) for p, b in zip(tiny.parameters(), before))
