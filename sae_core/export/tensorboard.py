"""A run's scalars as an event file of TensorBoard, written by hand: its package is not needed.

A record is ``length (uint64) | masked CRC32C of it | data | masked CRC32C of that`` (TFRecord); the data is the
protocol buffer ``Event`` {1: wall_time (double), 2: step (int64), 3: file_version (string), 5: Summary {1: Value
{1: tag (string), 2: simple_value (float)}}}.
"""

from __future__ import annotations

import math
import struct
from datetime import datetime

from sae_core.runs.directory import RunDirectory
from sae_core.runs.rows import COLUMNS, drop_superseded

__all__ = ["crc32c", "event_file", "record"]

SKIPPED = frozenset({"step", "images", "seconds"})


def event_file(run: RunDirectory) -> bytes:
    """Every curve of the run, a scalar a column; time is the run's beginning plus its training time."""
    began = datetime.fromisoformat(run.meta.created).timestamp()
    records = [record(_event(began, 0, _text(3, "brain.Event:2")))]
    for row in drop_superseded(run.rows()[0]):
        values = [(name, row.get(name)) for name in COLUMNS if name not in SKIPPED]
        known = [
            (name, float(value)) for name, value in values if isinstance(value, int | float) and math.isfinite(value)
        ]
        summary = b"".join(_bytes(1, _text(1, name) + b"\x15" + struct.pack("<f", value)) for name, value in known)
        records.append(record(_event(began + float(row.get("seconds") or 0.0), int(row["step"]), _bytes(5, summary))))
    return b"".join(records)


def _value(tag: str, value: object) -> bytes:
    """One scalar; nothing where it is not known."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return b""
    return _bytes(1, _text(1, tag) + b"\x15" + struct.pack("<f", value))


def record(data: bytes) -> bytes:
    """One TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked(length)) + data + struct.pack("<I", _masked(data))


def _event(time: float, step: int, rest: bytes) -> bytes:
    return b"\x09" + struct.pack("<d", time) + b"\x10" + _varint(step) + rest


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli), as RFC 3720 has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
