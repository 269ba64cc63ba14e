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

__all__ = ["CHOOSING", "WIDE", "Given", "Gradients", "compiled", "prepare"]

WIDE = 512
"""Latents from which on it pays with products in float32: loading numba and what it compiled takes 0.6 s, and 8 s the
first time of all, when it has to be compiled (`time python -c "from sae_core.kernels import prepare;
prepare(low=False)"`, less 1.4 s of importing torch)."""

CHOOSING = 128
"""The same where a method chooses among an image's or a batch's codes, which torch has no fast call for.

Images/s without → with it on one AVX2 thread (`python -m tests.bench core --alone --races-only --threads 1 --epochs 1
--widths 256 --methods topk`, this number at 512 → 128): TopK at 128 latents 47,000 → 75,000, at 256 37,000 → 54,000;
BatchTopK at 256 32,000 → 43,000. L1 would gain as much there, once few codes are lit (`WIDE` at 512 → 128: 27,000 →
48,000), but a newcomer's first run, which is such a one, would begin with waiting for the compiler.
"""

_one_at_a_time = Lock()


class Gradients(NamedTuple):
    """Where to write them; shapes as the parameters'."""

    W_enc: Tensor
    b_enc: Tensor
    dictionary: Tensor
    b_dec: Tensor


class Given(NamedTuple):
    """What a batch's gradients are made of, when its error is known. With g = slope · (error @ dictionaryᵀ) + price for
    each lit code, 0 for the others, they are

        W_enc: Σ g · the image's row of ``centred``                   b_enc: Σ g
        dictionary: slope · Σ code · its row of ``error``             b_dec: slope · Σ error
    """

    slope: float
    price: float | Tensor | None
    """Of all codes, or of each latent's (n_latents,); None is 0."""
    centred: Tensor
    """(batch, n_pixels), as ``error``: for compiled arithmetic rounded to bfloat16 where products are."""
    error: Tensor
    W_enc: Tensor | None
    """The model's, if W_encᵀ Σ g is asked for, too."""
    across: Tensor | None
    """Unit rows (n_latents, n_pixels) that the dictionary's is projected off."""


def compiled(n_latents: int, like: Tensor, *, low: bool = False, choosing: bool = False) -> bool:
    """Whether a model of this width, with numbers ``like`` these, uses compiled arithmetic; ``low``: with products in
    bfloat16; ``choosing``: its method does more than to leave out what is not positive.
    """
    wide = low or n_latents >= (CHOOSING if choosing else WIDE)
    return wide and like.device.type == "cpu" and like.dtype.itemsize == 4 and _has_numba()


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
