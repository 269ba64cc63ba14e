"""The IDX format of MNIST and its relatives, compressed or not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import DataError

__all__ = ["read_idx"]

_GZIP = b"\x1f\x8b"
_HEADER = 64
"""Bytes decompressed first; an IDX header of 8-bit data with up to 15 dimensions fits."""
_LARGEST = 2**31


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in the IDX file at ``path``, which holds 8-bit numbers in that many dimensions.

    Raises:
        DataError: the file cannot be read, is no such file, is cut short or is damaged.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        return _unpack(packed, dimensions)
    except (ValueError, zlib.error) as error:
        raise DataError(f"{path} is not a whole IDX file: {error}.") from error


def _unpack(packed: bytes, dimensions: int) -> NDArray[np.uint8]:
    if not packed.startswith(_GZIP):
        shape, start = _header(packed, dimensions)
        return _reshape(packed, shape, start)
    # The header is read first, so that no more is unpacked than it announces.
    stream = zlib.decompressobj(wbits=31)
    head = stream.decompress(packed, _HEADER)
    shape, start = _header(head, dimensions)
    size = start + int(np.prod(shape, dtype=np.int64))
    body = stream.decompress(stream.unconsumed_tail, max(1, size - len(head) + 1))
    content = head + body
    if len(content) == size and not stream.eof:
        raise ValueError("its compressed content is cut short")
    return _reshape(content, shape, start)


def _header(content: bytes, dimensions: int) -> tuple[tuple[int, ...], int]:
    """Shape, and where the numbers begin."""
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(f"it has {len(content)} bytes, which is less than a header")
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic:
        raise ValueError(f"it begins with {content[:4].hex()}, not {magic.hex()}")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if int(np.prod(shape, dtype=object)) > _LARGEST:
        raise ValueError(f"it announces {' x '.join(map(str, shape))} numbers, which is too many to be true")
    return shape, start


def _reshape(content: bytes, shape: tuple[int, ...], start: int) -> NDArray[np.uint8]:
    size = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != size:
        raise ValueError(f"it should have {size:,} bytes and has {'fewer' if len(content) < size else 'more'}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
