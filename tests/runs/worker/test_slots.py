"""Slots cap how many runs train at once; the rest wait in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sae_core.runs import RunDirectory
from sae_core.runs.files import lock_of
from sae_core.runs.worker.slots import Slots, default_slots

Make = Callable[..., RunDirectory]


def test_slots_go_to_who_came_first(make: Make) -> None:
    """Two slots, four living runs: the third and fourth wait as 1 and 2, and move up."""
    directories = [make() for _ in range(4)]
    locks = [lock_of(run.path / "lock") for run in directories]
    for lock in locks:
        lock.acquire()
    first, second, third, fourth = (Slots(run.path.parent, run.id, 2) for run in directories)
    assert [first.acquire(), second.acquire(), third.acquire(), fourth.acquire()] == [0, 0, 1, 2]
    second.release()
    assert (fourth.acquire(), third.acquire(), fourth.acquire()) == (2, 0, 1)
    first.release()
    assert (second.acquire(), fourth.acquire(), second.acquire()) == (2, 0, 1)
    for lock in locks:
        lock.release()


def test_the_dead_do_not_hold_up_the_queue(make: Make) -> None:
    """A ticket counts while its run has a worker."""
    directories = [make() for _ in range(3)]
    holder, dead, waiting = (Slots(run.path.parent, run.id, 1) for run in directories)
    lock = lock_of(directories[1].path / "lock")
    with lock:
        assert (holder.acquire(), dead.acquire(), waiting.acquire()) == (0, 1, 2)
    assert waiting.acquire() == 1
    holder.release()
    assert waiting.acquire() == 0
    assert waiting.held


def test_there_are_as_many_slots_as_cores_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """$PENSTROKE_SLOTS, where it is a number above 0."""
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    for wanted, slots in (("3", 3), ("0", 6), ("many", 6), ("", 6)):
        monkeypatch.setenv("PENSTROKE_SLOTS", wanted)
        assert default_slots() == slots
    assert Slots(tmp_path, "run").count == 6
