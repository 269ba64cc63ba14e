"""Keeping the largest of each row, without sorting anything.

Floats at least 0 have the order of their bits, so the k-th largest is found by halving the range of bits until a bound
parts k from the rest: some ten counts of a few numbers, many at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sae_core.kernels.compiling import kernel
from sae_core.kernels.team import share

__all__ = ["LANES", "groups_of", "keep_in_row_", "keep_largest_in_rows_"]

INFINITY = 0x7F800000
"""The bits of infinity in float32; whatever is no finite number has at least these, its sign left out."""

LANES = 64
"""Groups come in multiples of this: the processor takes the maxima of so many at a time."""


def keep_largest_in_rows_(rows: NDArray[np.float32], k: int) -> NDArray[np.int64] | None:
    """Of each of ``rows`` (n_rows, n) keep the k largest where they are positive; the others are 0. k < n.

    Among equal ones the first stay. Returns the flat positions of what is left, ascending; None where something is no
    finite number, and rows that hold such are left as they are.
    """
    n_rows, n = rows.shape
    groups = groups_of(n, k)
    at = np.empty((n_rows, k), np.int64)
    counts = np.empty(n_rows, np.int64)
    bits = rows.view(np.int32)
    share(lambda first, end: _keep_largest_(bits, k, groups, at, counts, first, end), n_rows)
    if counts.min() < 0:
        return None
    return at.reshape(-1) if counts.min() == k else _joined(at, counts)


def groups_of(n: int, k: int) -> int:
    """In how many groups, by position, n numbers are looked at to keep k of them; n: each by itself."""
    groups = -(-2 * k // LANES) * LANES
    return n if n // groups < 2 else groups


@kernel
def _keep_largest_(
    rows: NDArray[np.int32],
    k: int,
    groups: int,
    at: NDArray[np.int64],
    counts: NDArray[np.int64],
    first: int,
    end: int,
) -> None:
    """Positions of the k largest positive of each row in ``at``, how many there are in ``counts``; −1: not finite."""
    n = rows.shape[1]
    room, kept = np.empty((2, n + LANES), np.int32), np.empty(k, np.int32)
    for r in range(first, end):
        counts[r] = keep_in_row_(rows[r], k, groups, room, kept)
        for i in range(counts[r]):
            at[r, i] = r * n + kept[i]


@kernel
def keep_in_row_(row: NDArray[np.int32], k: int, groups: int, room: NDArray[np.int32], at: NDArray[np.int32]) -> int:
    """Where the k largest positive of a row of float32s' bits are into ``at``, the others 0; how many there are, −1:
    not finite.

    The k-th largest of the groups' maxima is a bound that at least k values reach and seldom many more (4/3 k where a
    row has no order); only those are looked at again. ``room`` is for them: (2, len(row) + LANES).
    """
    n = len(row)
    found, where = room[0], room[1]
    maxima, largest = found[:groups], np.int32(0)
    for j in range(groups):
        maxima[j] = row[j]
    for start in range(0, n, groups):
        group = row[start : start + groups]
        for j in range(len(group)):
            largest = max(largest, group[j] & np.int32(0x7FFFFFFF))
            maxima[j] = max(maxima[j], group[j])
    if largest >= INFINITY:
        return -1
    bound = max(_kth(maxima, k, k // 8), np.int32(1))
    reach = 0
    for i in range(n):
        found[reach], where[reach] = row[i], i
        reach += int(row[i] >= bound)
    edge, equal = bound, k
    if reach > k:
        full = -(-reach // LANES) * LANES
        for i in range(reach, full):
            found[i] = 0
        edge = _kth(found[:full], k, 0)
        for i in range(reach):
            equal -= int(found[i] > edge)
    for i in range(n):
        row[i] = 0
    kept = 0
    for i in range(reach):
        if found[i] > edge or (found[i] == edge and equal > 0):
            equal -= int(found[i] == edge)
            row[where[i]] = found[i]
            at[kept] = where[i]
            kept += 1
    return kept


@kernel
def _kth(bits: NDArray[np.int32], k: int, more: int) -> np.int32:
    """A number at least 0 that k of ``bits`` reach and at most ``more`` of them more, or if equal ones leave none such
    the largest that k do; 0 if fewer do.
    """
    low, high = np.int32(0), np.int32(0)
    for i in range(len(bits)):
        high = max(high, bits[i])
    while low < high:
        middle = low + (high - low + np.int32(1)) // np.int32(2)
        reach = np.int32(0)
        for i in range(len(bits)):
            reach += np.int32(bits[i] >= middle)
        if reach >= k:
            low = middle
            if reach <= k + more:
                break
        else:
            high = middle - np.int32(1)
    return low


@kernel
def _joined(at: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    joined = np.empty(counts.sum(), np.int64)
    place = 0
    for r in range(len(counts)):
        for i in range(counts[r]):
            joined[place] = at[r, i]
            place += 1
    return joined
