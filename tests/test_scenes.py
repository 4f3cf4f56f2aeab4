"""Scenes: the recipe, its ground truth, the cache."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from air_core.config import ConfigError, SceneConfig
from air_core.scenes import (
    INK_THRESHOLD,
    SCENES,
    _cache_path,
    build_scenes,
    cache_folder,
    load_scenes,
    read_scenes,
    write_scenes,
)

ROOT = Path(__file__).parents[1]
SMALL = SceneConfig(n_train=300, n_validation=20, n_test=200)


@pytest.fixture(scope="module")
def scenes():
    return build_scenes(SMALL, "test")


def test_recipe(scenes):
    assert scenes.images.shape == (200, 50, 50) and scenes.images.dtype == np.uint8
    assert set(scenes.counts) == {0, 1, 2}
    present = np.arange(2) < scenes.counts[:, None]
    assert ((scenes.labels >= 0) == present).all() and ((scenes.boxes[..., 2] > 0) == present).all()
    sides = scenes.boxes[present][:, 2]
    assert (scenes.boxes[present][:, 2] == scenes.boxes[present][:, 3]).all()
    assert abs(sides.mean() - 28 / 1.3) < 0.6 and 15 <= sides.min() and sides.max() <= 32


def test_boxes_hold_the_ink(scenes):
    for image, boxes, ink_boxes in zip(scenes.images, scenes.boxes, scenes.ink_boxes):
        rest = image.copy()
        for (x, y, w, h), ink in zip(boxes.astype(int), ink_boxes):
            rest[y : y + h, x : x + w] = 0
            assert x <= ink[0] and y <= ink[1] and ink[0] + ink[2] <= x + w and ink[1] + ink[3] <= y + h
        assert rest.max() == 0


def test_ink_boxes_are_tight(scenes):
    for image, (x, y, w, h) in zip(
        scenes.images[scenes.counts == 1], scenes.ink_boxes[scenes.counts == 1, 0].astype(int)
    ):
        ink = image > INK_THRESHOLD
        assert ink.sum() == ink[y : y + h, x : x + w].sum()
        assert ink[y, x : x + w].any() and ink[y + h - 1, x : x + w].any()
        assert ink[y : y + h, x].any() and ink[y : y + h, x + w - 1].any()


def test_same_recipe_same_scenes_and_splits_differ(scenes):
    assert (build_scenes(SMALL, "test").images == scenes.images).all()
    longer = SceneConfig(n_train=300, n_validation=20, n_test=200, scene_seed=1)
    assert (build_scenes(longer, "test").images != scenes.images).any()
    assert (build_scenes(SMALL, "train").images[:200] != scenes.images).any()


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize(
    "changes",
    [{"counts": (0, 1, 3)}, {"canvas_side": 64, "counts": (4,)}, {"shrink_mean": 2.0}, {"counts": (0,)}],
)
def test_options(name, changes):
    scenes = build_scenes(SceneConfig(scenes=name, n_test=40, **changes), "test")
    assert set(scenes.counts) <= set(changes.get("counts", (0, 1, 2)))
    side = changes.get("canvas_side", 50)
    assert scenes.images.shape == (40, side, side)
    if "shrink_mean" in changes:
        assert scenes.boxes[..., 2].max() < 17


def test_cache_is_used_and_follows_the_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("AIR_CACHE", str(tmp_path / "cache"))
    first = load_scenes(SMALL, "validation")
    assert cache_folder() == tmp_path / "cache"
    path = _cache_path(SMALL, "validation")
    stamp = path.stat().st_mtime_ns
    assert (
        load_scenes(SMALL, "validation").images == first.images
    ).all() and path.stat().st_mtime_ns == stamp
    other = _cache_path(SceneConfig(n_train=300, n_validation=20, n_test=200, shrink_sd=0.2), "validation")
    assert other != path
    assert (
        _cache_path(SceneConfig(n_validation=20), "validation") == path
    )  # other splits' sizes do not matter


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_cache_is_said_and_rebuilt(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("AIR_CACHE", str(tmp_path))
    whole = load_scenes(SMALL, "validation")
    path = _cache_path(SMALL, "validation")
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 255
    path.write_bytes(data[: {"cut": len(data) // 3, "flip": len(data), "empty": 0}[damage]])
    with pytest.warns(UserWarning, match="damaged"):
        again = load_scenes(SMALL, "validation")
    assert (again.images == whole.images).all()
    assert (load_scenes(SMALL, "validation").images == whole.images).all()


def test_processes_that_build_at_once(tmp_path):
    build = (
        "from tests.test_scenes import SMALL, load_scenes\n"
        "print(int(load_scenes(SMALL, 'train').images.astype(int).sum()))"
    )
    env = os.environ | {"AIR_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", build]
    processes = [subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {process.communicate(timeout=60)[0] for process in processes}
    assert len(answers) == 1 and answers != {b""}
    assert len(list(tmp_path.glob("*.npz"))) == 1 and not list(tmp_path.glob("*.tmp"))


def test_scenes_files_of_others(tmp_path, scenes):
    write_scenes(scenes, tmp_path / "all.npz")
    assert (read_scenes(tmp_path / "all.npz").ink_boxes == scenes.ink_boxes).all()
    np.savez(tmp_path / "bare.npz", images=scenes.images)
    assert read_scenes(tmp_path / "bare.npz").counts is None


@pytest.mark.parametrize(
    "content",
    [
        {"pictures": np.zeros((2, 5, 5), np.uint8)},
        {"images": np.zeros((2, 5, 5))},
        {"images": np.zeros((2, 5, 6), np.uint8)},
        {"images": np.zeros((2, 5, 5), np.uint8), "counts": np.zeros(3, int)},
        {"images": np.zeros((2, 5, 5), np.uint8), "counts": np.array([0, -1])},
        {"images": np.zeros((2, 5, 5), np.uint8), "ink_boxes": np.full((2, 1, 4), np.nan, np.float32)},
        {"images": np.zeros((2, 5, 5), np.uint8), "counts": np.zeros(2)},
        {"images": np.zeros((2, 5, 5), np.uint8), "ink_boxes": np.zeros((2, 1, 4), int)},
        {"images": np.array([{}, {}])},
    ],
)
def test_unusable_scenes_files_get_one_clear_line(tmp_path, content):
    np.savez(tmp_path / "wrong.npz", **content)
    with pytest.raises(ConfigError, match="wrong.npz") as error:
        read_scenes(tmp_path / "wrong.npz")
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="does not exist"):
        read_scenes(tmp_path / "absent.npz")


def test_other_kinds_of_files_get_one_clear_line_too(tmp_path, scenes):
    np.save(tmp_path / "array.npy", scenes.images)
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    np.savez_compressed(tmp_path / "flipped.npz", images=scenes.images)
    data = bytearray((tmp_path / "flipped.npz").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "flipped.npz").write_bytes(data)
    for name in ("array.npz", "flipped.npz"):
        with pytest.raises(ConfigError, match=name):
            read_scenes(tmp_path / name)


def test_an_impossible_recipe_is_said():
    with pytest.raises(ConfigError, match="counts: 9 digits"):
        build_scenes(SceneConfig(counts=(9,), n_test=1), "test")


def test_changed_digits_change_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AIR_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(rng.bytes(50))
    config = SceneConfig(digits=str(tmp_path))
    before = _cache_path(config, "test")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(rng.bytes(51))
    assert _cache_path(config, "test") != before
