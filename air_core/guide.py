"""The guide q(z | x) as a Pyro program (Eslami et al. 2016, section 2.1 and figure 3).

A recurrent network reads the scene again at every step together with what the step before found,
and says whether there is one more object, where it is, and what it looks like.

Shapes: B scenes, T steps, S canvas side, W window side, D size of z_what, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from air_core.config import ModelConfig
from air_core.networks import (
    EMBEDDINGS,
    MLP,
    Attention,
    Baseline,
    NormalHead,
    Predictor,
    SceneLSTM,
    positive_sd,
)
from air_core.registry import Registry
from air_core.spatial_transformer import centred_at, crop

NEVER = -1e4
"""A logit whose probability is exactly 0: after the first absent object there are no more."""


@dataclass(frozen=True)
class GuideState:
    """What one step hands to the next: the recurrent state and the latents just drawn."""

    rnn: tuple[Tensor, Tensor]  # h, c, each (B, H)
    z_pres: Tensor  # (B,)
    z_where: Tensor  # (B, 3)
    z_what: Tensor  # (B, D)
    canvas: Tensor  # (B, S, S), or (S, S) before the first step: what is painted so far
    baseline: tuple[Tensor, Tensor] | None = None  # h, c of the baseline's own LSTM


class Seen(NamedTuple):
    """What a step reads of the scene: its shares of the gates of the guide's LSTM and of the
    baseline's, (B, 4 H) each, and where it attends, (B, 2) or (2,) as x, y in [-1, 1]."""

    gates: Tensor
    baseline_gates: Tensor | None
    place: Tensor


Paint = Callable[[Tensor, Tensor], Tensor]
"""`Model.paint`: z_where (B, 3), z_what (B, D) -> the object on its own canvas (B, S, S)."""


class Guide(nn.Module):
    """What all guides share; they differ in how they look at the scene.

    `paint` is how the model paints an object, for guides that look at what they painted.
    """

    where_mean: Tensor

    def __init__(self, config: ModelConfig, canvas_side: int, paint: Paint, with_baseline: bool = False):
        super().__init__()
        self.config = config
        self.canvas_side = canvas_side
        self.paint = paint
        n_latents = 1 + 3 + config.z_what_size
        self.embedding = self.make_embedding()
        self.rnn = SceneLSTM(self.embedding.size, n_latents, config.rnn_size)
        self.predictor = Predictor(
            config.rnn_size,
            config.predictor_sizes,
            config.z_pres_bias,
            config.where_sd_start,
            config.activation,
        )
        self.z_where_start = nn.Parameter(torch.zeros(3))
        self.z_what_start = nn.Parameter(torch.zeros(config.z_what_size))
        # The prior's mean is added to the network's, so that the first guess is the prior's.
        self.register_buffer("where_mean", torch.tensor(config.where_mean), persistent=False)
        self.baseline = None
        if with_baseline:
            self.baseline = Baseline(self.embedding.size, n_latents, config.rnn_size, config.baseline_sizes)

    def make_embedding(self) -> nn.Module:
        """What reads scenes before the recurrent network; its `size` is that of what it gives."""
        config = self.config
        return EMBEDDINGS[config.embedding](self.canvas_side, config.embedding_size, config.activation)

    def read(self, images: Tensor, canvas: Tensor) -> tuple[Tensor, Tensor]:
        """The scene's embedding (B, E) and the place that the guide attends to: here the middle."""
        return self.embedding(images), images.new_zeros(2)

    def before(self, images: Tensor, seen: Seen | None, last: GuideState) -> tuple[Seen, GuideState]:
        """What a step begins with: what it reads of the scene (once is enough), what it remembers."""
        return seen or self.see(images, last), last

    def see(self, images: Tensor, last: GuideState) -> Seen:
        """Read the scene for both recurrent networks."""
        scene, place = self.read(images, last.canvas)
        baseline_gates = self.baseline.rnn.read_scene(scene.detach()) if self.baseline else None
        return Seen(self.rnn.read_scene(scene), baseline_gates, place)

    def infer_z_where(
        self, images: Tensor, canvas: Tensor, mean: Tensor, raw_sd: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and sd (B, 3) of z_where from the predictor's first guess of both."""
        return mean, positive_sd(raw_sd)

    def infer_z_what(
        self, images: Tensor, canvas: Tensor, h: Tensor, z_where: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and sd (B, D) of z_what.

        From images (B, S, S), the canvas painted so far, h (B, H) and z_where (B, 3).
        """
        raise NotImplementedError

    def paint_on(self, last: GuideState, z_pres: Tensor, z_where: Tensor, z_what: Tensor) -> Tensor:
        """The canvas with one object more, for guides that look at it."""
        return last.canvas

    def start(self, images: Tensor) -> GuideState:
        """The learned state before the first step."""
        n = len(images)
        return GuideState(
            rnn=self.rnn.start(n),
            z_pres=images.new_ones(n),
            z_where=self.z_where_start.expand(n, -1),
            z_what=self.z_what_start.expand(n, -1),
            canvas=images.new_zeros(images.shape[1:]),
            baseline=self.baseline.rnn.start(n) if self.baseline else None,
        )

    def step(
        self, t: int, images: Tensor, seen: Seen | None, last: GuideState, scale: float
    ) -> tuple[Seen, GuideState]:
        """Look once more: one turn of figure 3's recurrence.

        `seen` is what the step before read of the scene; `scale` is what the plate multiplies log
        densities by.
        """
        seen, last = self.before(images, seen, last)
        inputs = (last.z_pres[:, None], last.z_where, last.z_what)
        rnn = self.rnn(seen.gates, inputs, last.rnn)
        logit, first_guess, raw_sd = self.predictor(rnn[0])

        infer, baseline = {}, None
        if self.baseline:
            value, baseline = self.baseline(seen.baseline_gates, inputs, last.baseline)
            infer = {"baseline": {"baseline_value": scale * last.z_pres.detach() * value}}

        logit = torch.where(last.z_pres.bool(), logit.squeeze(-1), NEVER)
        z_pres = pyro.sample(f"z_pres_{t}", dist.Bernoulli(logits=logit), infer=infer)

        first_guess = centred_at(self.where_mean + first_guess, seen.place)
        where = dist.Normal(*self.infer_z_where(images, last.canvas, first_guess, raw_sd)).to_event(1)
        z_where = pyro.sample(f"z_where_{t}", where.mask(z_pres.bool()))

        what = dist.Normal(*self.infer_z_what(images, last.canvas, rnn[0], z_where)).to_event(1)
        z_what = pyro.sample(f"z_what_{t}", what.mask(z_pres.bool()))
        canvas = last.canvas if t == self.config.max_steps else self.paint_on(last, z_pres, z_where, z_what)
        return seen, GuideState(rnn, z_pres, z_where, z_what, canvas, baseline)

    def forward(self, images: Tensor, subsample_size: int | None = None) -> None:
        """The Pyro program q(z | x) for images (N, S, S) in [0, 1]; see `Model.forward`."""
        with pyro.plate("scenes", len(images), subsample_size=subsample_size) as index:
            batch = images if subsample_size is None else images[index]
            seen, state = None, self.start(batch)
            for t in range(1, self.config.max_steps + 1):
                seen, state = self.step(t, batch, seen, state, scale=len(images) / len(batch))


class BasicGuide(Guide):
    """Infers z_what from the recurrent state, as the paper's first guide does."""

    def __init__(self, config: ModelConfig, canvas_side: int, paint: Paint, with_baseline: bool = False):
        super().__init__(config, canvas_side, paint, with_baseline)
        self.encoder = NormalHead(
            config.rnn_size, config.encoder_sizes, config.z_what_size, config.activation
        )

    def infer_z_what(self, images, canvas, h, z_where):
        return self.encoder(h)


class WindowedGuide(Guide):
    """Infers z_what from the crop that z_where points at (figure 3's x_att)."""

    def __init__(self, config: ModelConfig, canvas_side: int, paint: Paint, with_baseline: bool = False):
        super().__init__(config, canvas_side, paint, with_baseline)
        self.encoder = NormalHead(
            config.window_side**2, config.encoder_sizes, config.z_what_size, config.activation
        )

    def infer_z_what(self, images, canvas, h, z_where):
        return self.encoder(crop(images, z_where, self.config.window_side).flatten(-2))


class GlimpseGuide(Guide):
    """Looks twice, and knows what it has painted.

    The recurrent network's z_where is a first guess. A glimpse of the scene around it, a little
    wider than the window, corrects it, and then z_what is read from the crop at z_where. Both
    looks see the scene and, beside it, the canvas painted so far, so that an object already
    explained does not draw the next window to itself.
    """

    WIDER = 1.5
    """Side of the glimpse over side of the window."""

    def __init__(self, config: ModelConfig, canvas_side: int, paint: Paint, with_baseline: bool = False):
        super().__init__(config, canvas_side, paint, with_baseline)
        n_in = 2 * config.window_side**2
        self.glimpse = MLP(n_in, config.glimpse_sizes, 6, config.activation)
        self.encoder = NormalHead(n_in, config.encoder_sizes, config.z_what_size, config.activation)

    def look(self, images: Tensor, canvas: Tensor, z_where: Tensor) -> Tensor:
        """Scene and canvas cropped at z_where (B, 3), side by side: (B, 2 W^2)."""
        both = torch.stack([images, canvas.expand_as(images)], 1)
        return crop(both, z_where[:, None], self.config.window_side).flatten(1)

    def infer_z_where(self, images, canvas, mean, raw_sd):
        seen = self.look(images, canvas, mean / self.WIDER)  # all of z_where: the centre stays
        to_mean, to_sd = self.glimpse(seen).chunk(2, -1)
        return mean + to_mean, positive_sd(raw_sd + to_sd)

    def infer_z_what(self, images, canvas, h, z_where):
        return self.encoder(self.look(images, canvas, z_where))

    def paint_on(self, last, z_pres, z_where, z_what):
        return torch.addcmul(last.canvas, z_pres[:, None, None], self.paint(z_where, z_what))


class AttentiveGuide(GlimpseGuide):
    """Searches the scene for the next object instead of reading it as a whole.

    At every step a map of the scene and of what is left over of it says how salient each place
    is, and the guide attends to the most salient one: the recurrent network reads what is there, and
    z_where starts from there. What is left over is read without gradient; otherwise later steps
    teach the earlier ones to leave them something.
    """

    def make_embedding(self):
        return Attention(2, self.config.map_channels, self.canvas_side, self.config.activation)

    @staticmethod
    def pictures(images: Tensor, canvas: Tensor) -> Tensor:
        """What the map is made of: the scenes and what is left over of them, (B, 2, S, S)."""
        return torch.stack([images, images - canvas.detach()], 1)

    def read(self, images, canvas):
        return self.embedding(self.pictures(images, canvas))

    def before(self, images, seen, last):
        return self.see(images, last), last


class DifferenceGuide(AttentiveGuide):
    """Counts by what is left over and remembers nothing else (DAIR, Eslami et al. 2016, section 3.2).

    Whether there is one more object is the same question at every step, so that it is answered
    for counts that were never seen.
    """

    def before(self, images, seen, last):
        forgotten = replace(
            self.start(images), z_pres=last.z_pres, canvas=last.canvas, baseline=last.baseline
        )
        return self.see(images, last), forgotten


GUIDES: Registry[type[Guide]] = Registry(
    "guide",
    {
        "attentive": AttentiveGuide,
        "difference": DifferenceGuide,
        "glimpse": GlimpseGuide,
        "windowed": WindowedGuide,
        "basic": BasicGuide,
    },
)
