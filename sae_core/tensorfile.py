"""Arrays with a JSON header in one safetensors file: no pickle, and errors of one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

__all__ = ["Arrays", "TensorFileError", "pack", "read", "unpack"]

Arrays = dict[str, NDArray[Any]]


class TensorFileError(OSError):
    """A file that cannot be read as what it should be: one sentence."""


def pack(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> bytes:
    """The file's bytes; ``header`` is kept as JSON (finite numbers, text, lists, objects)."""
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    # (ascontiguousarray would turn a scalar, such as Adam's step, into an array of one)
    return safetensors.numpy.save(whole, {"header": json.dumps(header, allow_nan=False)})


def unpack(data: bytes, what: str = "The data") -> tuple[Arrays, dict[str, Any]]:
    """Arrays and header of what `pack` made.

    Raises:
        TensorFileError: torn, truncated or something else entirely.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        header = json.loads(metadata["header"])
        arrays = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, AttributeError, TypeError, OverflowError) as problem:
        raise TensorFileError(f"{what} is damaged or no file of ours ({problem}).") from None
    if not isinstance(header, dict):
        raise TensorFileError(f"{what} is damaged: its header is no JSON object.")
    return arrays, header


def read(path: Path | str) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and header of a file.

    Raises:
        TensorFileError: it is missing, unreadable, torn or something else entirely.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as problem:
        raise TensorFileError(f"{path} cannot be read ({problem.strerror or problem}).") from None
    return unpack(data, str(path))
