"""Scenes of digits with their ground truth, built once and cached.

The recipe is Pyro's multi_mnist: each digit is shrunk to int(28 / N(1.3, 0.1)) pixels with
Pillow's BICUBIC filter and pasted at a uniform place; a scene whose digits add up to more than
255 anywhere is drawn again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image
from platformdirs import user_cache_path
from tqdm import tqdm

from air_core.config import ConfigError, SceneConfig
from air_core.digits import SPLITS, Digits, digit_files, load_digits, split_digits
from air_core.registry import Registry

RECIPE_VERSION = 1
"""Raise it when the recipe's code changes: cached scenes of another version are not used."""

INK_THRESHOLD = 25
"""A pixel above this (of 255) is ink; the faint ringing of the BICUBIC filter is not."""


MAX_DRAWS = 5_000
"""So often a scene is drawn again before its recipe is called impossible."""


@dataclass(frozen=True)
class Scenes:
    """N scenes and what is known of them; everything but the images may be missing (None).

    images uint8 (N, S, S); counts int64 (N,); boxes float32 (N, K, 4) as x, y, w, h in pixels of
    each pasted digit's canvas, zeros where there is none; labels int64 (N, K), -1 where none;
    ink_boxes float32 (N, K, 4), the tight boxes of each digit's own ink; digits int64 (N, K), the
    digit's place in its split, -1 where none.
    """

    images: np.ndarray
    counts: np.ndarray | None = None
    boxes: np.ndarray | None = None
    labels: np.ndarray | None = None
    ink_boxes: np.ndarray | None = None
    digits: np.ndarray | None = None

    def __post_init__(self) -> None:
        images = self.images
        if (
            images.dtype != np.uint8
            or images.ndim != 3
            or images.shape[1] != images.shape[2]
            or not len(images)
        ):
            raise ConfigError(f"images must be uint8 (N, S, S), got {images.dtype} {images.shape}")
        tails = {"counts": 0, "boxes": 2, "labels": 1, "ink_boxes": 2, "digits": 1}
        for name, n_axes in tails.items():
            value = getattr(self, name)
            if value is None:
                continue
            if value.ndim != 1 + n_axes or len(value) != len(images) or (n_axes == 2 and value.shape[2] != 4):
                raise ConfigError(f"{name} of shape {value.shape} does not fit {len(images)} scenes")
            if n_axes == 2 and not (np.issubdtype(value.dtype, np.floating) and np.isfinite(value).all()):
                raise ConfigError(f"{name} must hold finite floating-point numbers")
            if n_axes < 2 and not np.issubdtype(value.dtype, np.integer):
                raise ConfigError(f"{name} must hold whole numbers, not {value.dtype}")
        if self.counts is not None and self.counts.min() < 0:
            raise ConfigError("counts must not be negative")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index) -> Scenes:
        """The scenes at a slice or an array of indices."""
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        return Scenes(**{k: None if v is None else v[index] for k, v in parts.items()})


def _shrink(digit: np.ndarray, side: int) -> np.ndarray:
    """A digit (28, 28) resized to (side, side), uint8."""
    return np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))


def _ink_box(pasted: np.ndarray) -> tuple[int, int, int, int]:
    """The tight box x, y, w, h of ink in a pasted digit, within it."""
    ink = pasted > INK_THRESHOLD
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return 0, 0, pasted.shape[1], pasted.shape[0]
    return columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


@functools.lru_cache(maxsize=2**17)
def _pasted(digits: Digits, index: int, side: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A digit of `digits` as it is pasted, (side, side), and the tight box of its ink.

    Kept, because a training that draws its scenes afresh pastes the same ones again and again.
    """
    pasted = _shrink(digits.images[index], side)
    return pasted, _ink_box(pasted)


def _draw_scene(config: SceneConfig, digits: Digits, count: int, rng: np.random.Generator):
    """One scene: image (S, S) and its objects as (index, box, ink box). Redrawn on overflow."""
    side = config.canvas_side
    for _ in range(MAX_DRAWS):
        canvas = np.zeros((side, side), np.int64)
        objects = []
        for index in rng.integers(len(digits.labels), size=count):
            shrink = max(rng.normal(config.shrink_mean, config.shrink_sd), 28 / side)
            size = min(max(int(28 / shrink), 1), side)
            pasted, ink = _pasted(digits, int(index), size)
            x, y = rng.integers(side - size + 1, size=2)
            canvas[y : y + size, x : x + size] += pasted
            objects.append((index, (x, y, size, size), (x + ink[0], y + ink[1], *ink[2:])))
        if canvas.max() <= 255:
            return canvas, objects
    raise ConfigError(f"counts: {count} digits hardly ever fit on {side} x {side} pixels without overlap")


def multi_mnist(config: SceneConfig, digits: Digits, n_scenes: int, rng: np.random.Generator) -> Scenes:
    """Scenes by the recipe above from the given digits; counts are drawn uniformly."""
    side, most = config.canvas_side, max(max(config.counts), 1)
    counts = rng.choice(np.array(config.counts), size=n_scenes)
    images = np.zeros((n_scenes, side, side), np.uint8)
    boxes, ink_boxes = np.zeros((2, n_scenes, most, 4), np.float32)
    labels = np.full((n_scenes, most), -1, np.int64)
    indices = np.full((n_scenes, most), -1, np.int64)
    progress = tqdm(counts, desc="building scenes", unit="scene", disable=None, leave=False, delay=1)
    for n, count in enumerate(progress):
        images[n], objects = _draw_scene(config, digits, count, rng)
        for k, (index, box, ink_box) in enumerate(objects):
            indices[n, k], labels[n, k] = index, digits.labels[index]
            boxes[n, k], ink_boxes[n, k] = box, ink_box
    return Scenes(images, counts.astype(np.int64), boxes, labels, ink_boxes, indices)


SCENES: Registry[Callable[[SceneConfig, Digits, int, np.random.Generator], Scenes]] = Registry(
    "scenes", {"multi_mnist": multi_mnist}
)


def cache_folder() -> Path:
    """Where built scenes are kept: `$AIR_CACHE`, else the platform's cache folder."""
    return Path(os.environ.get("AIR_CACHE") or user_cache_path("air-explorer"))


def build_scenes(config: SceneConfig, split: str) -> Scenes:
    """The scenes of one of `SPLITS`, drawn afresh; the same config gives the same scenes."""
    n_scenes = {"train": config.n_train, "validation": config.n_validation, "test": config.n_test}[split]
    digits = split_digits(load_digits(config.digits), split, config.scene_seed)
    rng = np.random.default_rng([config.scene_seed, SPLITS.index(split)])
    return SCENES[config.scenes](config, digits, n_scenes, rng)


def _cache_path(config: SceneConfig, split: str) -> Path:
    recipe = asdict(config) | {"version": RECIPE_VERSION, "split": split}
    for other in SPLITS:
        if other != split:
            recipe.pop(f"n_{other}")
    for file in digit_files(config.digits):
        recipe[str(file.resolve())] = [file.stat().st_mtime_ns, file.stat().st_size]
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / f"scenes-{digest}.npz"


def load_scenes(config: SceneConfig, split: str) -> Scenes:
    """The scenes of a split from the cache, built first if need be.

    Safe when several processes build at once (one builds, the others wait); a damaged cache file
    is said (`UserWarning`) and rebuilt. Raises `ConfigError` if the recipe cannot be followed.
    """
    path = _cache_path(config, split)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            try:
                return read_scenes(path)
            except ConfigError as error:
                warnings.warn(f"rebuilding damaged scenes: {error}", stacklevel=2)
        scenes = build_scenes(config, split)
        write_scenes(scenes, path)
    return scenes


def write_scenes(scenes: Scenes, path: Path) -> None:
    """Write a scenes file, aside and then renamed, so that nobody reads half of it."""
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    arrays = {item.name: getattr(scenes, item.name) for item in fields(scenes)}
    try:
        with open(aside, "wb") as file:
            np.savez(file, **{k: v for k, v in arrays.items() if v is not None})
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_scenes(path: Path) -> Scenes:
    """A scenes file (.npz) of anyone's; raises `ConfigError` naming the file and what is wrong."""
    names = {item.name for item in fields(Scenes)}
    try:
        with np.load(path, allow_pickle=False) as archive:
            if "images" not in archive:
                raise ConfigError("it has no images")
            return Scenes(**{name: archive[name] for name in names if name in archive})
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist") from None
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        NotImplementedError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from None


def to_float(images: np.ndarray | Iterable) -> np.ndarray:
    """Stored uint8 images as float32 in [0, 1], the same shape."""
    return np.asarray(images, dtype=np.float32) / 255
