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
    """What an array's element stands for: itself, or the number whose bits as a bfloat16 it is (numpy has none)."""
    return _widened(stored) if isinstance(stored, np.uint16) else _itself(stored)


def put(array: Any, i: Any, value: Any) -> None:
    """Write a number where numbers are kept or, rounded, where bfloat16s' bits are.

    To the nearest bfloat16, of two that are equally near to the one whose last bit is 0 (IEEE 754, 4.3.1).
    """
    (_put_rounded if array.dtype == np.uint16 else _put_itself)(array, i, value)


@overload(number)
def _number(stored: Any) -> Callable[..., Any]:
    return _widened if stored == types.uint16 else _itself


@overload(put)
def _put(array: Any, i: Any, value: Any) -> Callable[..., None]:  # noqa: ARG001 - here these are types
    return _put_rounded if array.dtype == types.uint16 else _put_itself


def _itself(stored: Any) -> Any:
    return stored


def _widened(stored: Any) -> Any:
    return np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)


def _put_itself(array: Any, i: Any, value: Any) -> None:
    array[i] = value


def _put_rounded(array: Any, i: Any, value: Any) -> None:
    bits = np.float32(value).view(np.uint32)
    up = np.uint32(0x7FFF) + (np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    array[i] = np.uint32(bits + up) >> np.uint32(16)
