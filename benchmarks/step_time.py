"""A training step's time as ratios to what it is made of and to other ways of doing it.

(a) matmul: the matrix products and convolutions of the step alone, same shapes, replayed;
(b) stock: the same step with torch's grid_sample, the scene multiplied into the gates again at
    every step, and one Adam per parameter, as a first version through Pyro would do it;
(c) plain: a hand-written PyTorch loop of the same loss without Pyro.

`python -m benchmarks.step_time` prints the table.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Normal
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from air_core.air import AIR
from air_core.config import Config
from air_core.estimators import ESTIMATORS
from air_core.networks import MIN_SD, SceneLSTM
from air_core.presets import PRESETS
from air_core.priors import count_probabilities
from air_core.spatial_transformer import clamp_scale, crop, place
from air_core.train import keep_freed_memory
from benchmarks.timing import medians

CONFIG = PRESETS["multi_mnist"]
VARIANTS = {"multi_mnist": CONFIG, "raw pixels": CONFIG.with_settings(guide="windowed", embedding="none")}
"""Our preset, and the paper's own guide, whose LSTM reads all 2,500 pixels."""

TARGETS = {"matmul": 2.5, "stock": 0.6, "plain": 1.25}


def our_step(air: AIR, images: Tensor) -> Callable[[], None]:
    """The step as the trainer does it."""
    optimiser = torch.optim.Adam(air.parameters(), lr=1e-4, fused=True)
    estimator = ESTIMATORS["count_enumeration"]

    def step() -> None:
        optimiser.zero_grad()
        estimator.backward(air.model, air.guide, images)
        optimiser.step()

    return step


class _Products(TorchDispatchMode):
    """Records every matrix product and convolution that runs under it."""

    NAMES = ("mm", "addmm", "bmm", "baddbmm", "convolution", "convolution_backward")

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in self.NAMES:
            self.calls.append((function, args, kwargs or {}))
        return function(*args, **(kwargs or {}))


def products_alone(air: AIR, images: Tensor) -> Callable[[], None]:
    """(a): the step's products, replayed on the very tensors that it multiplied."""
    step = our_step(air, images)
    step()
    with _Products() as recorded:
        step()
    calls = [
        (f, [a.detach() if isinstance(a, Tensor) else a for a in args], k) for f, args, k in recorded.calls
    ]

    @torch.no_grad()
    def replay() -> None:
        for function, args, kwargs in calls:
            function(*args, **kwargs)

    return replay


def _sampled(image: Tensor, scale: Tensor, shift: Tensor, n: int) -> Tensor:
    theta = torch.cat([torch.diag_embed(scale.expand(-1, 2)), shift[:, :, None]], 2)
    grid = F.affine_grid(theta, [len(image), 1, n, n], align_corners=False)
    return F.grid_sample(image[:, None], grid, align_corners=False)[:, 0]


def _grid_place(window: Tensor, z_where: Tensor, side: int) -> Tensor:
    scale, shift = clamp_scale(z_where).split([1, 2], 1)
    return _sampled(window, scale, shift, side)


def _grid_crop(image: Tensor, z_where: Tensor, side: int) -> Tensor:
    if image.ndim == 4:  # scene and canvas, seen at one z_where
        return torch.stack([_grid_crop(one, z_where[:, 0], side) for one in image.unbind(1)], 1)
    scale, shift = clamp_scale(z_where).split([1, 2], 1)
    return _sampled(image, 1 / scale, -shift / scale, side)


@contextmanager
def _stock_parts():
    """grid_sample, and the scene's share of the gates multiplied anew at every step."""
    forward = SceneLSTM.forward
    with ExitStack() as stack:
        stack.enter_context(patch("air_core.model.place", _grid_place))
        stack.enter_context(patch("air_core.guide.crop", _grid_crop))
        stack.enter_context(patch.object(SceneLSTM, "read_scene", lambda self, scene: scene))
        stack.enter_context(
            patch.object(
                SceneLSTM,
                "forward",
                lambda self, scene, inputs, state: forward(self, self.scene(scene), inputs, state),
            )
        )
        yield


def stock_step(air: AIR, images: Tensor) -> Callable[[], None]:
    """(b): the same loss, done as a first version would."""
    optimisers = [torch.optim.Adam([p], lr=1e-4) for p in air.parameters()]
    estimator = ESTIMATORS["count_enumeration"]

    def step() -> None:
        with _stock_parts():
            estimator.backward(air.model, air.guide, images)
        for optimiser in optimisers:
            optimiser.step()
        air.zero_grad()

    return step


def looked_at(images: Tensor, canvas: Tensor, z_where: Tensor, side: int) -> Tensor:
    """What a glimpse at z_where sees: (B, 2 W^2)."""
    return crop(torch.stack([images, canvas], 1), z_where[:, None], side).flatten(1)


def plain_loss(air: AIR, images: Tensor) -> Tensor:
    """(c): the negative ELBO summed over the scenes, by hand."""
    config, model, guide, n = air.config.model, air.model, air.guide, len(images)
    searches, glimpses = config.guide == "attentive", config.guide in ("attentive", "glimpse")
    attended = torch.zeros(n, 2)
    gates = None if searches else guide.rnn.read_scene(guide.embedding(images))
    state, last = guide.rnn.start(n), guide.start(images)
    z_pres, z_where, z_what = torch.ones(n, 1), last.z_where, last.z_what
    canvas, canvases, logits = torch.zeros_like(images), [torch.zeros_like(images)], []
    ratio, ratios = torch.zeros(n), [torch.zeros(n)]
    for _ in range(config.max_steps):
        if searches:
            scene, attended = guide.embedding(torch.stack([images, images - canvas.detach()], 1))
            gates = guide.rnn.read_scene(scene)
        state = guide.rnn(gates, (z_pres, z_where, z_what), state)
        logit, mean, raw_sd = guide.predictor(state[0])
        mean = model.where_mean + mean
        if searches:
            mean = torch.cat([mean[:, :1], mean[:, 1:] - mean[:, :1] * attended], 1)
        if glimpses:
            seen = looked_at(images, canvas, mean / guide.WIDER, config.window_side)
            to_mean, to_sd = guide.glimpse(seen).chunk(2, 1)
            mean, raw_sd = mean + to_mean, raw_sd + to_sd
        q_where = Normal(mean, F.softplus(raw_sd) + MIN_SD, validate_args=False)
        z_where = q_where.rsample()
        if glimpses:
            seen = looked_at(images, canvas, z_where, config.window_side)
        else:
            seen = crop(images, z_where, config.window_side).flatten(1)
        q_what = Normal(*guide.encoder(seen), validate_args=False)
        z_what = q_what.rsample()
        canvas = canvas + place(model.decoder(z_what), z_where, images.shape[-1])
        p_where = Normal(model.where_mean, model.where_sd, validate_args=False)
        p_what = Normal(model.what_mean, model.what_sd, validate_args=False)
        ratio = ratio + (q_where.log_prob(z_where) - p_where.log_prob(z_where)).sum(1)
        ratio = ratio + (q_what.log_prob(z_what) - p_what.log_prob(z_what)).sum(1)
        logits.append(logit.squeeze(1))
        canvases.append(canvas)
        ratios.append(ratio)
    logits = torch.stack(logits)
    zero = torch.zeros(1, n)
    log_q = torch.cat([zero, F.logsigmoid(logits).cumsum(0)]) + torch.cat([F.logsigmoid(-logits), zero])
    log_p = count_probabilities(model.continuation).log()[:, None]
    x = Normal(torch.stack(canvases), model.likelihood_sd, validate_args=False)
    log_likelihood = x.log_prob(images).sum((2, 3))
    return -(log_q.exp() * (log_likelihood + log_p - log_q - torch.stack(ratios))).sum()


def plain_step(air: AIR, images: Tensor) -> Callable[[], None]:
    """(c) as a training step."""
    optimiser = torch.optim.Adam(air.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        plain_loss(air, images).backward()
        optimiser.step()

    return step


def new_air(config: Config = CONFIG) -> AIR:
    """An untrained AIR, the same each time."""
    torch.manual_seed(0)
    return AIR(config)


def where_the_time_goes(step: Callable[[], None], n: int = 10) -> dict[str, float]:
    """Shares of a step's time by kind of work, from torch's profiler."""
    kinds = {
        "matrix products": ("mm", "bmm", "addmm", "baddbmm"),
        "convolutions": ("convolution",),
        "optimiser": ("_fused_adam_", "Optimizer"),
    }
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        for _ in range(n):
            step()
    shares = dict.fromkeys([*kinds, "everything else (element-wise work, Pyro's handlers)"], 0.0)
    for event in recorded.key_averages():
        name = event.key.removeprefix("aten::")
        kind = next(
            (k for k, words in kinds.items() if name in words or any(w in name for w in words if len(w) > 4)),
            None,
        )
        shares[kind or list(shares)[-1]] += event.self_cpu_time_total
    total = sum(shares.values())
    return {kind: value / total for kind, value in shares.items()}


def main() -> None:
    """Print the table."""
    keep_freed_memory()
    pyro.enable_validation(False)
    torch.set_num_threads(CONFIG.train.threads)
    print(f"training step, {CONFIG.train.threads} threads, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"{'':>12} {'batch':>5}  {'ours':>8}  {'(a) matmul':>17}  {'(b) stock':>17}  {'(c) plain':>17}")
    makers = {"ours": our_step, "matmul": products_alone, "stock": stock_step, "plain": plain_step}
    for title, config in VARIANTS.items():
        for batch in (64, 128):
            images = torch.rand(batch, CONFIG.scene.canvas_side, CONFIG.scene.canvas_side)
            seconds = medians({name: make(new_air(config), images) for name, make in makers.items()})
            cells = [
                f"{1e3 * seconds[name]:5.1f} ms {seconds['ours'] / seconds[name]:5.2f}x" for name in TARGETS
            ]
            print(
                f"{title:>12} {batch:>5}  {1e3 * seconds['ours']:5.1f} ms  "
                + "  ".join(f"{cell:>17}" for cell in cells)
            )
    print(f"{'target':>28}  " + "  ".join(f"{f'<= {limit:.2f}x':>17}" for limit in TARGETS.values()))
    print("where the time goes at batch 128:")
    for kind, share in where_the_time_goes(our_step(new_air(), images)).items():
        print(f"  {share:6.1%}  {kind}")


if __name__ == "__main__":
    main()
