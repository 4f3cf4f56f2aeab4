"""Pictures from people: what they become, and that bad ones are refused in one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from air_core.pictures import MOST_PIXELS, PictureError, scene_of_picture


def saved(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def bright_square() -> np.ndarray:
    pixels = np.zeros((100, 100), np.uint8)
    pixels[20:40, 60:80] = 255
    return pixels


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_areas_are_averaged(kind):
    scene = scene_of_picture(saved(bright_square(), kind), 50)
    assert scene.shape == (50, 50) and scene.dtype == np.uint8
    assert (scene == bright_square()[::2, ::2]).all()


def test_dark_ink_on_paper_is_turned_round():
    scene = scene_of_picture(saved(255 - bright_square()), 50)
    assert (scene == bright_square()[::2, ::2]).all()


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_a_transparent_ground(ink):
    pixels = np.zeros((100, 100, 4), np.uint8)
    pixels[bright_square() > 0] = (ink, ink, ink, 255)
    assert (scene_of_picture(saved(pixels), 50) == bright_square()[::2, ::2]).all()


def test_a_wide_picture_is_centred():
    pixels = np.zeros((10, 40), np.uint8)
    pixels[5, 20] = 255
    scene = scene_of_picture(saved(pixels), 20)
    assert scene[:7].max() == 0 and scene[13:].max() == 0 and scene.max() > 0


def test_a_long_thin_picture_needs_little_memory():
    pixels = np.zeros((20, 60_000), np.uint8)
    pixels[5:15, 25_000:35_000] = 255
    scene = scene_of_picture(saved(pixels), 50)
    assert scene.shape == (50, 50) and scene.max() > 0


def test_a_photo_stands_upright():
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(bright_square()).save(file, "JPEG", exif=exif, quality=100)
    upright = np.rot90(bright_square(), -1)[::2, ::2].astype(int)
    assert np.abs(scene_of_picture(file.getvalue(), 50) - upright).max() < 20


def bomb() -> bytes:
    """A PNG of a few dozen bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
BAD = {
    "nothing": (b"", "no picture"),
    "text": (b"hello, I am a picture", "no picture"),
    "svg": (SVG, "no picture"),
    "cut": (saved(bright_square())[:60], "no picture"),
    "bomb": (bomb(), "at most"),
    "one pixel": (saved(np.zeros((1, 1), np.uint8)), "too few"),
    "transparent": (saved(np.zeros((9, 9, 4), np.uint8)), "transparent"),
    "one colour": (saved(np.full((9, 9), 90, np.uint8)), "one colour"),
}


@pytest.mark.parametrize("content, why", BAD.values(), ids=BAD)
def test_bad_files_are_refused_in_one_sentence(content, why):
    with pytest.raises(PictureError, match=why) as refused:
        scene_of_picture(content, 50)
    assert "\n" not in str(refused.value)


def test_a_little_below_the_limit_is_read():
    side = int(MOST_PIXELS**0.5)
    pixels = np.zeros((side, side), np.uint8)
    pixels[: side // 2] = 255
    assert scene_of_picture(saved(pixels), 50).shape == (50, 50)
