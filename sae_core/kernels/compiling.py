"""How functions are compiled, and how they read and write numbers of either precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.extending import overload

__all__ = ["kernel", "number", "put"]

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


def number(stored: Any) -> Any:
    """In a kernel: what an array's element stands for: itself, or a bfloat16's bits that number (numpy has none)."""
    raise NotImplementedError


def put(array: Any, i: Any, value: Any) -> None:
    """In a kernel: write a number where numbers are kept or, rounded, where bfloat16s' bits are.

    To the nearest bfloat16, of two that are equally near to the one whose last bit is 0 (IEEE 754, 4.3.1).
    """
    raise NotImplementedError


@overload(number)
def _number(stored: Any) -> Callable[..., Any]:
    def itself(stored: Any) -> Any:
        return stored

    def widened(stored: Any) -> Any:
        return np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)

    return widened if stored == types.uint16 else itself


@overload(put)
def _put(array: Any, i: Any, value: Any) -> Callable[..., None]:  # noqa: ARG001 - here these are types
    def itself(array: Any, i: Any, value: Any) -> None:
        array[i] = value

    def rounded(array: Any, i: Any, value: Any) -> None:
        bits = np.float32(value).view(np.uint32)
        up = np.uint32(0x7FFF) + (np.uint32(bits >> np.uint32(16)) & np.uint32(1))
        array[i] = np.uint32(bits + up) >> np.uint32(16)

    return rounded if array.dtype == types.uint16 else itself
