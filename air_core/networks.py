"""The networks: plain torch modules, each one box of the paper's figure 3."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from air_core.config import ConfigError
from air_core.registry import Registry

MIN_SD = 1e-3
"""Floor of the guide's standard deviations: a density that sharpens without end is an overflow."""


ACTIVATIONS: Registry[type[nn.Module]] = Registry("activation", {"relu": nn.ReLU, "silu": nn.SiLU})


class MLP(nn.Sequential):
    """Linear layers of the given sizes with a non-linearity between them: (..., n_in) -> (..., n_out).

    `initial_gain` scales the last layer's first weights where `he_initial_weights` sets them: an
    output that should start near what its user adds to it has a small one.
    """

    def __init__(
        self,
        n_in: int,
        hidden: Sequence[int],
        n_out: int,
        activation: str = "relu",
        initial_gain: float = 0.1,
    ):
        sizes = [n_in, *hidden, n_out]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            layers += [nn.Linear(a, b)] if i == 0 else [ACTIVATIONS[activation](), nn.Linear(a, b)]
        super().__init__(*layers)
        self.initial_gain = initial_gain


def he_initial_weights(module: nn.Module) -> None:
    """Draw first weights that keep the variance from layer to layer, biases zero, small outputs.

    Recurrent cells keep torch's rule. Source: He et al. 2015, equation 10.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(module.bias)
    if not isinstance(module, SceneLSTM):
        for child in module.children():
            he_initial_weights(child)
    if isinstance(module, MLP):
        with torch.no_grad():
            module[-1].weight.mul_(module.initial_gain)


def inverse_softplus(value: float) -> float:
    """The x with log(1 + exp(x)) = value > 0."""
    return math.log(math.expm1(value))


def positive_sd(raw: Tensor) -> Tensor:
    """A standard deviation above `MIN_SD` from any number."""
    return F.softplus(raw) + MIN_SD


class Decoder(nn.Module):
    """Paints a window from z_what: (..., D) -> (..., W, W) in (0, 1)."""

    def __init__(
        self, z_what_size: int, hidden: Sequence[int], window_side: int, bias: float, activation: str = "relu"
    ):
        super().__init__()
        self.layers = MLP(z_what_size, hidden, window_side**2, activation, initial_gain=0.5)
        self.window_side = window_side
        self.bias = bias

    def forward(self, z_what: Tensor) -> Tensor:
        logits = self.layers(z_what) + self.bias
        return torch.sigmoid(logits).unflatten(-1, (self.window_side, self.window_side))


class NormalHead(nn.Module):
    """Mean and standard deviation of a Normal over n numbers: (..., n_in) -> two of (..., n)."""

    def __init__(self, n_in: int, hidden: Sequence[int], n: int, activation: str = "relu"):
        super().__init__()
        self.layers = MLP(n_in, hidden, 2 * n, activation)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw_sd = self.layers(features).chunk(2, -1)
        return mean, positive_sd(raw_sd)


class Predictor(nn.Module):
    """From the recurrent state h to z_pres and z_where (figure 3's h_i).

    (B, H) -> logit of z_pres (B, 1), mean of z_where (B, 3) relative to the prior's mean, and the
    number (B, 3) that `positive_sd` makes its standard deviation of. Starts near logit
    `z_pres_bias`, mean 0 and `where_sd_start`.
    """

    def __init__(
        self,
        n_in: int,
        hidden: Sequence[int],
        z_pres_bias: float,
        where_sd_start: float,
        activation: str = "relu",
    ):
        super().__init__()
        self.layers = MLP(n_in, hidden, 7, activation)
        self.z_pres_bias = z_pres_bias
        self.raw_sd_bias = inverse_softplus(where_sd_start)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logit, mean, raw_sd = self.layers(h).split([1, 3, 3], -1)
        return logit + self.z_pres_bias, mean, raw_sd + self.raw_sd_bias


class SceneLSTM(nn.Module):
    """An LSTM cell that reads the scene at every step but multiplies it only once.

    The scene is the same at all steps, so its share of the gates, `read_scene(scene)`, is
    computed once and added at each step.
    """

    def __init__(self, scene_size: int, n_in: int, hidden_size: int):
        super().__init__()
        self.scene = nn.Linear(scene_size, 4 * hidden_size)
        self.step = nn.Linear(n_in + hidden_size, 4 * hidden_size, bias=False)
        self.h_start = nn.Parameter(torch.zeros(hidden_size))
        self.c_start = nn.Parameter(torch.zeros(hidden_size))
        for weight in (self.scene.weight, self.step.weight, self.scene.bias):
            nn.init.uniform_(weight, -(hidden_size**-0.5), hidden_size**-0.5)

    def start(self, n_scenes: int) -> tuple[Tensor, Tensor]:
        """The learned first state h, c, each (B, H)."""
        return self.h_start.expand(n_scenes, -1), self.c_start.expand(n_scenes, -1)

    def read_scene(self, scene: Tensor) -> Tensor:
        """The scene's share of the gates: (B, E) -> (B, 4 H)."""
        return self.scene(scene)

    def forward(
        self, scene_gates: Tensor, inputs: Sequence[Tensor], state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """One step: gates (B, 4 H), inputs (B, ...) each, state -> new h, c (B, H)."""
        h, c = state
        gates = torch.addmm(scene_gates, torch.cat([*inputs, h], -1), self.step.weight.t())
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class ConvolutionalEmbedding(nn.Module):
    """Two strided convolutions and a linear layer: (B, S, S) -> (B, E)."""

    CHANNELS = (16, 32)

    def __init__(self, canvas_side: int, size: int, activation: str = "relu"):
        super().__init__()
        if canvas_side < 9:
            raise ConfigError(f"canvas_side: {canvas_side} is too small for the convolutional embedding (9)")
        (a, b), kind = self.CHANNELS, ACTIVATIONS[activation]
        self.layers = nn.Sequential(
            nn.Conv2d(1, a, 5, stride=2), kind(), nn.Conv2d(a, b, 3, stride=2), kind(), nn.Flatten()
        )
        with torch.no_grad():
            n_features = self.layers(torch.zeros(1, 1, canvas_side, canvas_side)).shape[1]
        self.layers.append(nn.Linear(n_features, size)).append(kind())
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images[:, None])


class Attention(nn.Module):
    """A map of pictures, and what it shows at its most salient place: (B, C, S, S) -> (B, E), (B, 2).

    Strided convolutions keep where things are: they describe P places, 4 pixels apart, by their
    surroundings. The place attended to is the softmax-weighted mean of the most salient place and
    its neighbours. Only these: a mean over all places would lie between two objects. Returns the
    description averaged in the same way followed by the place, and the place alone, as x, y
    in [-1, 1].
    """

    REACH = 1
    """Neighbours are so many places away, at most, along each axis."""

    places: Tensor
    near: Tensor

    def __init__(self, n_channels: int, channels: Sequence[int], canvas_side: int, activation: str = "relu"):
        super().__init__()
        sizes, layers = [n_channels, *channels], []
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            kernel, stride = (5 if i == 0 else 3), (2 if i < 2 else 1)
            layers += [nn.Conv2d(a, b, kernel, stride, kernel // 2), ACTIVATIONS[activation]()]
        self.map = nn.Sequential(*layers)
        self.salience = nn.Conv2d(channels[-1], 1, 1)
        stride = 2 ** min(len(channels), 2)
        axis = torch.arange(0, canvas_side, stride)
        row, column = torch.meshgrid(axis, axis, indexing="ij")
        cells = torch.stack([column.flatten(), row.flatten()], 1)  # (P, 2), pixels x, y
        self.register_buffer("places", (2 * cells + 1) / canvas_side - 1, persistent=False)
        apart = (cells[:, None] - cells).abs().amax(-1)  # (P, P)
        self.register_buffer("near", apart <= self.REACH * stride, persistent=False)
        self.size = channels[-1] + 2

    def salience_map(self, pictures: Tensor) -> Tensor:
        """How salient each place is, as the logarithm of its weight: (B, C, S, S) -> (B, n, n)."""
        return self.salience(self.map(pictures)).squeeze(1)

    def weights(self, features: Tensor) -> Tensor:
        """How much of the attention each place has: (B, E, n, n) -> (B, P), sums to 1."""
        salience = self.salience(features).flatten(1)
        return salience.masked_fill(~self.near[salience.argmax(1)], -torch.inf).softmax(1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.map(pictures)
        weights = self.weights(features)
        place = weights @ self.places
        seen = (features.flatten(2) @ weights[:, :, None]).squeeze(2)
        return torch.cat([seen, place], 1), place


class LinearEmbedding(nn.Module):
    """One linear layer and a non-linearity over the pixels: (B, S, S) -> (B, E)."""

    def __init__(self, canvas_side: int, size: int, activation: str = "relu"):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(canvas_side**2, size), ACTIVATIONS[activation]())
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class NoEmbedding(nn.Module):
    """The raw pixels: (B, S, S) -> (B, S * S)."""

    def __init__(self, canvas_side: int, size: int, activation: str = "relu"):
        super().__init__()
        self.size = canvas_side**2

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


EMBEDDINGS: Registry[Callable[[int, int, str], nn.Module]] = Registry(
    "embedding",
    {"convolutional": ConvolutionalEmbedding, "linear": LinearEmbedding, "none": NoEmbedding},
)


class Baseline(nn.Module):
    """The data-dependent baseline: a second LSTM that predicts each z_pres's learning signal.

    It reads what the guide reads, detached, and answers in nats. Its outputs are of order one,
    learning signals of order hundreds, hence `UNIT` (Pyro issue 555: an unscaled baseline never
    catches up). Source: Eslami et al. 2016, section 2.1; Mnih and Gregor 2014.
    """

    UNIT = 100.0

    def __init__(self, scene_size: int, n_in: int, rnn_size: int, hidden: Sequence[int]):
        super().__init__()
        self.rnn = SceneLSTM(scene_size, n_in, rnn_size)
        self.head = MLP(rnn_size, hidden, 1)

    def forward(
        self, scene_gates: Tensor, inputs: Sequence[Tensor], state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One step: the predicted signal (B,) in nats, and the new state."""
        state = self.rnn(scene_gates, [value.detach() for value in inputs], state)
        return self.UNIT * self.head(state[0]).squeeze(-1), state
