"""frame.bin: the live picture passes through shared memory, in two slots, never synced.

    header   64 bytes: b"PSFB", version, slot size
    slot 0   64 bytes: sequence number, payload length, checksum; then room for the largest payload
    slot 1   the same

The writer fills the older slot and puts its sequence number there last; a reader takes the newer slot, copies it
and checks that checksum and number still fit, so it never sees a mix. The file gets its size once, when it is made:
on Windows a mapped file can be neither shortened nor replaced.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from contextlib import suppress
from io import FileIO
from pathlib import Path

from sae_core.runs.files import RunWriteError, write_all, write_sentence

__all__ = ["FrameReader", "FrameWriter"]

_MAGIC = b"PSFB"
_VERSION = 1
_HEADER = struct.Struct("<4sIQ")
_SLOT = struct.Struct("<QQI")
_ROOM = 64


def _checksum(seq: int, payload: bytes | memoryview) -> int:
    return zlib.crc32(payload, seq & 0xFFFF_FFFF)


class FrameWriter:
    """The one writer (the worker). Sequence numbers go on from those in the file.

    Raises:
        RunWriteError: the file cannot be made.
    """

    def __init__(self, path: Path, max_payload: int) -> None:
        self.path = path
        self._slot = _ROOM + max_payload + -max_payload % 64
        self._size = _ROOM + 2 * self._slot
        try:
            path.touch()
            with path.open("r+b", buffering=0) as file:
                fits = _slot_size(file) == self._slot
                if not fits:
                    self._lay_out(file)
                self._map = mmap.mmap(file.fileno(), self._size)
        except OSError as error:
            raise RunWriteError(write_sentence(error, path)) from error
        self.seq = max(self._number(0), self._number(1)) if fits else 0
        """Number of the newest picture; 0 before the first."""

    def _lay_out(self, file: FileIO) -> None:
        """Give the file its size: emptied first, unless (on Windows) a reader has it mapped.

        The zeros are written, so that every page has its block: a page that finds the disk full kills the process.
        """
        with suppress(OSError):
            file.truncate(0)
        file.seek(0)
        try:
            self._fill(file)
        except OSError:  # no room: at least give back what there was
            with suppress(OSError):
                file.truncate(0)
            raise

    def _fill(self, file: FileIO) -> None:
        for data in (_HEADER.pack(_MAGIC, _VERSION, self._slot).ljust(_ROOM, b"\0"), bytes(2 * self._slot)):
            write_all(file, data)

    def _number(self, slot: int) -> int:
        return int(_SLOT.unpack_from(self._map, _ROOM + slot * self._slot)[0])

    def write(self, payload: bytes) -> None:
        """Publish ``payload`` as picture ``seq + 1``.

        Raises:
            RunWriteError: it is larger than the slots, or the file was cut short.
        """
        if len(payload) > self._slot - _ROOM:
            raise RunWriteError(f"A picture of {len(payload)} bytes does not fit frame.bin's {self._slot - _ROOM}.")
        if self._map.size() < self._size:  # touching a page that is gone kills the process
            raise RunWriteError(f"{self.path} was cut short while it was in use.")
        seq = self.seq + 1
        start = _ROOM + (seq % 2) * self._slot
        _SLOT.pack_into(self._map, start, 0, 0, 0)
        self._map[start + _ROOM : start + _ROOM + len(payload)] = payload
        _SLOT.pack_into(self._map, start, 0, len(payload), _checksum(seq, payload))
        struct.pack_into("<Q", self._map, start, seq)
        self.seq = seq

    def close(self) -> None:
        """Let go of the file, which stays as it is."""
        self._map.close()


class FrameReader:
    """Any number of these beside the writer. The file may come later, and be made anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map: mmap.mmap | None = None
        self._slot = 0

    def sequence(self) -> int:
        """Number of the newest picture, 0 for none: a few microseconds."""
        if not self._ready() or self._map is None:
            return 0
        return max(self._number(0), self._number(1))

    def read(self) -> bytes | None:
        """The newest whole picture, copied and verified; None where there is none (or it changed too fast)."""
        for _ in range(8):
            if not self._ready() or self._map is None:
                return None
            payload = self._copy(0 if self._number(0) > self._number(1) else 1)
            if payload is not None:
                return payload
        return None

    def _copy(self, slot: int) -> bytes | None:
        assert self._map is not None
        start = _ROOM + slot * self._slot
        seq, length, checksum = _SLOT.unpack_from(self._map, start)
        if seq == 0 or length > self._slot - _ROOM:
            return None
        payload = self._map[start + _ROOM : start + _ROOM + length]
        intact = self._number(slot) == seq and _checksum(seq, payload) == checksum
        return payload if intact else None

    def _number(self, slot: int) -> int:
        assert self._map is not None
        return int(struct.unpack_from("<Q", self._map, _ROOM + slot * self._slot)[0])

    def _ready(self) -> bool:
        """Whether the mapped file is whole; maps it when it is there. A shortened file is never touched."""
        if self._map is not None and self._map.size() >= len(self._map):
            return True
        self.close()
        with suppress(OSError, ValueError), self.path.open("rb", buffering=0) as file:
            self._slot = _slot_size(file) or 0
            if self._slot:
                self._map = mmap.mmap(file.fileno(), _ROOM + 2 * self._slot, access=mmap.ACCESS_READ)
        return self._map is not None

    def close(self) -> None:
        """Let go of the file (on Windows nobody can delete it before)."""
        if self._map is not None:
            self._map.close()
            self._map = None


def _slot_size(file: FileIO) -> int | None:
    """Bytes of a slot, from the file's header; None where header and size do not fit together."""
    file.seek(0)
    data = file.read(_HEADER.size)
    if len(data) < _HEADER.size:
        return None
    magic, version, slot = _HEADER.unpack(data)
    size = os.fstat(file.fileno()).st_size
    return slot if magic == _MAGIC and version == _VERSION and slot > _ROOM and size == _ROOM + 2 * slot else None
