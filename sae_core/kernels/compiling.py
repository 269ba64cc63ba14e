"""How functions are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["kernel"]

Function = TypeVar("Function", bound=Callable[..., Any])

LIBERTIES = {"contract", "reassoc", "nsz"}
"""What the compiler may do to sums: fuse a product with its sum, and take them in vectors' order. Infinities and what
is no number stay what they are."""


def kernel(function: Function) -> Function:
    """Compile a function of arrays and numbers; kept on the disk, where there is a place to write to."""
    try:
        made = _compiled(function, keep=True)
    except RuntimeError:  # numba found nowhere to keep it
        made = _compiled(function, keep=False)
    return cast("Function", made)


def _compiled(function: Callable[..., Any], *, keep: bool) -> object:
    return njit(cache=keep, nogil=True, fastmath=LIBERTIES, error_model="numpy")(function)
