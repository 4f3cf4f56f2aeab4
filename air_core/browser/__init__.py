"""AIR in the browser: the engine in JavaScript, and what Python hands to it.

`engine/` is model, guide and ELBO in plain JavaScript, in files named as the Python ones;
`tests/test_engine.py` compares the two number by number. `studio/` has the views that use it. This
package knows no Streamlit.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from pathlib import Path

import numpy as np

from air_core.air import AIR

FOLDERS = {name: Path(__file__).parent / name for name in ("engine", "studio")}
"""The JavaScript modules: `engine/air.js` and `studio/studio.js` are the ones to import."""

BASELINE = "guide.baseline."
"""Weights that only training uses."""


def export_weights(air: AIR, **about: str | int) -> bytes:
    """The weights of an AIR as one block of bytes, which the engine's `weights.js` reads.

    The length of a JSON header (uint32, little endian), the header, padded with spaces to a multiple of four
    bytes, and all numbers (float32, little endian). The header holds the run's `config`, for each tensor of
    the state dict its `shape` and its `offset` in numbers, and `about`, whatever else tells what this is.
    """
    kept = {name: value for name, value in air.state_dict().items() if not name.startswith(BASELINE)}
    tensors, numbers = pack({name: value.numpy() for name, value in kept.items()})
    header = json.dumps({**about, "config": asdict(air.config), "tensors": tensors}).encode()
    header += b" " * (-len(header) % 4)
    return struct.pack("<I", len(header)) + header + numbers


def pack(arrays: dict[str, np.ndarray]) -> tuple[dict[str, dict], bytes]:
    """Arrays as one block of float32 numbers, and the shape and offset in numbers of each."""
    places, numbers, offset = {}, [], 0
    for name, value in arrays.items():
        places[name] = {"shape": list(value.shape), "offset": offset}
        numbers.append(np.ascontiguousarray(value, "<f4").tobytes())
        offset += value.size
    return places, b"".join(numbers)
