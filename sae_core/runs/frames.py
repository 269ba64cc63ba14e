"""The live picture as bytes: what a slot of frame.bin holds and what a WebSocket sends, byte for byte.

    b"PSF1" | uint32 little-endian H | H bytes of UTF-8 JSON | zeros up to a multiple of 8 | arrays

Each array starts at a multiple of 8 bytes; its ``offset`` in the JSON counts from where the arrays begin. The JSON
has no NaN and no Infinity: a number that is not finite is null.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.runs.rows import finite, row_fields
from sae_core.snapshot import Frame

__all__ = ["ARRAYS", "MAGIC", "decode_frame", "encode_arrays", "encode_frame", "max_payload"]

MAGIC = b"PSF1"

ARRAYS = (
    "filters",
    "lit",
    "x",
    "x_hat",
    "density",
    "dead",
    "activation_edges",
    "activation_counts",
    "density_edges",
    "density_counts",
)
"""The arrays of every payload, in order."""

_HEADER_ROOM = 16_384
"""Bytes the JSON may take: some 2 KB, and 1 KB of digit names at most."""

_BINS = 1024
"""Histogram edges there is room for."""


def encode_frame(frame: Frame, seq: int, extra: Mapping[str, Any]) -> bytes:
    """The payload of ``frame`` as picture number ``seq``; ``extra`` adds to the header (state, learning rate, …)."""
    weights, filters = ("decoder", frame.filters) if frame.filters is not None else ("encoder", frame.encoder)
    if filters is None:
        raise ValueError("A frame needs filters or encoder weights.")
    arrays: dict[str, NDArray[Any]] = {
        "filters": filters,
        "lit": frame.lit,
        "x": frame.x,
        "x_hat": frame.x_hat,
        "density": frame.density,
        "dead": frame.dead,
        "activation_edges": frame.activations.edges,
        "activation_counts": frame.activations.counts,
        "density_edges": frame.densities.edges,
        "density_counts": frame.densities.counts,
    }
    header = {
        "seq": seq,
        **row_fields(frame.row),
        "largest_weight": frame.row.largest_weight,
        "n_latents": len(filters),
        "image_shape": list(frame.image_shape),
        "weights": weights,
        "digit_names": list(frame.digit_names),
        "digit_fvu": [finite(float(value)) for value in frame.digit_fvu],
        "digit_l0": [int(value) for value in frame.digit_l0],
        **{name: finite(value) for name, value in extra.items()},
    }
    return encode_arrays(header, arrays)


def encode_arrays(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Any arrays in this layout, uint8 as they are and all others as float32, with ``about`` (JSON) in the header."""
    described, parts = _lay_out(arrays)
    header = {**about, "arrays": described}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return b"".join([MAGIC, struct.pack("<I", len(text)), text, bytes(-len(text) % 8), *parts])


def _lay_out(arrays: Mapping[str, NDArray[Any]]) -> tuple[list[dict[str, Any]], list[Any]]:
    described: list[dict[str, Any]] = []
    parts: list[Any] = []
    offset = 0
    for name, array in arrays.items():
        dtype = "u1" if array.dtype == np.uint8 else "f4"
        data = np.ascontiguousarray(array, dtype="u1" if dtype == "u1" else "<f4")
        described.append({"name": name, "dtype": dtype, "shape": list(data.shape), "offset": offset})
        padding = -data.nbytes % 8
        parts += [data, bytes(padding)]
        offset += data.nbytes + padding
    return described, parts


def decode_frame(payload: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The header and the arrays (views into ``payload``).

    Raises:
        ValueError: these are not the bytes of a frame.
    """
    if payload[:4] != MAGIC or len(payload) < 8:
        raise ValueError("These bytes are not a picture: they do not begin with PSF1.")
    (length,) = struct.unpack_from("<I", payload, 4)
    try:
        header: dict[str, Any] = json.loads(payload[8 : 8 + length])
        start = 8 + length + -length % 8
        arrays = {}
        for one in header["arrays"]:
            dtype = np.dtype("u1" if one["dtype"] == "u1" else "<f4")
            count = math.prod(one["shape"])
            flat = np.frombuffer(payload, dtype, count, start + one["offset"])
            arrays[one["name"]] = flat.reshape(one["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"These bytes are a damaged picture: {error}.") from None
    return header, arrays


def max_payload(n_latents: int, n_pixels: int, n_digits: int) -> int:
    """Bytes no payload of this shape goes over: what a slot of frame.bin is made for."""
    pixels = (n_latents + 2 * n_digits) * n_pixels
    latents = n_latents * (n_digits + 4 + 1)
    return pixels + latents + 4 * 4 * _BINS + _HEADER_ROOM + 8 * len(ARRAYS)
