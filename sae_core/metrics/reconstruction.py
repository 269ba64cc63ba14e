"""How well images come back: squared errors against the images' own variance, and how much paler they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MeasureError", "Reconstruction"]

Array = NDArray[Any]


class MeasureError(ValueError):
    """Something that cannot be measured: one sentence."""


class Reconstruction:
    """Streaming sums over images ``x`` and reconstructions ``x_hat`` (n, n_pixels), in float64.

    Mean and squared distances from it are merged batch by batch (Chan, Golub & LeVeque 1979), so that a large offset
    in the pixels costs no digits.
    """

    def __init__(self) -> None:
        self.n, self.n_pixels = 0, 0
        self._mean: Array = np.zeros(0)
        self._around, self._error = 0.0, 0.0
        self._ratios, self._n_ratios = 0.0, 0
        self._overlap, self._energy = 0.0, 0.0

    def update(self, x: Array, x_hat: Array) -> None:
        """Take in a batch.

        Raises:
            MeasureError: shapes differ, or a number is not finite.
        """
        if x.ndim != 2 or x.shape != x_hat.shape or (self.n and x.shape[1] != self.n_pixels):
            raise MeasureError(f"Images of shape {x.shape} cannot be compared with reconstructions of {x_hat.shape}.")
        x, x_hat = np.asarray(x, np.float64), np.asarray(x_hat, np.float64)
        if not (np.isfinite(x).all() and np.isfinite(x_hat).all()):
            raise MeasureError("Among the images or reconstructions is a value that is infinite or not a number.")
        if not len(x):
            return
        if not self.n:
            self.n_pixels, self._mean = x.shape[1], np.zeros(x.shape[1])
        mean = x.mean(axis=0)
        apart = float(((mean - self._mean) ** 2).sum())
        self._around += float(((x - mean) ** 2).sum()) + apart * self.n * len(x) / (self.n + len(x))
        self._mean += (mean - self._mean) * len(x) / (self.n + len(x))
        self.n += len(x)
        self._error += float(((x - x_hat) ** 2).sum())
        self._overlap += float((x * x_hat).sum())
        self._energy += float((x_hat**2).sum())
        norms, norms_hat = np.linalg.norm(x, axis=1), np.linalg.norm(x_hat, axis=1)
        self._ratios += float((norms_hat[norms > 0] / norms[norms > 0]).sum())
        self._n_ratios += int((norms > 0).sum())

    @property
    def mse(self) -> float:
        """Mean squared error of a pixel: Σ‖x − x_hat‖² / (n · n_pixels)."""
        return self._error / (self.n * self.n_pixels) if self.n else np.nan

    @property
    def fvu(self) -> float:
        """Fraction of variance unexplained, Σ‖x − x_hat‖² / Σ‖x − mean‖², ``mean`` (n_pixels,) of these images.

        A single mean for all pixels would add to the denominator what any constant picture explains, and flatter
        MNIST; a mean of per-image ratios would let the palest images decide.

        Raises:
            MeasureError: all images are the same.
        """
        if self.n and not self._around > 0:
            raise MeasureError("All images are the same: there is no variance to explain.")
        return self._error / self._around if self.n else np.nan

    @property
    def shrinkage(self) -> float:
        """Mean over images of ‖x_hat‖ / ‖x‖; below 1 where a penalty shrinks the codes. Black images do not count."""
        return self._ratios / self._n_ratios if self._n_ratios else np.nan

    @property
    def bias(self) -> float:
        """Relative reconstruction bias γ = Σ‖x_hat‖² / Σ x·x_hat: the factor by which reconstructions would have to be
        divided to lie nearest to the images; 1 is unbiased (Rajamanoharan et al. 2024, "Gated SAEs", section 3.2).
        """
        return self._energy / self._overlap if self._overlap else np.nan
