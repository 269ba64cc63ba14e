"""Files in the IDX format, whole and not."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core.data.idx import read_idx
from sae_core.data.images import DataError


def idx(pixels: np.ndarray) -> bytes:
    return bytes([0, 0, 8, pixels.ndim]) + struct.pack(f">{pixels.ndim}I", *pixels.shape) + pixels.tobytes()


PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_reads_what_was_written(tmp_path: Path, pack):
    """Two images of 3 by 4, compressed or not."""
    path = tmp_path / "images"
    path.write_bytes(pack(idx(PIXELS)))
    assert (read_idx(path, 3) == PIXELS).all()


@pytest.mark.parametrize("keep", [0, 1, 3, 15, 16, 30, -1, -5, -9])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_cut_short_is_said_so(tmp_path: Path, pack, keep: int):
    """Wherever it ends: in the header, in the pixels, in the checksum."""
    path = tmp_path / "images"
    path.write_bytes(pack(idx(PIXELS))[:keep])
    with pytest.raises(DataError, match=r"images is not a whole IDX file: .*\.$"):
        read_idx(path, 3)


def test_a_flipped_bit_is_noticed_by_the_checksum(tmp_path: Path):
    """gzip has one."""
    packed = bytearray(gzip.compress(idx(PIXELS), mtime=0))
    packed[-7] ^= 1
    path = tmp_path / "images"
    path.write_bytes(packed)
    with pytest.raises(DataError, match="incorrect data check"):
        read_idx(path, 3)


def test_labels_are_no_images(tmp_path: Path):
    """One dimension where three are due."""
    path = tmp_path / "labels"
    path.write_bytes(idx(np.zeros(40, np.uint8)))
    with pytest.raises(DataError, match="begins with 00000801, not 00000803"):
        read_idx(path, 3)


def test_more_than_announced_is_refused(tmp_path: Path):
    """And no more than that is unpacked, however much there is."""
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(idx(PIXELS) + bytes(10**7)))
    with pytest.raises(DataError, match="should have 40 bytes and has more"):
        read_idx(path, 3)


def test_an_absurd_announcement_is_refused(tmp_path: Path):
    """Before any memory is asked for."""
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12 + bytes(100))
    with pytest.raises(DataError, match="too many to be true"):
        read_idx(path, 3)


def test_a_missing_file_is_a_sentence(tmp_path: Path):
    """With the reason the system gives."""
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_idx(tmp_path / "none", 3)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), packed=st.booleans())
def test_garbage_never_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool):
    """Random bytes, with or without a compressed shell, are a `DataError` or an array."""
    path = tmp_path_factory.mktemp("idx") / "garbage"
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        outcome = f"{read_idx(path, 1).ndim} dimension."
    except DataError as error:
        outcome = str(error)
    assert outcome.endswith(".")
