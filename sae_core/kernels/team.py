"""Threads that share a step, each with rows of its own; what each does has no other threads inside.

torch's own threads are of no use beside them: having done a product they wait for the next at full speed, a
millisecond or so, on the core that somebody else is meant to use.
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
        problems = [mate.wait() for mate in mates]
    for problem in problems:
        if problem is not None:
            raise problem


class Mate:
    """A thread that does one thing after the other for the one that made it.

    It is handed its work by a lock, in 10 µs; an executor's queue takes four times as long, five times a step.
    """

    def __init__(self) -> None:
        self._go, self._done = Lock(), Lock()
        self._go.acquire()
        self._done.acquire()
        self._work: tuple[Callable[[int, int], object], int, int] | None = None
        self._problem: BaseException | None = None
        Thread(target=self._serve, name="step", daemon=True).start()

    def begin(self, work: Callable[[int, int], object], first: int, end: int) -> None:
        """Call ``work(first, end)``, there."""
        self._work = (work, first, end)
        self._go.release()

    def wait(self) -> BaseException | None:
        """Until it is done; what it raised."""
        self._done.acquire()
        problem, self._problem = self._problem, None
        return problem

    def _serve(self) -> None:
        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        while True:
            self._go.acquire()
            assert self._work is not None
            work, first, end = self._work
            try:
                work(first, end)
            except BaseException as problem:  # noqa: BLE001 - raised where it is waited for
                self._problem = problem
            self._work = work = None  # type: ignore[assignment] # it may hold a whole model
            self._done.release()


def _mates(n: int) -> list[Mate]:
    """This thread's own."""
    mates: list[Mate] = _here.__dict__.setdefault("mates", [])
    while len(mates) < n:
        mates.append(Mate())
    return mates[:n]
