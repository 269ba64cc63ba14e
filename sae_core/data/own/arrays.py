"""Arrays in .npy, .npz, .mat and IDX files: mapped into memory where the format allows it, and never unpickled."""

from __future__ import annotations

import gzip
import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import DataError
from sae_core.data.matlab import read_mat
from sae_core.data.patches import SIDE, cut

__all__ = ["BROKEN", "Found", "read_arrays"]

Array = NDArray[Any]

MOST_UNPACKED = 2**33
"""Bytes that a compressed file may have unpacked."""

BROKEN = (
    *(ValueError, OSError, EOFError, KeyError, TypeError, IndexError, AttributeError, AssertionError),
    *(OverflowError, MemoryError, RecursionError, SyntaxError, TokenError, NotImplementedError, ZeroDivisionError),
    *(zipfile.BadZipFile, zlib.error, struct.error, UnicodeError, RuntimeError, NameError),
)
"""What numpy, scipy and zipfile are seen to raise at files that are damaged or something else."""

COURSE = "IMAGES"
"""Photographs, not samples: what CS294A's IMAGES.mat holds."""

_TRAIN = ("x_train", "train_images", "train", "x", "images", "X", "data")
_LABELS = ("y_train", "train_labels", "y", "labels", "targets", "label", "Y")
_TEST = ("x_test", "test_images", "test")
_TEST_LABELS = ("y_test", "test_labels")


@dataclass(frozen=True, slots=True)
class Found:
    """What a file or folder holds, as it stands there: samples on the first axis."""

    train: Array
    train_labels: Array | None = None
    test: Array | None = None
    test_labels: Array | None = None
    shape: tuple[int, ...] | None = None
    """How flat rows are drawn, where the file says so."""


def read_arrays(path: Path) -> Found:
    """The arrays in a file, by its ending; without a known one it is read as IDX.

    Raises:
        DataError: it cannot be read, is damaged, or holds nothing that could be images: one sentence.
    """
    readers = {".npy": _npy, ".npz": _npz, ".mat": _mat}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what numpy and scipy have to say of a damaged file, they raise as well
            return readers.get(path.suffix.lower(), _idx)(path)
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path} announces more than fits into memory.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or _short(error)}.") from None
    except BROKEN as error:
        raise DataError(f"{path} cannot be read as {path.suffix or 'IDX'}: {_short(error)}.") from None


def _short(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip()[:160].rstrip(".") if lines else type(error).__name__


def _npy(path: Path) -> Found:
    train = _map_npy(path)
    for name in (f"{path.stem}_labels.npy", f"{path.stem}-labels.npy", "labels.npy"):
        beside = path.with_name(name)
        if beside != path and beside.is_file():
            return Found(train, _map_npy(beside))
    return Found(train)


def _map_npy(path: Path) -> Array:
    with path.open("rb") as file:
        return _mapped(path, file, 0)


def _mapped(path: Path, file: BinaryIO, offset: int) -> Array:
    """The .npy at ``offset`` of a file, memory-mapped."""
    file.seek(offset)
    shape, fortran, dtype = _header(file)
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects, which would have to be unpickled: save plain numbers.")
    size = math.prod(shape) * dtype.itemsize
    there = path.stat().st_size - file.tell()
    if size > there:
        raise DataError(f"{path} is cut short: it should go on for {size:,} bytes and has {there:,}.")
    if not size:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", offset=file.tell(), shape=shape, order="F" if fortran else "C")


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if any(length < 0 for length in shape):
        raise ValueError(f"it announces the shape {shape}")
    return shape, fortran, dtype


def _npz(path: Path) -> Found:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                arrays[info.filename.removesuffix(".npy")] = _member(path, archive, info)
    return _by_name(path, arrays)


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """One array: mapped where it is stored as it is, unpacked where it is compressed."""
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
        with path.open("rb") as file:
            file.seek(info.header_offset)
            local = file.read(30)
            name, extra = struct.unpack("<HH", local[26:30])
            return _mapped(path, file, info.header_offset + 30 + name + extra)
    with archive.open(info) as stream:
        shape, fortran, dtype = _header(stream)  # type: ignore[arg-type]  # it reads and seeks, as a file does
        if dtype.hasobject:
            raise DataError(f"{path} holds Python objects, which would have to be unpickled: save plain numbers.")
        size = math.prod(shape) * dtype.itemsize
        if size > MOST_UNPACKED:
            raise DataError(f"{path} is compressed and has {size:,} bytes unpacked: save it with numpy.savez instead.")
        content = stream.read(size + 1)
        if len(content) != size:
            raise DataError(f"{path} is damaged: {info.filename} has another length than it announces.")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _mat(path: Path) -> Found:
    with path.open("rb") as file:
        if b"MATLAB 7.3" in file.read(128):
            raise DataError(f"{path} is a MATLAB 7.3 file: save it with `-v7`.")
    arrays = read_mat(path)
    photographs = arrays.get(COURSE)
    if photographs is not None and photographs.ndim == 3:
        return _patches(photographs)
    return _samples_first(_by_name(path, arrays))


def _patches(photographs: Array) -> Found:
    """8×8 patches of the course's whitened photographs (height, width, n), cut and normalised as CS294A does."""
    train, test = cut([photographs[..., i].astype(np.float64) for i in range(photographs.shape[2])])
    return Found(train.reshape(-1, SIDE, SIDE), test=test.reshape(-1, SIDE, SIDE))


def _samples_first(found: Found) -> Found:
    """MATLAB often has samples on the last axis: seen where only that one is as long as the labels."""
    labels = found.train_labels
    if labels is None or len(found.train) == labels.size or found.train.shape[-1] != labels.size:
        return found
    test = None if found.test is None else np.moveaxis(found.test, -1, 0)
    return Found(np.moveaxis(found.train, -1, 0), labels, test, found.test_labels, found.shape)


def _by_name(path: Path, arrays: Mapping[str, Array]) -> Found:
    def named(names: tuple[str, ...]) -> Array | None:
        return next((arrays[name] for name in names if name in arrays), None)

    train = named(_TRAIN)
    if train is None or train.ndim < 2:
        wide = [array for array in arrays.values() if array.ndim >= 2 and min(array.shape) > 1]
        if len(wide) != 1:
            there = ", ".join(arrays) or "nothing"
            raise DataError(f"{path} holds {there}: name the images x, or x_train and x_test.")
        train = wide[0]
    shape = named(("image_shape",))
    drawn = None if shape is None or shape.size > 3 else tuple(int(length) for length in shape.ravel())
    return Found(train, named(_LABELS), named(_TEST), named(_TEST_LABELS), drawn)


_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def _idx(path: Path) -> Found:
    """An IDX file of images; its labels and the test files are those named as MNIST names them."""
    train = _map_idx(path)
    name = path.name
    labels = _beside(path, name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1"))
    test = _beside(path, name.replace("train", "t10k")) or _beside(path, name.replace("train", "test"))
    if test is None:
        return Found(train, None if labels is None else _map_idx(labels))
    answers = _beside(test, test.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1"))
    return Found(
        train,
        None if labels is None else _map_idx(labels),
        _map_idx(test),
        None if answers is None else _map_idx(answers),
    )


def _beside(path: Path, name: str) -> Path | None:
    found = path.with_name(name)
    return found if name != path.name and found.is_file() else None


def _map_idx(path: Path) -> Array:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        head = file.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _IDX_TYPES or not 1 <= head[3] <= 4:
            raise DataError(f"{path} is no file of images: it is neither .npy, .npz, .mat nor IDX, and no folder.")
        shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
        dtype = np.dtype(_IDX_TYPES[head[2]])
        size = math.prod(shape) * dtype.itemsize
        if packed and size > MOST_UNPACKED:
            raise DataError(f"{path} is compressed and announces {size:,} bytes unpacked: unpack it first.")
        there = len(content := file.read(size + 1)) if packed else path.stat().st_size - file.tell()
        if there != size:
            raise DataError(f"{path} is damaged: it should have {size:,} bytes of numbers and has {there:,}.")
        if not size:
            return np.empty(shape, dtype)
        if packed:
            return np.frombuffer(content, dtype).reshape(shape)
        return np.memmap(path, dtype, "r", offset=file.tell(), shape=shape)
