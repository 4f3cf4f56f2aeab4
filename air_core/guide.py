"""The guide q(z | x) as a Pyro program (Eslami et al. 2016, section 2.1 and figure 3).

A recurrent network reads the scene again at every step together with what the step before found,
and says whether there is one more object, where it is, and what it looks like.

Shapes: B scenes, T steps, S canvas side, W window side, D size of z_what, H hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from air_core.config import ModelConfig
from air_core.networks import EMBEDDINGS, Baseline, NormalHead, Predictor, SceneLSTM
from air_core.registry import Registry
from air_core.spatial_transformer import crop

NEVER = -1e4
"""A logit whose probability is exactly 0: after the first absent object there are no more."""


@dataclass(frozen=True)
class GuideState:
    """What one step hands to the next: the recurrent state and the latents just drawn."""

    rnn: tuple[Tensor, Tensor]  # h, c, each (B, H)
    z_pres: Tensor  # (B,)
    z_where: Tensor  # (B, 3)
    z_what: Tensor  # (B, D)
    baseline: tuple[Tensor, Tensor] | None = None  # h, c of the baseline's own LSTM


class Guide(nn.Module):
    """What both guides share; they differ in where z_what is read from."""

    where_mean: Tensor

    def __init__(self, config: ModelConfig, canvas_side: int, with_baseline: bool = False):
        super().__init__()
        self.config = config
        self.canvas_side = canvas_side
        n_latents = 1 + 3 + config.z_what_size
        self.embedding = EMBEDDINGS[config.embedding](canvas_side, config.embedding_size)
        self.rnn = SceneLSTM(self.embedding.size, n_latents, config.rnn_size)
        self.predictor = Predictor(
            config.rnn_size, config.predictor_sizes, config.z_pres_bias, config.where_sd_start
        )
        self.z_where_start = nn.Parameter(torch.zeros(3))
        self.z_what_start = nn.Parameter(torch.zeros(config.z_what_size))
        # The prior's mean is added to the network's, so that the first guess is the prior's.
        self.register_buffer("where_mean", torch.tensor(config.where_mean), persistent=False)
        self.baseline = None
        if with_baseline:
            self.baseline = Baseline(self.embedding.size, n_latents, config.rnn_size, config.baseline_sizes)

    def infer_z_what(self, images: Tensor, h: Tensor, z_where: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and sd (B, D) of z_what from images (B, S, S), h (B, H) and z_where (B, 3)."""
        raise NotImplementedError

    def start(self, images: Tensor) -> GuideState:
        """The learned state before the first step."""
        n = len(images)
        return GuideState(
            rnn=self.rnn.start(n),
            z_pres=images.new_ones(n),
            z_where=self.z_where_start.expand(n, -1),
            z_what=self.z_what_start.expand(n, -1),
            baseline=self.baseline.rnn.start(n) if self.baseline else None,
        )

    def step(
        self, t: int, images: Tensor, gates: tuple[Tensor, Tensor | None], last: GuideState, scale: float
    ) -> GuideState:
        """Look once more: one turn of figure 3's recurrence.

        `gates` are the scene's shares of the gates of the guide's LSTM and of the baseline's;
        `scale` is what the plate multiplies log densities by.
        """
        inputs = (last.z_pres[:, None], last.z_where, last.z_what)
        rnn = self.rnn(gates[0], inputs, last.rnn)
        logit, where_mean, where_sd = self.predictor(rnn[0])

        infer, baseline = {}, None
        if self.baseline:
            value, baseline = self.baseline(gates[1], inputs, last.baseline)
            infer = {"baseline": {"baseline_value": scale * last.z_pres.detach() * value}}

        logit = torch.where(last.z_pres.bool(), logit.squeeze(-1), NEVER)
        z_pres = pyro.sample(f"z_pres_{t}", dist.Bernoulli(logits=logit), infer=infer)

        where = dist.Normal(self.where_mean + where_mean, where_sd).to_event(1)
        z_where = pyro.sample(f"z_where_{t}", where.mask(z_pres.bool()))

        what = dist.Normal(*self.infer_z_what(images, rnn[0], z_where)).to_event(1)
        z_what = pyro.sample(f"z_what_{t}", what.mask(z_pres.bool()))
        return replace(last, rnn=rnn, z_pres=z_pres, z_where=z_where, z_what=z_what, baseline=baseline)

    def forward(self, images: Tensor, subsample_size: int | None = None) -> None:
        """The Pyro program q(z | x) for images (N, S, S) in [0, 1]; see `Model.forward`."""
        with pyro.plate("scenes", len(images), subsample_size=subsample_size) as index:
            batch = images if subsample_size is None else images[index]
            scene = self.embedding(batch)
            gates = (
                self.rnn.read_scene(scene),
                self.baseline.rnn.read_scene(scene.detach()) if self.baseline else None,
            )
            state = self.start(batch)
            for t in range(1, self.config.max_steps + 1):
                state = self.step(t, batch, gates, state, scale=len(images) / len(batch))


class BasicGuide(Guide):
    """Infers z_what from the recurrent state, as the paper's first guide does."""

    def __init__(self, config: ModelConfig, canvas_side: int, with_baseline: bool = False):
        super().__init__(config, canvas_side, with_baseline)
        self.encoder = NormalHead(config.rnn_size, config.encoder_sizes, config.z_what_size)

    def infer_z_what(self, images: Tensor, h: Tensor, z_where: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(h)


class WindowedGuide(Guide):
    """Infers z_what from the crop that z_where points at (figure 3's x_att)."""

    def __init__(self, config: ModelConfig, canvas_side: int, with_baseline: bool = False):
        super().__init__(config, canvas_side, with_baseline)
        self.encoder = NormalHead(config.window_side**2, config.encoder_sizes, config.z_what_size)

    def infer_z_what(self, images: Tensor, h: Tensor, z_where: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(crop(images, z_where, self.config.window_side).flatten(-2))


GUIDES: Registry[type[Guide]] = Registry("guide", {"windowed": WindowedGuide, "basic": BasicGuide})
