"""A data set in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DataError", "Images"]

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

_CHUNK = 1024
"""Images summed at a time: float64 copies of this many stay in the cache."""


class DataError(OSError):
    """A data set that cannot be had: one sentence saying which, why, and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Flattened images to learn from, and others to judge by.

    Shapes: ``train`` (n, n_pixels) and ``test`` (m, n_pixels) float32 in [0, 1], C-contiguous; labels (n,) and (m,),
    indices into ``class_names``, or None where the set has none; ``mean`` (n_pixels,).
    """

    name: str
    train: Floats
    train_labels: Labels | None
    test: Floats
    test_labels: Labels | None
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    mean: Floats
    """Mean training image."""
    variance: float
    """mean‖x − mean‖² over the training set: FVU's constant denominator while training."""
    atoms: Floats | None = None
    """(n_atoms, n_pixels) the unit-norm dictionary the images were made from, where it is known."""
    fingerprint: str = ""
    """Of data of one's own: changes when the file does. Empty for the sets that come with Penstroke."""
    note: str = ""
    """Of data of one's own: a sentence on what was found and how it was scaled."""

    @property
    def n_pixels(self) -> int:
        """Length of a flattened image."""
        return int(self.train.shape[1])

    @classmethod
    def of(
        cls,
        name: str,
        train: Floats,
        train_labels: Labels | None,
        test: Floats,
        test_labels: Labels | None,
        *,
        image_shape: tuple[int, ...],
        class_names: tuple[str, ...] = (),
        atoms: Floats | None = None,
    ) -> Images:
        """Images with their mean and variance worked out."""
        mean, variance = _mean_and_variance(train)
        return cls(name, train, train_labels, test, test_labels, image_shape, class_names, mean, variance, atoms)


def _mean_and_variance(x: Floats) -> tuple[Floats, float]:
    """Mean image and mean‖x − mean‖² = mean‖x‖² − ‖mean‖², summed in float64."""
    total = np.zeros(x.shape[1])
    squares = 0.0
    for start in range(0, len(x), _CHUNK):
        chunk = x[start : start + _CHUNK].astype(np.float64)
        total += chunk.sum(axis=0)
        squares += float(np.einsum("ij,ij->", chunk, chunk))
    mean = total / len(x)
    return mean.astype(np.float32), squares / len(x) - float(mean @ mean)
