"""The generative model p(x, z) as Pyro programs (Eslami et al. 2016, section 2).

A scene is made of n objects. Each has a pose z_where and an appearance z_what; the decoder paints
the appearance into a window, the spatial transformer places it, and the objects add up:

    n ~ p(n),   z_where_t ~ N(m, s^2),   z_what_t ~ N(0, I),   x ~ N(sum of objects, sd^2)

Shapes: B scenes, T steps, S canvas side, W window side, D size of z_what.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor, nn

from air_core.config import ModelConfig
from air_core.networks import Decoder
from air_core.priors import PRIORS
from air_core.spatial_transformer import place


class Latents(NamedTuple):
    """The latent variables of scenes, step by step: z_pres (..., T), z_where (..., T, 3),
    z_what (..., T, D)."""

    z_pres: Tensor
    z_where: Tensor
    z_what: Tensor


class GaussianImage(TorchDistribution):
    """Independent Gaussian noise of one sd on every pixel of a canvas (..., S, S).

    The same density as `Normal(canvas, sd).to_event(2)`, with one pass over the pixels less each
    for the square, the division and the constant: at T + 1 canvases a scene that is felt.
    """

    arg_constraints = {"canvas": constraints.independent(constraints.real, 2), "sd": constraints.positive}
    support = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(self, canvas: Tensor, sd: Tensor, validate_args: bool | None = None):
        self.canvas, self.sd = canvas, sd
        super().__init__(canvas.shape[:-2], canvas.shape[-2:], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None) -> GaussianImage:
        return GaussianImage(self.canvas.expand(*batch_shape, *self.event_shape), self.sd)

    def rsample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.canvas.dtype, device=self.canvas.device)
        return self.canvas + self.sd * noise

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        residual = (value - self.canvas).flatten(-2)  # (..., S S)
        n_pixels = residual.shape[-1]
        constant = n_pixels * (self.sd.log() + 0.5 * math.log(2 * math.pi))
        return -0.5 * torch.linalg.vecdot(residual, residual) / self.sd**2 - constant


class Model(nn.Module):
    """The generative model. Calling it is the Pyro program that explains given images."""

    where_mean: Tensor
    where_sd: Tensor
    continuation: Tensor

    def __init__(self, config: ModelConfig, canvas_side: int):
        super().__init__()
        self.config = config
        self.canvas_side = canvas_side
        self._painted: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=config.max_steps)
        self.decoder = Decoder(
            config.z_what_size,
            config.decoder_sizes,
            config.window_side,
            config.decoder_bias,
            config.activation,
        )
        constants = {
            "where_mean": torch.tensor(config.where_mean),
            "where_sd": torch.tensor(config.where_sd),
            "what_mean": torch.zeros(config.z_what_size),
            "what_sd": torch.ones(config.z_what_size),
            "likelihood_sd": torch.tensor(config.likelihood_sd),
            "continuation": PRIORS[config.prior](config.p_more, config.max_steps).float(),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def set_p_more(self, p_more: float) -> None:
        """Change the prior probability of one more object (annealing, or sampling by hand)."""
        continuation = PRIORS[self.config.prior](p_more, self.config.max_steps)
        self.continuation = continuation.to(self.continuation)

    def paint(self, z_where: Tensor, z_what: Tensor) -> Tensor:
        """Objects on canvases of their own: (..., 3), (..., D) -> (..., S, S).

        What a guide painted to look at, the model that is then replayed with the guide's z need
        not paint again: the very same tensors give the very same painting.
        """
        for where, what, y in self._painted:
            if where is z_where and what is z_what:
                return y
        y = place(self.decoder(z_what), z_where, self.canvas_side)
        self._painted.append((z_where, z_what, y))
        return y

    def draw_object(self, t: int, present: Tensor | bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """One object: z_where (B, 3), z_what (B, D) and the object y on its own canvas (B, S, S).

        Where `present` is 0 the densities are masked out; the values drawn mean nothing there.
        """
        where_prior = dist.Normal(self.where_mean, self.where_sd).to_event(1)
        z_where = pyro.sample(f"z_where_{t}", where_prior.mask(present))
        what_prior = dist.Normal(self.what_mean, self.what_sd).to_event(1)
        z_what = pyro.sample(f"z_what_{t}", what_prior.mask(present))
        return z_where, z_what, self.paint(z_where, z_what)

    def step(self, t: int, canvas: Tensor, z_pres: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Add the t-th object to the canvas, if there is one more.

        `z_pres` and `canvas` are those of step t - 1. `z_pres` may carry further dimensions on
        the left, and the canvas then does: that is how all counts are explained at once.
        """
        z_pres = pyro.sample(f"z_pres_{t}", dist.Bernoulli(self.continuation[t - 1] * z_pres))
        z_where, z_what, y = self.draw_object(t, z_pres.bool())
        canvas = torch.addcmul(canvas, z_pres[..., None, None], y)  # (..., B, S, S)
        return canvas, (z_pres, z_where, z_what)

    def steps(self) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
        """T steps within a plate of B scenes: canvas (B, S, S), and z_pres, z_where, z_what of each."""
        canvas = self.where_mean.new_zeros(self.canvas_side, self.canvas_side)
        z_pres = self.where_mean.new_ones(())
        history = []
        for t in range(1, self.config.max_steps + 1):
            canvas, drawn = self.step(t, canvas, z_pres)
            z_pres = drawn[0]
            history.append(drawn)
        return canvas, history

    def prior(self, n_scenes: int) -> tuple[Tensor, Latents]:
        """The vectorised prior: canvases (B, S, S) without noise and their latents."""
        with pyro.plate("scenes", n_scenes):
            canvas, history = self.steps()
        return canvas, Latents(*(torch.stack(values, 1) for values in zip(*history)))

    def geometric_prior(self, p_more: float) -> tuple[Tensor, Latents]:
        """One scene of the unbounded prior: flip, stop, or add an object and recurse.

        `p_more` in [0, 1). Returns the canvas (S, S) and the latents of the n objects drawn,
        z_pres (n,) all ones, where n is geometric and has no largest value.
        """
        if not 0 <= p_more < 1:
            raise ValueError(f"p_more: {p_more} is outside [0, 1): the scene would never end")

        def more(t: int, canvas: Tensor, drawn: list) -> tuple[Tensor, list]:
            if not pyro.sample(f"z_pres_{t}", dist.Bernoulli(canvas.new_tensor(p_more))):
                return canvas, drawn
            z_where, z_what, y = self.draw_object(t)
            return more(t + 1, canvas + y, [*drawn, (z_where, z_what)])

        empty = self.where_mean.new_zeros(self.canvas_side, self.canvas_side)
        canvas, drawn = more(1, empty, [])
        z_where = torch.stack([w for w, _ in drawn]) if drawn else empty.new_zeros(0, 3)
        z_what = torch.stack([w for _, w in drawn]) if drawn else empty.new_zeros(0, self.config.z_what_size)
        return canvas, Latents(empty.new_ones(len(drawn)), z_where, z_what)

    def forward(self, images: Tensor, subsample_size: int | None = None) -> Tensor:
        """The Pyro program p(x, z) at observed images (N, S, S) in [0, 1].

        Returns the canvases (B, S, S) that the latents paint. With `subsample_size` = B < N a
        random mini-batch is drawn and its densities are scaled by N / B, as Pyro's plates do.
        """
        with pyro.plate("scenes", len(images), subsample_size=subsample_size) as index:
            canvas, _ = self.steps()
            observed = images if subsample_size is None else images[index]
            pyro.sample("x", GaussianImage(canvas, self.likelihood_sd), obs=observed)
        self._painted.clear()
        return canvas
