"""The arithmetic of wide models on the processor, and of all whose products are in bfloat16, compiled at first use
(numba): what torch has no single call for.

torch takes a step as some forty calls, each of which reads and writes whole matrices; a wide model's do not fit the
processor's caches, so most of a step is waiting for memory. Here a matrix is read once for everything it is needed for.
Sums are taken row by row in one order, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["WIDE", "Gradients", "compiled", "prepare"]

WIDE = 512
"""Latents from which on it pays with products in float32: loading numba and what it compiled takes 0.6 s, and 10 s the
first time of all, when it has to be compiled (`time python -c "from sae_core.kernels import prepare;
prepare(low=False)"`, less 1.4 s of importing torch)."""

_one_at_a_time = Lock()


class Gradients(NamedTuple):
    """Where to write them; shapes as the parameters'."""

    W_enc: Tensor
    b_enc: Tensor
    dictionary: Tensor
    b_dec: Tensor


def compiled(n_latents: int, like: Tensor, *, low: bool = False) -> bool:
    """Whether a model of this width, with numbers ``like`` these, uses compiled arithmetic; ``low``: with products in
    bfloat16.
    """
    return (low or n_latents >= WIDE) and like.device.type == "cpu" and like.dtype.itemsize == 4 and _has_numba()


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


def prepare(*, low: bool) -> None:
    """Load everything, and compile it where that has not been done yet, so that no step has to wait for it; ``low``:
    with products in bfloat16.
    """
    if not _has_numba():
        return
    from sae_core.kernels.warm import warm

    with _one_at_a_time:
        warm(low=low)
