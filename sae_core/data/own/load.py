"""From a file or folder of one's own to `Images`: what it holds is looked at once, and scaled, split and labelled."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import DataError, Floats, Images, Labels
from sae_core.data.own.arrays import Found, read_arrays
from sae_core.data.own.folder import read_folder
from sae_core.data.own.path import check_own, split_shape
from sae_core.data.own.stored import Scaling, Stored, colour_axis

__all__ = ["IN_MEMORY", "load_own"]

Array = NDArray[Any]
Progress = Callable[[str, int, int | None], None]

IN_MEMORY = 2**30
"""Bytes as float32 beyond which images stay in their file."""

HELD_OUT = 6
"""One image in so many is for the test set, where the file has none of its own."""
MOST_HELD_OUT = 10_000
MOST_PIXELS = 2**18
"""Numbers per image: two weights and their moments for each latent and number are 1 GB at 256 latents."""
MOST_CLASSES = 1_000
BLOCK = 2**24
"""Bytes looked at together."""
NOTICEABLE = 2**28
"""Bytes from which on looking takes long enough to be told of."""


def load_own(name: str, progress: Progress | None = None, *, in_memory: int = IN_MEMORY) -> Images:
    """The images or vectors at a path, which may end in how to draw flat rows, such as ``strokes.npy:28x28``.

    Raises:
        DataError: it cannot be read or learned from: one sentence.
    """
    check_own(name)
    path, drawn = split_shape(name)
    found = read_folder(path) if path.is_dir() else read_arrays(path)
    _check_shapes(found, path)
    image_shape = _image_shape(found, drawn, path)
    look = _Look(
        path, progress, sum(len(part) * _row_bytes(part) for part in (found.train, found.test) if part is not None)
    )
    for part in (found.train, found.test):
        if part is not None:
            look.at(part)
    if not math.isfinite(look.high - look.low):
        raise DataError(f"The numbers in {path} go from {look.low:g} to {look.high:g}, which is too far to scale.")
    scaling = _scaling(found.train.dtype, look.low, look.high)
    labels, test_labels, class_names = _classes(found, path)
    rows, test_rows = _split(len(found.train)) if found.test is None else (None, None)
    test_raw = found.train if found.test is None else found.test
    if labels is not None and found.test is None:
        labels, test_labels = labels[rows], labels[test_rows]
    images = Images.of(
        path.stem,
        _rows(found.train, rows, scaling, in_memory),
        labels,
        _rows(test_raw, test_rows, scaling, in_memory),
        test_labels,
        image_shape=image_shape,
        class_names=class_names,
    )
    if not images.variance > 0:
        raise DataError(f"All images in {path} are the same: there is nothing to learn from them.")
    for part in (labels, test_labels):
        look.digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
    look.digest.update(repr((image_shape, class_names)).encode())
    return replace(
        images, fingerprint=look.digest.hexdigest(), note=_note(images, scaling, held_out=found.test is None)
    )


class _Look:
    """One pass over everything: is it finite, from where to where does it go, and what is its fingerprint."""

    def __init__(self, path: Path, progress: Progress | None, size: int) -> None:
        self.digest = hashlib.blake2b(digest_size=16)
        self.low, self.high = math.inf, -math.inf
        self._path, self._progress, self._size, self._done = path, progress, size, 0

    def at(self, raw: Array) -> None:
        self.digest.update(repr((raw.shape, raw.dtype.str)).encode())
        for start, block in _blocks(raw):
            if raw.dtype.kind == "f" and not np.isfinite(block).all():
                image = start + int(np.argmin(np.isfinite(block.reshape(len(block), -1)).all(axis=1)))
                raise DataError(f"Image {image} of {self._path} (from 0) has a value that is infinite or not a number.")
            self.low, self.high = min(self.low, float(block.min())), max(self.high, float(block.max()))
            self.digest.update(block.tobytes())
            self._done += block.nbytes
            if self._progress and self._size > NOTICEABLE:
                self._progress(self._path.name, self._done, self._size)


def _row_bytes(raw: Array) -> int:
    return math.prod(raw.shape[1:]) * raw.dtype.itemsize


def _blocks(raw: Array) -> Iterator[tuple[int, Array]]:
    rows = max(1, BLOCK // _row_bytes(raw))
    for start in range(0, len(raw), rows):
        yield start, np.ascontiguousarray(raw[start : start + rows])


def _check_shapes(found: Found, path: Path) -> None:
    train, test = found.train, found.test
    if train.dtype.kind not in "buif" or (test is not None and test.dtype.kind not in "buif"):
        raise DataError(f"{path} holds {train.dtype}, which are no numbers to learn from.")
    if not 2 <= train.ndim <= 4:
        raise DataError(
            f"{path} has the shape {train.shape}, but it is (n, height, width), (n, height, width, 3) or (n, length)."
        )
    if train.ndim == 4 and colour_axis(train.shape) is None:
        raise DataError(
            f"{path} has the shape {train.shape}: neither its second nor its last axis is 1, 3 or 4 colours."
        )
    if not train.size or (test is not None and not test.size):
        raise DataError(f"{path} is empty: its shape is {train.shape}.")
    if len(train) < 2:
        raise DataError(
            f"{path} has one image only: there must be at least two, one to learn from and one to judge by."
        )
    if test is not None and test.shape[1:] != train.shape[1:]:
        raise DataError(f"{path} has training images of shape {train.shape[1:]}, but test images of {test.shape[1:]}.")
    if math.prod(train.shape[1:]) > MOST_PIXELS:
        raise DataError(f"An image in {path} has {math.prod(train.shape[1:]):,} numbers; at most {MOST_PIXELS:,} work.")


def _image_shape(found: Found, drawn: tuple[int, ...] | None, path: Path) -> tuple[int, ...]:
    """(height, width), (height, width, 3), or (length,) of vectors without a picture."""
    train = found.train
    if train.ndim == 3:
        return int(train.shape[1]), int(train.shape[2])
    if train.ndim == 4:
        last = colour_axis(train.shape) == 3
        height, width, colours = train.shape[1:] if last else (*train.shape[2:], train.shape[1])
        return (int(height), int(width)) if colours == 1 else (int(height), int(width), 3)
    length = int(train.shape[1])
    shape = drawn or found.shape
    if shape is not None:
        if math.prod(shape) != length or not 2 <= len(shape) <= 3:
            raise DataError(f"{path} has rows of {length} numbers, which are no {'×'.join(map(str, shape))} picture.")
        return shape[:2] if shape[2:] == (1,) else shape
    side = math.isqrt(length)
    return (side, side) if train.dtype == np.uint8 and side * side == length else (length,)


def _scaling(dtype: np.dtype[Any], low: float, high: float) -> Scaling:
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return Scaling(0.0, float(np.iinfo(dtype).max))
    if low >= 0 and high <= 1:
        return Scaling()
    return Scaling(low, high) if high > low else Scaling(low, low + max(1.0, abs(low)))


def _split(n: int) -> tuple[Labels, Labels]:
    """Indices to learn from and to judge by; the same for every file of that length."""
    order = np.random.default_rng(0).permutation(n)
    held_out = min(MOST_HELD_OUT, max(1, n // HELD_OUT))
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _rows(raw: Array, rows: Labels | None, scaling: Scaling, in_memory: int) -> Floats:
    stored = Stored(raw, rows, scaling)
    if stored.nbytes > in_memory:
        return cast("Floats", stored)  # it stands where an array would
    x = np.empty(stored.shape, np.float32)
    for start in range(0, len(x), 1024):
        x[start : start + 1024] = stored[start : start + 1024]
    return x


def _classes(found: Found, path: Path) -> tuple[Labels | None, Labels | None, tuple[str, ...]]:
    """Labels as indices into the names of the classes, which are sorted as what they are: numbers or words."""
    parts = [(found.train, found.train_labels), *([] if found.test is None else [(found.test, found.test_labels)])]
    if any(labels is None for _, labels in parts):
        return None, None, ()
    flat = []
    for images, labels in parts:
        assert labels is not None
        if labels.size != len(images):
            raise DataError(f"{path} has {len(images):,} images, but {labels.size:,} labels.")
        if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.round(labels))).all():
            raise DataError(f"The labels of {path} are {labels.dtype} with fractions; they are whole numbers or words.")
        if labels.dtype.kind not in "biufUS":
            raise DataError(f"The labels of {path} are {labels.dtype}; they are whole numbers or words.")
        flat.append(labels.ravel().astype(np.int64) if labels.dtype.kind == "f" else labels.ravel())
    names, index = np.unique(np.concatenate(flat), return_inverse=True)
    if len(names) > MOST_CLASSES:
        raise DataError(f"{path} has {len(names):,} different labels; more than {MOST_CLASSES:,} are hardly classes.")
    words = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist())
    index = index.astype(np.int64).ravel()
    return index[: len(found.train)], index[len(found.train) :] if len(parts) > 1 else None, words


def _note(images: Images, scaling: Scaling, *, held_out: bool) -> str:
    shape = images.image_shape
    what = f"vectors of {shape[0]} numbers" if len(shape) == 1 else f"images of {'×'.join(map(str, shape))}"
    classes = f" in {len(images.class_names)} classes" if images.class_names else ", without labels"
    test = f"{len(images.test):,} of them held out at random" if held_out else f"{len(images.test):,} more to judge by"
    n = len(images.train) + (len(images.test) if held_out else 0)
    stored = "; read from the file a batch at a time" if isinstance(cast("object", images.train), Stored) else ""
    return f"{n:,} {what}{classes}, {test}; numbers {scaling.words}{stored}."
