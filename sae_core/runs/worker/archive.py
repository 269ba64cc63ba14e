"""What a run keeps: checkpoints to go on from, snapshots to look at, written beside training on a thread."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sae_core.runs.files import LineWriter, RunWriteError, write_atomically, write_sentence
from sae_core.runs.path_file import PathPoint, point_line
from sae_core.runs.snapshots import snapshot_to_bytes
from sae_core.runs.worker.budget import Budget
from sae_core.snapshot import Snapshot

if TYPE_CHECKING:
    from sae_core.train import Checkpoint, Landmark

__all__ = [
    "FIRST_FULL",
    "HISTORY_RATIO",
    "Archive",
    "kept_checkpoint",
    "nearest_checkpoint",
    "newest_checkpoint",
    "sealed",
]

FIRST_FULL = 1024
"""Checkpoints at powers of two steps are kept from here on: before it, a replay takes a second or two."""

HISTORY_RATIO = 1.5
"""Steps of successive snapshots in history/ are at least this far apart: 34 in the first million steps."""


class Archive:
    """Writes checkpoints and snapshots, one after the other, while training goes on.

    Attributes:
        saved: step of the newest checkpoint handed over for writing; None before the first.
    """

    def __init__(self, path: Path, log: LineWriter, budget: Budget) -> None:
        self._path, self._log, self._budget = path, log, budget
        self._thread = ThreadPoolExecutor(1, "archive")
        self._last: Future[float] | None = None
        self.saved: int | None = None
        self._error: RunWriteError | None = None
        self._next_history = _after(max(_steps(path / "history", "snapshot"), default=-1))
        self._newest = -1
        """Step of the snapshot that was published last."""

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        self._collect(wait=False)
        return self._last is not None

    def keep_checkpoint(self, checkpoint: Checkpoint, known: int, *, full: bool = False) -> None:
        """Save what the run can go on from, which contains what applied.jsonl says before byte ``known``.

        ``full``: keep it in history/ too, for good.
        """
        self.saved = checkpoint.step
        self._submit(lambda: self._write_checkpoint(checkpoint, known, full=full))

    def _write_checkpoint(self, checkpoint: Checkpoint, known: int, *, full: bool) -> None:
        data = sealed(checkpoint, known)
        self._log.sync()  # a power cut must not leave a checkpoint that knows of controls applied.jsonl forgot
        current = self._path / "checkpoint.safetensors"
        write_atomically(current, data, sync=True, keep=self._path / "checkpoint.safetensors.previous")
        if full:
            write_atomically(self._path / "history" / f"checkpoint-{checkpoint.step:012d}.safetensors", data)

    def wants(self, step: int) -> bool:
        """Whether history/ has a place for a snapshot of this step."""
        return step >= self._next_history

    def keep_glance(self, snapshot: Snapshot) -> None:
        """Publish a snapshot over a part of the test set; it goes to history/ too."""
        self._keep(snapshot, historic=True)

    def keep_snapshot(self, snapshot: Snapshot) -> None:
        """Publish a snapshot, where a glance has not overtaken it; at log-spaced steps it goes to history/ too.

        The census of a wide model over the whole test set takes half a minute of what training leaves it, and who
        looks at a run wants to see where it is.
        """
        self._keep(snapshot, historic=snapshot.row.step >= self._next_history)

    def _keep(self, snapshot: Snapshot, *, historic: bool) -> None:
        step = snapshot.row.step
        newest, self._newest = step >= self._newest, max(step, self._newest)
        if historic:
            self._next_history = _after(step)
        if newest or historic:
            self._submit(lambda: self._write_snapshot(snapshot, historic=historic, newest=newest))

    def _write_snapshot(self, snapshot: Snapshot, *, historic: bool, newest: bool = True) -> None:
        data = snapshot_to_bytes(snapshot)
        if newest:
            write_atomically(self._path / "snapshot.safetensors", data)
        if historic:
            write_atomically(self._path / "history" / f"snapshot-{snapshot.row.step:012d}.safetensors", data)

    def keep_landmark(self, landmark: Landmark, known: int, value: float) -> None:
        """Keep a point of a path for good; points.jsonl names it once its files are there."""
        snapshot, checkpoint = landmark.snapshot, landmark.checkpoint
        self.saved = self._newest = checkpoint.step
        census = snapshot.census
        point = PathPoint(
            step=checkpoint.step,
            value=value,
            fvu=census.fvu,
            l0=census.l0,
            dead_fraction=census.dead_fraction,
            accuracy=landmark.accuracy,
            seconds=checkpoint.seconds,
        )

        def write() -> None:
            self._write_snapshot(snapshot, historic=True)
            self._write_checkpoint(checkpoint, known, full=True)
            with LineWriter(self._path / "points.jsonl") as points:
                points.append([point_line(point)])

        self._submit(write)

    def _submit(self, write: Callable[[], None]) -> None:
        def job() -> float:
            began = time.thread_time()
            write()
            return time.thread_time() - began

        self._collect(wait=False)
        if self._last is not None:  # at a pause: one more, right behind
            self._collect(wait=True)
        self._last = self._thread.submit(job)

    def _collect(self, *, wait: bool) -> None:
        if self._last is None or not (wait or self._last.done()):
            return
        try:
            self._budget.spend(self._last.result())
        except RunWriteError as error:
            self._error = error
        except OSError as error:
            self._error = RunWriteError(write_sentence(error, self._path / "checkpoint.safetensors"))
        self._last = None
        if self._error is not None:
            self.saved = None

    def check(self) -> None:
        """Hear how the last writing went.

        Raises:
            RunWriteError: badly; the last good checkpoint is still there.
        """
        self._collect(wait=False)
        self._raise()

    def flush(self) -> None:
        """Wait until everything is written.

        Raises:
            RunWriteError: it could not be; the last good checkpoint is still there.
        """
        self._collect(wait=True)
        self._raise()

    def try_again(self) -> None:
        """Put past failures behind."""
        self._collect(wait=True)
        self._error = None

    def _raise(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def forget_after(self, step: int) -> None:
        """The run goes back to ``step``: what history/ holds of later steps never happened."""
        for kind in ("snapshot", "checkpoint"):
            for later in _steps(self._path / "history", kind):
                if later > step:
                    with suppress(OSError):
                        (self._path / "history" / f"{kind}-{later:012d}.safetensors").unlink()
        self._newest = -1
        self._next_history = _after(max(_steps(self._path / "history", "snapshot"), default=-1))

    def close(self) -> None:
        """Wait for the thread; errors have been, or no longer can be, told."""
        self._thread.shutdown(wait=True)


def _after(step: int) -> int:
    return max(step + 1, round(step * HISTORY_RATIO))


def _steps(folder: Path, kind: str) -> list[int]:
    names = (re.fullmatch(rf"{kind}-(\d+)\.safetensors", path.name) for path in folder.glob(f"{kind}-*.safetensors"))
    return sorted(int(name[1]) for name in names if name)


def sealed(checkpoint: Checkpoint, known: int) -> bytes:
    """A checkpoint's file: with its checksum, and how much of applied.jsonl its weights contain."""
    return replace(checkpoint, extra={"applied": known, "checksum": _checksum(checkpoint)}).to_bytes()


def kept_checkpoint(path: Path, step: int) -> Checkpoint | None:
    """The checkpoint that history/ keeps of that step; None where there is none that can be read."""
    file = path / "history" / f"checkpoint-{step:012d}.safetensors"
    with suppress(OSError):
        if file.exists():
            return _read_checkpoint(file)
    return None


def nearest_checkpoint(path: Path, step: int) -> Checkpoint | None:
    """The latest checkpoint of a step before ``step``; None where there is none: then begin at the first step."""
    newest, _ = newest_checkpoint(path)
    kept = [newest] if newest is not None and newest.step < step else []
    for earlier in reversed([kept_at for kept_at in _steps(path / "history", "checkpoint") if kept_at < step]):
        if (found := kept_checkpoint(path, earlier)) is not None:
            kept.append(found)
            break
    return max(kept, key=lambda checkpoint: checkpoint.step, default=None)


def newest_checkpoint(path: Path) -> tuple[Checkpoint | None, str]:
    """The newest checkpoint that can be read, and a note where that is not the newest there is.

    Falls back from checkpoint.safetensors to .previous, to those kept in history/, and to none: from the first
    step, config and applied events lead to the same weights, it only takes longer.
    """
    full = [path / "history" / f"checkpoint-{step:012d}.safetensors" for step in _steps(path / "history", "checkpoint")]
    files = [path / "checkpoint.safetensors", path / "checkpoint.safetensors.previous", *reversed(full)]
    note = ""
    for file in files:
        if file.exists():
            try:
                return _read_checkpoint(file), note
            except OSError as error:
                note = note or f"{file.name} could not be read, so an earlier one was taken ({error})"
    return None, note


def _read_checkpoint(file: Path) -> Checkpoint:
    from sae_core.train import Checkpoint

    checkpoint = Checkpoint.load(file)
    if checkpoint.extra.get("checksum") != _checksum(checkpoint):
        raise OSError(f"{file.name} is damaged: its checksum does not fit.")
    return checkpoint


def _checksum(checkpoint: Checkpoint) -> int:
    checksum = 0
    for name in sorted(checkpoint.tensors):
        checksum = zlib.crc32(checkpoint.tensors[name].tobytes(), checksum)
    return checksum
