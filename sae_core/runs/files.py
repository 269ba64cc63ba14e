"""Files that outlive a kill -9, a torn line and a full disk.

Everything in a run directory is written through here: whole files by ``replace``, logs by whole lines. Readers
take whole lines only and mend nothing; a writer truncates a torn tail before it appends.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout

__all__ = [
    "LineWriter",
    "RunError",
    "RunWriteError",
    "append_lines",
    "from_json",
    "is_locked",
    "lock_of",
    "read_lines",
    "sweep",
    "to_json",
    "whole_lines_end",
    "write_all",
    "write_atomically",
    "write_sentence",
]

PATIENCE = 1.0
"""Seconds a replace waits for a reader on Windows, where an open file cannot be replaced."""


class RunError(ValueError):
    """Something about a run that whoever asked can understand: one sentence."""


class RunWriteError(OSError, RunError):
    """A run's folder that cannot be written, or a disk that is full: one sentence."""


def write_sentence(error: OSError, path: Path) -> str:
    """Why ``path`` could not be written: a full disk is called that."""
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return f"The disk is full: {path.name} could not be written in {path.parent}."
    return f"{path.name} could not be written in {path.parent}: {error.strerror or error}."


def to_json(value: Any) -> bytes:
    """One line of JSON without its newline; a number that is not finite raises ValueError."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def from_json(data: bytes) -> dict[str, Any] | None:
    """The object in ``data``, or None for anything else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def write_atomically(path: Path, data: bytes, *, sync: bool = False, keep: Path | None = None) -> None:
    """Replace ``path`` in one move: readers see the old bytes or the new, never a mix.

    ``sync``: the bytes are on the disk before the name is theirs. ``keep``: where the old file goes.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write_all(file, data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if keep is not None and path.exists():
            _patiently(lambda: path.replace(keep))
        _patiently(lambda: temporary.replace(path))
        if sync:
            _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write every byte (the one door to the disk, where tests fill it up)."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _patiently(move: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            move()
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _sync_folder(folder: Path) -> None:
    """Make a rename last a power cut, where folders can be synced at all."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder: Path) -> None:
    """Remove what a killed worker left half written. Only whoever holds the run's lock may, and not the watchers'."""
    for temporary in folder.glob(".*.tmp"):
        if not temporary.name.startswith(".watch."):
            with suppress(OSError):
                temporary.unlink()


def read_lines(path: Path, offset: int = 0) -> tuple[list[tuple[int, bytes]], int]:
    """The whole lines from ``offset`` on, each with where it starts, and where the next one will.

    A torn last line is left for later; a missing file has no lines; a file that shrank below ``offset`` is
    read on from its own end.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < offset:
                offset = whole_lines_end(file, size)
            file.seek(offset)
            data = file.read(size - offset)
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise RunError(f"{path.name} cannot be read in {path.parent}: {error.strerror or error}.") from None
    return split_lines(data, offset)


def split_lines(data: bytes, offset: int) -> tuple[list[tuple[int, bytes]], int]:
    """The whole lines of ``data``, which starts at ``offset`` of its file, and where the rest begins."""
    lines = []
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        lines.append((offset + start, data[start:end]))
        start = end + 1
    return lines, offset + start


def whole_lines_end(file: BinaryIO, size: int) -> int:
    """Where the last whole line ends in the first ``size`` bytes."""
    end = size
    while end > 0:
        start = max(0, end - 4096)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def append_lines(file: BinaryIO, lines: bytes) -> int:
    """Append ``lines`` after mending a torn tail; returns where they start. The caller holds the file's lock.

    Raises:
        OSError: the disk is full; what was half written is gone again.
    """
    file.seek(0, os.SEEK_END)
    size = file.tell()
    offset = whole_lines_end(file, size)
    if offset < size:
        file.truncate(offset)
    file.seek(offset)
    try:
        write_all(file, lines)
        file.flush()
    except OSError:
        with suppress(OSError):
            file.truncate(offset)
        raise
    return offset


class LineWriter:
    """A log with one writer (the worker, whose lock covers it), held open, unbuffered.

    Attributes:
        size: bytes of whole lines in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._file = path.open("r+b", buffering=0)
        self._file.seek(0, os.SEEK_END)
        self.size = whole_lines_end(self._file, self._file.tell())

    def append(self, records: Iterable[dict[str, Any]]) -> None:
        """Write the records as lines, all or none."""
        lines = b"".join(to_json(record) + b"\n" for record in records)
        self.size = append_lines(self._file, lines) + len(lines)

    def sync(self) -> None:
        """Have the lines on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_of(path: Path) -> FileLock:
    """An OS lock on ``path``, freed by the system when its holder dies, whatever the cause."""
    return FileLock(path, thread_local=False)


def is_locked(path: Path) -> bool:
    """Whether someone holds the lock. Probing takes it for microseconds, so holders-to-be try more than once."""
    if not path.exists():
        return False
    lock = lock_of(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
