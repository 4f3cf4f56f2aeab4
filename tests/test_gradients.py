"""The variance of z_pres's gradient."""

import pytest
import torch

from air_core.air import AIR
from air_core.estimators import ESTIMATORS
from air_core.gradients import z_pres_gradient_variance
from tests.conftest import TINY


class Drawn:
    """Stands for an estimator: each draw's gradient at z_pres's row is one given number."""

    def __init__(self, numbers):
        self.numbers = iter(numbers)

    def backward(self, model, guide, images):
        layer = guide.predictor.layers[-1]
        gradient = torch.zeros_like(layer.bias)
        gradient[0], gradient[1] = next(self.numbers) * len(images), 1e6  # z_where's do not count
        layer.bias.grad, layer.weight.grad = gradient, torch.zeros_like(layer.weight)


def test_it_is_the_variance_per_scene(tiny, images):
    numbers = [1.0, 2.0, 4.0, 9.0]
    variance = z_pres_gradient_variance(tiny, Drawn(numbers), images, draws=4)
    assert variance == pytest.approx(torch.tensor(numbers).var().item())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_leaves_nothing_behind_and_repeats(name, images):
    air = AIR(TINY.with_settings(estimator=name))
    before = torch.get_rng_state()
    first = z_pres_gradient_variance(air, ESTIMATORS[name], images)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in air.parameters())
    assert first > 0 and z_pres_gradient_variance(air, ESTIMATORS[name], images) == first


def test_summing_over_the_count_is_less_noisy_than_drawing_it(images):
    def variance(name: str) -> float:
        torch.manual_seed(3)
        air = AIR(TINY.with_settings(estimator=name, z_pres_bias=0.0))
        return z_pres_gradient_variance(air, ESTIMATORS[name], images, draws=64)

    assert variance("count_enumeration") < 0.5 * variance("trace_graph")
