"""Threads that share a step, each with rows of its own; what each does has no other threads inside.

torch's own threads are of no use beside them: having done a product they wait for the next at full speed for a while,
on the core that somebody else is meant to use. (Two threads, the TopK run of `tests.bench core`: 8.9 ms a step
with them, 5.9 with their waiting cut short by GOMP_SPINCOUNT.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread, local

import torch

__all__ = ["as_team", "share"]

_here = local()
"""``size``: how many threads torch would use in this one, while it leaves that to the team; ``mates``: the others."""


@contextmanager
def as_team() -> Iterator[None]:
    """Within, torch uses one thread, and `share` as many as torch would have."""
    size = torch.get_num_threads()
    if size == 1:
        yield
        return
    _here.size = size
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(size)
        _here.size = None


def share(work: Callable[[int, int], object], n: int) -> None:
    """Call ``work(first, end)`` for parts of range(n), at once."""
    size = max(1, min(getattr(_here, "size", None) or 1, n))
    if size == 1:
        work(0, n)
        return
    edges = [n * i // size for i in range(size + 1)]
    mates = _mates(size - 1)
    for mate, first, end in zip(mates, edges[1:], edges[2:], strict=False):
        mate.begin(work, first, end)
    try:
        work(edges[0], edges[1])
    finally:
        problem = next(filter(None, [mate.wait() for mate in mates]), None)
    if problem is not None:
        try:
            raise problem
        finally:
            del problem  # it knows this frame, and the frame the mates


class Mate:
    """A thread that does one thing after the other for the one that made it, and ends with it.

    It is handed its work by a lock: by an executor's queue a step of that run takes 0.2 ms more, of 4.6 (medians of
    270 steps, taken in turns).
    """

    def __init__(self) -> None:
        self._desk = Desk()
        Thread(target=_serve, args=(self._desk,), name="step", daemon=True).start()

    def begin(self, work: Callable[[int, int], object], first: int, end: int) -> None:
        """Call ``work(first, end)``, there."""
        self._desk.work = (work, first, end)
        self._desk.go.release()

    def wait(self) -> BaseException | None:
        """Until it is done; what it raised."""
        self._desk.done.acquire()
        problem, self._desk.problem = self._desk.problem, None
        return problem

    def __del__(self) -> None:
        self._desk.go.release()  # with no work there: the thread ends


class Desk:
    """What a mate and its thread share; the thread knows nothing else, so that the mate can go."""

    def __init__(self) -> None:
        self.go, self.done = Lock(), Lock()
        self.go.acquire()
        self.done.acquire()
        self.work: tuple[Callable[[int, int], object], int, int] | None = None
        self.problem: BaseException | None = None


def _serve(desk: Desk) -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    while desk.go.acquire() and desk.work is not None:
        work, first, end = desk.work
        try:
            work(first, end)
        except BaseException as problem:  # noqa: BLE001 - raised where it is waited for
            desk.problem = problem
        desk.work = None
        del work  # it may hold a whole model
        desk.done.release()


def _mates(n: int) -> list[Mate]:
    """This thread's own."""
    mates: list[Mate] = _here.__dict__.setdefault("mates", [])
    while len(mates) < n:
        mates.append(Mate())
    return mates[:n]
