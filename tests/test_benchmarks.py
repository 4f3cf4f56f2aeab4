"""The benchmark compares like with like: every variant computes the same loss and gradient."""

import torch

from air_core.estimators import ESTIMATORS
from benchmarks import step_time


def test_variants_have_the_same_gradient():
    torch.manual_seed(0)
    images = torch.rand(3, 50, 50)
    air, gradients = step_time.new_air(), []

    def collect(backward) -> None:
        torch.manual_seed(1)
        air.zero_grad()
        backward()
        gradients.append(torch.cat([p.grad.flatten() for p in air.parameters()]))

    def ours() -> None:
        ESTIMATORS["count_enumeration"].backward(air.model, air.guide, images)

    def stock() -> None:
        with step_time._stock_parts():
            ours()

    collect(ours)
    collect(stock)
    collect(lambda: step_time.plain_loss(air, images).backward())
    for other in gradients[1:]:
        assert (gradients[0] - other).norm() / gradients[0].norm() < 1e-4


def test_products_are_those_of_the_step():
    step = step_time.our_step(step_time.new_air(step_time.VARIANTS["raw pixels"]), torch.rand(2, 50, 50))
    with step_time._Products() as recorded:
        step()
    names = [function.overloadpacket.__name__ for function, _, _ in recorded.calls]
    assert names.count("convolution") == 0 and names.count("convolution_backward") == 0
    assert names.count("bmm") == 3 * (
        2 + 4 + 2 + 3
    )  # place, crop: forwards, backwards; no gradient of the scene
