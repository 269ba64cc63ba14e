"""Small arrays, and files made of them, for tests of data of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]
RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (30, 6, 4), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (30, 6, 4, 3), dtype=np.uint8)
LABELS = np.arange(30) % 3 + 5


def idx(array: Array) -> bytes:
    """8-bit numbers as an IDX file."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(length.to_bytes(4, "big") for length in array.shape)
    return head + array.astype(np.uint8).tobytes()


def pictures(folder: Path, arrays: Array, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{start + i:03}.png")


def saved(path: Path, **arrays: Array) -> str:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # arrays by their names
    return str(path)
