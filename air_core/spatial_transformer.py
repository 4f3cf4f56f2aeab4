"""The spatial transformer: the only place that knows what `z_where` means.

`z_where = (s, x, y)` maps image coordinates u to window coordinates v, both in [-1, 1] across
the whole side (pixel i of n has its centre at (2 i + 1) / n - 1):

    v = s * u + (x, y)

so the window covers 1/s of the image's width and a larger `s` is a smaller object. There is
neither rotation nor shear, so bilinear sampling is separable: with one matrix of hat-function
weights per axis, placing is A_y . window . A_x^T. This equals `torch.nn.functional.grid_sample`
(bilinear, zero padding, align_corners=False) and costs a fraction of it on a CPU.

Source: Jaderberg et al. 2015 (spatial transformers); Eslami et al. 2016, section 3.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

MIN_SCALE = 0.1
"""Smallest `s`: the window is never larger than ten canvases, so 1/s stays bounded."""


def clamp_scale(z_where: Tensor) -> Tensor:
    """`z_where` (..., 3) with its scale raised to `MIN_SCALE` where it is below."""
    return torch.cat([z_where[..., :1].clamp(min=MIN_SCALE), z_where[..., 1:]], -1)


def check_z_where(z_where: Tensor) -> None:
    """Raise `ValueError` naming what is wrong if a person's `z_where` (..., 3) cannot be used."""
    if z_where.shape[-1:] != (3,):
        raise ValueError(f"z_where: its last axis must be (s, x, y), got shape {tuple(z_where.shape)}")
    if not torch.isfinite(z_where).all():
        raise ValueError("z_where: every number must be finite")
    if (z_where[..., 0] < MIN_SCALE).any():
        smallest = z_where[..., 0].min().item()
        raise ValueError(f"z_where: the scale s = {smallest:g} is below the smallest, {MIN_SCALE}")


def _hat_weights(position: Tensor, n_source: int) -> Tensor:
    """Linear interpolation as a matrix: (..., n) pixel positions -> (..., n, n_source) weights.

    Row i holds max(0, 1 - |position_i - j|) for source pixel j; pixels outside weigh nothing,
    which is zero padding.
    """
    # Not an autograd.Function: its backward pass could pick the two weights that matter and save a
    # twentieth of a step, but Pyro's TraceGraph_ELBO would lose sight of z_pres behind it.
    pixel = torch.arange(n_source, dtype=position.dtype, device=position.device)
    return (1 - (position[..., None] - pixel).abs()).clamp(min=0)


def _centres(n: int, like: Tensor) -> Tensor:
    """Coordinates (n,) of the pixel centres of a side of `n` pixels."""
    return (2 * torch.arange(n, dtype=like.dtype, device=like.device) + 1) / n - 1


def _resample(image: Tensor, coordinate: Tensor) -> Tensor:
    """`image` (..., N, N) read at `coordinate` (..., 2, n), x before y -> (..., n, n)."""
    n_source = image.shape[-1]
    weights = _hat_weights(((coordinate + 1) * n_source - 1) / 2, n_source)  # (..., 2, n, N)
    weights_x, weights_y = weights.unbind(-3)
    return weights_y @ image @ weights_x.transpose(-1, -2)


def place(window: Tensor, z_where: Tensor, canvas_side: int) -> Tensor:
    """Paint windows onto empty canvases: (..., W, W), (..., 3) -> (..., S, S).

    Canvas pixel u shows the window at s u + (x, y); outside the window it is 0.
    """
    scale, shift = clamp_scale(z_where).split([1, 2], -1)
    v = scale[..., None] * _centres(canvas_side, window) + shift[..., None]  # (..., 2, S)
    return _resample(window, v)


def crop(image: Tensor, z_where: Tensor, window_side: int) -> Tensor:
    """Look at images through a window: (..., S, S), (..., 3) -> (..., W, W).

    The inverse of `place`: window pixel v shows the image at (v - (x, y)) / s.
    """
    scale, shift = clamp_scale(z_where).split([1, 2], -1)
    u = (_centres(window_side, image) - shift[..., None]) / scale[..., None]  # (..., 2, W)
    return _resample(image, u)


def centred_at(z_where: Tensor, place: Tensor) -> Tensor:
    """`z_where` (..., 3) moved along, so that what was seen at the middle of the image is at `place`.

    `place` (..., 2) is x, y in [-1, 1], x to the right and y down.
    """
    scale, shift = z_where.split([1, 2], -1)
    return torch.cat([scale, shift - scale * place], -1)


def pixel_boxes(z_where: Tensor, canvas_side: int) -> Tensor:
    """The windows' outlines on the canvas: (..., 3) -> (..., 4) as x, y, w, h in pixels.

    The origin is the canvas's top left corner; x, y is the box's own top left corner.
    """
    scale, shift = clamp_scale(z_where).split([1, 2], -1)
    side = canvas_side / scale
    corner = (1 - shift / scale) * (canvas_side / 2) - side / 2
    return torch.cat([corner, side, side], -1)
