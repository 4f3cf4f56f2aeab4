"""Priors over the count, in closed form."""

import pytest
import torch

from air_core.priors import PRIORS, annealed_p_more, bernoulli_chain, count_probabilities, truncated_geometric


@pytest.mark.parametrize("p_more", [0.01, 0.5, 0.9])
def test_truncated_geometric_is_what_its_name_says(p_more):
    mass = torch.tensor([p_more**n for n in range(4)], dtype=torch.float64)
    torch.testing.assert_close(count_probabilities(truncated_geometric(p_more, 3)), mass / mass.sum())


def test_bernoulli_chain_flips_the_same_coin():
    expected = torch.tensor([0.6, 0.4 * 0.6, 0.4 * 0.4 * 0.6, 0.4**3], dtype=torch.float64)
    torch.testing.assert_close(count_probabilities(bernoulli_chain(0.4, 3)), expected)


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("max_steps", [1, 3, 6])
def test_every_prior_is_a_distribution_that_grows_with_p_more(name, max_steps):
    low, high = (count_probabilities(PRIORS[name](p, max_steps)) for p in (0.1, 0.8))
    for probabilities in (low, high):
        assert probabilities.shape == (max_steps + 1,)
        assert probabilities.min() > 0
        torch.testing.assert_close(probabilities.sum().item(), 1.0)
    count = torch.arange(max_steps + 1)
    assert (high * count).sum() > (low * count).sum()


def test_annealing_holds_then_falls_to_the_models():
    values = [annealed_p_more(step, 0.01, 0.9, 100) for step in (1, 100, 150, 200, 5000)]
    assert values[:2] == [0.9, 0.9]
    assert values[2] == pytest.approx((0.9 * 0.01) ** 0.5)
    assert values[3:] == pytest.approx([0.01, 0.01])
    assert annealed_p_more(1, 0.01, 0.0, 100) == 0.01
