"""Reading what students save: MATLAB, numpy and text files. Nothing is ever unpickled."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from sae_core.data.matlab import MatError, read_mat
from sae_core.textbook.cost import Array

__all__ = ["KINDS", "TextbookError", "read_arrays"]

KINDS = (".mat", ".npz", ".npy", ".csv", ".txt")
LARGEST = 2**30
"""Bytes; more is no exercise of this course."""

HDF5 = b"\x89HDF"


class TextbookError(ValueError):
    """Something a person handed over that cannot be checked: one sentence with what, and what would do."""


def read_arrays(source: Path | str | IO[bytes], name: str | None = None) -> dict[str, Array]:
    """Every numeric array in a file, by its name in there; a csv or npy file has one, called by the file's stem.

    Raises:
        TextbookError: the file is missing, of another kind, damaged, or holds no numbers.
    """
    called = name or (str(source) if isinstance(source, Path | str) else "the file")
    suffix = Path(called).suffix.lower()
    if suffix not in KINDS:
        raise TextbookError(f"{called} is none of the files that can be read here: {', '.join(KINDS)}.")
    try:
        if isinstance(source, Path | str):
            with Path(source).open("rb") as file:
                return _read(file, called, suffix)
        return _read(source, called, suffix)
    except FileNotFoundError:
        raise TextbookError(f"There is no file {called}.") from None
    except OSError as error:
        raise TextbookError(f"{called} cannot be read: {error.strerror or error}.") from None


def _read(file: IO[bytes], called: str, suffix: str) -> dict[str, Array]:
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    if size > LARGEST:
        raise TextbookError(f"{called} has {size / 1e9:.1f} GB; up to {LARGEST / 1e9:.1f} GB is read here.")
    reader = {".mat": _mat, ".npz": _npz, ".npy": _npy}.get(suffix, _text)
    found = {
        name: np.asarray(value, np.float64)
        for name, value in reader(file, called).items()
        if isinstance(value, np.ndarray) and value.size and value.dtype.kind in "fiub"
    }
    if not found:
        raise TextbookError(f"{called} holds no array of numbers.")
    for name, value in found.items():
        if not np.isfinite(value).all():
            raise TextbookError(
                f"{name} in {called} holds {np.count_nonzero(~np.isfinite(value)):,} values that are no numbers."
            )
    return found


def _mat(file: IO[bytes], called: str) -> Mapping[str, Any]:
    if file.read(4) == HDF5:
        raise TextbookError(f"{called} is in MATLAB's version 7.3, which is not read here; save it with '-v7'.")
    file.seek(0)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.mat"
        copy.write_bytes(file.read())
        try:
            return read_mat(copy)
        except MatError as error:
            raise TextbookError(f"{called} is no MATLAB file ({error}).") from None


def _npz(file: IO[bytes], called: str) -> Mapping[str, Any]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile):
        raise TextbookError(f"{called} is no .npz file of plain arrays (objects are never unpickled).") from None


def _npy(file: IO[bytes], called: str) -> Mapping[str, Any]:
    try:
        return {Path(called).stem: np.load(file, allow_pickle=False)}
    except (ValueError, OSError, EOFError):
        raise TextbookError(f"{called} is no .npy file of a plain array (objects are never unpickled).") from None


def _text(file: IO[bytes], called: str) -> Mapping[str, Any]:
    try:
        text = file.read().decode("utf-8-sig").replace(",", " ").replace(";", " ").splitlines()
        return {Path(called).stem: np.atleast_1d(np.loadtxt(text, dtype=np.float64))}
    except (ValueError, UnicodeDecodeError):
        raise TextbookError(f"{called} is no table of numbers.") from None
