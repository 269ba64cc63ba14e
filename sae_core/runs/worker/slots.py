"""Slots: how many workers of a runs folder train at once. The rest queue, first come, first served.

``RUNS/.slots/0 … n−1`` are OS locks; who trains holds one. ``RUNS/.slots/queue/<time>-<run>`` are the tickets of
those who wait; the ticket of a run whose worker died is thrown away by whoever finds it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sae_core.runs.files import RunWriteError, is_locked, lock_of, write_sentence

__all__ = ["Slots", "default_slots"]


def default_slots() -> int:
    """$PENSTROKE_SLOTS, else as many as the machine has cores."""
    wanted = os.environ.get("PENSTROKE_SLOTS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else os.cpu_count() or 1


class Slots:
    """One run's claim to one of ``count`` slots.

    Raises:
        RunWriteError: the runs folder cannot be written.
    """

    def __init__(self, root: Path, run_id: str, count: int | None = None) -> None:
        self.root, self.run_id = root, run_id
        self.count = default_slots() if count is None else count
        self._queue = root / ".slots" / "queue"
        self._ticket: Path | None = None
        self._lock: FileLock | None = None
        try:
            self._queue.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunWriteError(write_sentence(error, self._queue)) from error

    @property
    def held(self) -> bool:
        """Whether the run has a slot."""
        return self._lock is not None

    def acquire(self) -> int:
        """Take a slot if it is our turn: 0 when the run has one, else its place in the queue."""
        if self.held:
            return 0
        ahead = self._ahead()
        if ahead == 0 and self._take():
            self._leave_queue()
            return 0
        if self._ticket is None:
            self._ticket = self._queue / f"{time.time_ns():020d}-{self.run_id}"
            self._ticket.touch()
        return ahead + 1

    def wanted(self) -> bool:
        """Whether another living run waits for a slot."""
        with suppress(OSError):
            waiting = (ticket.name.partition("-")[2] for ticket in self._queue.iterdir())
            return any(run_id != self.run_id and is_locked(self.root / run_id / "lock") for run_id in waiting)
        return False

    def _take(self) -> bool:
        for number in range(self.count):
            lock = lock_of(self.root / ".slots" / str(number))
            with suppress(Timeout):
                lock.acquire(timeout=0)
                self._lock = lock
                return True
        return False

    def _ahead(self) -> int:
        """Living runs whose ticket is older than ours."""
        ahead = 0
        for ticket in sorted(self._queue.iterdir()):
            if self._ticket is not None and ticket.name >= self._ticket.name:
                break
            run_id = ticket.name.partition("-")[2]
            if run_id != self.run_id and is_locked(self.root / run_id / "lock"):
                ahead += 1
            else:
                ticket.unlink(missing_ok=True)
        return ahead

    def _leave_queue(self) -> None:
        if self._ticket is not None:
            with suppress(OSError):
                self._ticket.unlink(missing_ok=True)
            self._ticket = None

    def release(self) -> None:
        """Give the slot, or the place in the queue, to the next."""
        self._leave_queue()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
