"""Pictures from people as scenes: nothing in them is trusted."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 25_000_000
"""A picture of more pixels is not opened: its file may be small and still fill the memory."""

FINEST = 1024
"""Larger pictures are averaged to this side before anything else is done with them."""

KINDS = ("png", "jpg", "jpeg", "gif", "bmp", "webp")
"""Endings of the files that are read."""

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")


class PictureError(ValueError):
    """A picture that cannot be used; the message says why."""


def scene_of_picture(content: bytes, side: int) -> np.ndarray:
    """The picture in a file's bytes as a scene: uint8 (side, side), bright ink on black.

    Transparent parts are taken for paper. Dark ink on a bright ground is turned round, going by the border. The
    picture is centred on a square and averaged over areas. Raises `PictureError` if it is none, is too
    large, has less than 2 pixels a side, or nothing on it.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(content), formats=_FORMATS) as picture,
        ):
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise Image.DecompressionBombError
            if min(width, height) < 2:
                raise PictureError(f"The picture has {width} x {height} pixels: too few to hold anything")
            picture.draft("RGB", (FINEST, FINEST))  # a JPEG need not be unpacked at its full size
            small = ImageOps.exif_transpose(picture).convert("RGBA")
            small.thumbnail((FINEST, FINEST), Image.Resampling.BOX)
            grey = _ink(small)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(
            f"The picture has too many pixels; at most {MOST_PIXELS // 1_000_000} million are read"
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise PictureError("The file is no picture that can be read, or it is damaged") from error
    square = np.zeros((max(grey.shape),) * 2, np.float32)
    top, left = ((len(square) - n) // 2 for n in grey.shape)
    square[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    small = Image.fromarray(square).resize((side, side), Image.Resampling.BOX)
    return np.rint(np.clip(np.asarray(small), 0, 255)).astype(np.uint8)


def _ink(picture: Image.Image) -> np.ndarray:
    """Bright ink on black, float32 (height, width) in [0, 255]."""
    pixels = np.asarray(picture, np.float32)
    alpha = pixels[..., 3] / 255
    if not alpha.any():
        raise PictureError("The picture is transparent all over: there is nothing on it")
    grey = pixels[..., :3].mean(-1)
    if alpha.min() < 1:  # what shows is ink, on paper that is its contrary
        paper = 0.0 if np.average(grey, weights=alpha) > 127 else 255.0
        grey = alpha * grey + (1 - alpha) * paper
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > 127:
        grey = 255 - grey
    if np.ptp(grey) < 8:
        raise PictureError("The picture has one colour all over: there is nothing on it")
    return grey
