"""Keeping the largest codes: after the matrix products the dearest part of a step, so it is done with some care."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sae_core.kernels import compiled

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["keep_largest_", "largest"]

LANES = 64
"""Groups come in multiples of this: the processor takes the maxima of so many at a time."""


def keep_largest_(codes: Tensor, k: int, dim: int | None) -> NDArray[np.int64] | None:
    """Of each row (``dim`` 1) or column (0) of ``codes`` (batch, n_latents), or of them all (None), keep the k largest
    where they are positive; the others are 0.

    Returns the flat positions of what is left, ascending, or None where they did not come up on the way: elsewhere
    than on the processor, and where what is no finite number or, in a narrow model, equal values at the edge are left
    to `torch.topk`, which keeps exactly k of them. A wide model's are `sae_core.kernels.largest`'s.
    """
    wide = dim != 0 and compiled(codes.shape[1], codes, choosing=True)
    if dim is None:
        codes, dim = codes.view(1, -1), 1
    n = codes.shape[dim]
    if k >= n:
        codes.relu_()
        return None
    if wide:
        from sae_core.kernels.largest import keep_largest_in_rows_

        at = keep_largest_in_rows_(codes.detach().numpy(), k)
        if at is not None:
            return at
    elif codes.device.type == "cpu":
        rows = codes.detach() if dim == 1 else codes.detach().T.contiguous()
        at = largest(rows, k)
        if at is not None:
            at = at if dim == 1 else np.sort(at % n * codes.shape[1] + at // n)
            flat = codes.detach().numpy().reshape(-1)
            survivors = flat[at]
            codes.zero_()
            flat[at] = survivors
            return at
    kept, where = codes.topk(k, dim=dim, sorted=False)
    codes.zero_().scatter_(dim, where, kept.relu_())
    return None


def largest(rows: Tensor, k: int) -> NDArray[np.int64] | None:
    """Flat positions, ascending, of the k largest of each of ``rows`` (n_rows, n) where they are positive; k < n.

    A row is cut into some 2k groups: the k-th largest of the groups' maxima is a bound that at least k values reach and
    seldom many more (4/3 k where a row has no order), and only those are looked at again.

    None where equal values at the edge leave a choice, or something is no finite number.
    """
    values = rows.numpy()
    bound = _bound(rows, k)
    if bound is None:
        return None
    at = np.flatnonzero(values >= np.maximum(bound, np.nextafter(values.dtype.type(0), values.dtype.type(1))))
    n_rows, n = values.shape
    starts = np.searchsorted(at, np.arange(n_rows + 1) * n)
    counts, starts = np.diff(starts), starts[:-1]
    if (width := int(counts.max())) <= k:
        return at
    found = values.reshape(-1)[at]
    candidates = np.zeros(n_rows * width, values.dtype)
    candidates[np.arange(len(at)) + np.repeat(np.arange(n_rows) * width - starts, counts)] = found
    edges = np.partition(candidates.reshape(n_rows, width), width - k, axis=1)[:, width - k]
    kept = at[found >= np.repeat(edges, counts)]
    return kept if len(kept) == int(np.minimum(counts, k).sum()) else None


def _bound(rows: Tensor, k: int) -> NDArray[Any] | None:
    """(n_rows, 1): a value that at least k of a row reach; None where something is no finite number."""
    n = rows.shape[1]
    groups = -(-2 * k // LANES) * LANES
    of = n // groups
    if of < 2:
        maxima, rest = rows, rows[:, :0]
    else:
        maxima, rest = rows[:, : of * groups].view(-1, of, groups).amax(1), rows[:, of * groups :]
    if not (maxima.amax(1).isfinite().all() and (not rest.shape[1] or rest.amax(1).isfinite().all())):
        return None
    first = maxima.shape[1] - k
    bound: NDArray[Any] = np.partition(maxima.numpy(), first, axis=1)[:, first, None]
    return bound
