"""Threads that share a step, each with rows of its own; what each does has no other threads inside.

torch's own threads are of no use beside them: having done a product they wait for the next at full speed, a
millisecond or so, on the core that somebody else is meant to use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import local

import torch

__all__ = ["as_team", "as_torch_does", "share"]

_here = local()
"""``size``: how many threads torch would use in this one, while it leaves that to the team."""


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


@contextmanager
def as_torch_does() -> Iterator[None]:
    """Within `as_team`: for a while, torch's threads again, for products that nobody here shares out."""
    size = getattr(_here, "size", None)
    if size is None:
        yield
        return
    torch.set_num_threads(size)
    try:
        yield
    finally:
        torch.set_num_threads(1)


def share(work: Callable[[int, int], object], n: int) -> None:
    """Call ``work(first, end)`` for parts of range(n), at once."""
    size = max(1, min(getattr(_here, "size", None) or 1, n))
    edges = [n * i // size for i in range(size + 1)]
    others = [_threads().submit(work, first, end) for first, end in zip(edges[1:], edges[2:], strict=False)]
    work(edges[0], edges[1])
    for other in others:
        other.result()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="step", initializer=_join)


def _join() -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
