"""From the files somebody has to what can be checked: θ, the examples, and perhaps a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sae_core.data.patches import N_PATCHES, normalise, photographs, sample
from sae_core.textbook.check import Order, hidden_units
from sae_core.textbook.cost import Array, Weights
from sae_core.textbook.files import TextbookError

__all__ = ["Arrays", "Case", "assemble"]

Arrays = Mapping[str, Array]

THETA = ("theta", "opttheta", "optTheta", "initialTheta")
GRADIENT = ("grad", "gradient", "thetagrad")
BLOCKS = (("W1", "W2", "b1", "b2"), ("W1grad", "W2grad", "b1grad", "b2grad"))
EXAMPLES = ("patches", "data", "x", "X", "trainData", "unlabeledData", "images")
LARGEST_SIDE = 64
"""Pixels; a patch cut from photographs is no larger."""


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to check."""

    theta: Array
    x: Array
    """(m, n_visible)."""
    gradient: Array | None
    cost: float | None
    order: Order | None
    """``F`` or ``C`` where the files show it: matrices saved as matrices are put together as MATLAB does."""
    note: str
    """Where the examples come from."""


def assemble(
    theta: Arrays,
    data: Arrays | None = None,
    grad: Arrays | None = None,
    *,
    n_hidden: int | None = None,
    n_visible: int | None = None,
    seed: int = 0,
) -> Case:
    """Find θ, the examples and the gradient among named arrays; without ``data``, patches of sample photographs.

    Matrices (W1, W2, b1, b2) do as well as one long θ, and ``IMAGES`` (height, width, n) as well as patches.

    Raises:
        TextbookError: something is missing, or does not fit together.
    """
    vector, blocks = _vector(theta, THETA, BLOCKS[0], "θ")
    gradient = _gradient(theta, grad)
    x, note = _examples(
        {**theta, **(data or {})} if data is not None else theta, len(vector), n_hidden, n_visible, seed
    )
    drawn = note != ""
    if drawn and gradient is not None:
        raise TextbookError(
            "These are photographs, and your gradient was computed on patches cut from them at random, which nobody "
            "can cut again: save the patches too, and hand them over as the data."
        )
    cost = next((float(a["cost"].ravel()[0]) for a in (grad or {}, theta) if "cost" in a), None)
    expected = hidden_units(len(vector), x.shape[1])
    if n_hidden is not None and expected != n_hidden:
        raise TextbookError(
            f"θ has {len(vector):,} numbers, but {n_hidden} hidden and {x.shape[1]} visible units need "
            f"{2 * n_hidden * x.shape[1] + n_hidden + x.shape[1]:,}."
        )
    return Case(
        vector, x, gradient, cost, "F" if blocks else None, note or f"{len(x):,} examples of {x.shape[1]} numbers"
    )


def _vector(arrays: Arrays, names: tuple[str, ...], blocks: tuple[str, ...], what: str) -> tuple[Array, bool]:
    for name in names:
        if name in arrays:
            return arrays[name].ravel("F"), False
    if all(name in arrays for name in blocks):
        parts = Weights(*(arrays[name] for name in blocks))
        return parts._replace(b1=parts.b1.ravel(), b2=parts.b2.ravel()).flat(), True
    lines = [array for array in arrays.values() if array.size == max(array.shape, default=0)]
    if len(lines) == 1:
        return lines[0].ravel(), False
    raise TextbookError(
        f"No {what} was found among {', '.join(arrays)}: save it as {names[0]!r}, or as {', '.join(blocks)}."
    )


def _gradient(theta: Arrays, grad: Arrays | None) -> Array | None:
    if grad is not None:
        names = BLOCKS[1] if all(name in grad for name in BLOCKS[1]) else BLOCKS[0]
        return _vector(grad, GRADIENT, names, "gradient")[0]
    if any(name in theta for name in GRADIENT) or all(name in theta for name in BLOCKS[1]):
        return _vector(theta, GRADIENT, BLOCKS[1], "gradient")[0]
    return None


def _examples(arrays: Arrays, length: int, n_hidden: int | None, n_visible: int | None, seed: int) -> tuple[Array, str]:
    """(m, n_visible), and where they come from unless somebody's own."""
    for name in EXAMPLES:
        if name in arrays and arrays[name].ndim == 2:
            return _upright(arrays[name], length, n_visible), ""
    images = next((a for a in arrays.values() if a.ndim == 3), None)
    tables = [a for name, a in arrays.items() if a.ndim == 2 and min(a.shape) > 1 and name not in BLOCKS[0] + BLOCKS[1]]
    if images is None and len(tables) == 1:
        return _upright(tables[0], length, n_visible), ""
    side = _side(length, n_hidden, n_visible)
    if images is not None:
        cut = sample([images[..., i] for i in range(images.shape[2])], side=side, seed=seed)
        return normalise(
            cut
        ), f"{N_PATCHES:,} patches of {side}×{side}, cut from your {images.shape[2]} images (seed {seed})"
    cut = sample(photographs(), side=side, seed=seed)
    return normalise(cut), f"{N_PATCHES:,} patches of {side}×{side}, cut from scikit-learn's photographs (seed {seed})"


def _upright(table: Array, length: int, n_visible: int | None) -> Array:
    """Examples in rows, whichever way round they were saved."""
    rows, columns = table.shape
    fits = [n for n in {rows, columns} if (n_visible or n) == n and hidden_units(length, n) is not None]
    if not fits:
        raise TextbookError(
            f"The data is {rows:,} × {columns:,}, but a θ of {length:,} numbers belongs to no layer as wide."
        )
    return table.T.copy() if min(fits) == rows else table


def _side(length: int, n_hidden: int | None, n_visible: int | None) -> int:
    """The side of square patches that fit θ: 8 where 8 does."""
    sides = [8, *(side for side in range(2, LARGEST_SIDE + 1) if side != 8)]
    for side in sides:
        hidden = hidden_units(length, side * side)
        if hidden is not None and n_hidden in {None, hidden} and n_visible in {None, side * side}:
            return side
    raise TextbookError(f"A θ of {length:,} numbers fits no square patches (2 · hidden · visible + hidden + visible).")
