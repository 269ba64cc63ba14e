"""How sparse codes are: by image, by latent, and as a population."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.metrics.reconstruction import MeasureError

__all__ = ["WIDEST", "CodeStatistics", "gini", "hoyer", "kl_divergence", "vinje_gallant"]

Array = NDArray[Any]

WIDEST = 8_192
"""Latents up to which the codes' covariance is kept (512 MB): beyond, there is no participation ratio."""


def hoyer(codes: Array) -> Array:
    """(n,) (√N − ‖z‖₁/‖z‖₂) / (√N − 1) of each row (n, N): 1 for one code alone, 0 for N equal ones, NaN for none.

    Hoyer 2004, "Non-negative matrix factorization with sparseness constraints", section 3.1.
    """
    root = np.sqrt(codes.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(codes).sum(axis=1, dtype=np.float64) / np.sqrt((codes.astype(np.float64) ** 2).sum(axis=1))
        return np.asarray((root - ratio) / (root - 1))


def gini(codes: Array) -> Array:
    """(n,) 1 − 2 Σ_k (z_(k)/‖z‖₁) (N − k + ½)/N, z_(k) ascending, k from 1: 0 for equal codes, 1 − 1/N for one alone.

    Hurley & Rickard 2009, "Comparing measures of sparsity", table I. NaN for a row without codes.
    """
    n = codes.shape[1]
    ascending = np.sort(np.abs(codes).astype(np.float64), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - 2 * (ascending @ ((n - np.arange(n) - 0.5) / n)) / ascending.sum(axis=1))


def vinje_gallant(total: Array, squares: Array, n: int) -> Array:
    """S = (1 − a) / (1 − 1/n), a = (Σr/n)² / (Σr²/n): from sums and sums of squares of n responses each.

    Over the images of one latent: lifetime sparsity. Over the latents of one image: population sparsity. 0 where all
    respond alike, 1 where one of n does, NaN where none does. Vinje & Gallant 2000, Science 287, p. 1275.
    """
    if n < 2:
        return np.full(np.shape(total), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((1 - total**2 / (n * squares)) / (1 - 1 / n))


def kl_divergence(rho: float, rho_hat: Array) -> Array:
    """KL(ρ ‖ ρ̂_j) = ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)) in nats (Ng, CS294A notes, section 3).

    Raises:
        MeasureError: a ρ̂ is not in (0, 1), as codes of a sigmoid are.
    """
    if not ((rho_hat > 0) & (rho_hat < 1)).all():
        raise MeasureError("KL needs mean activations in (0, 1), which the codes of a sigmoid have.")
    return np.asarray(rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat)))


class CodeStatistics:
    """Streaming sums over codes (n, n_latents), in float64; a latent fires where its code is above ``threshold``.

    ``window``: a latent is dead when it fired on none of the last so many images; None for all there were.
    """

    def __init__(self, n_latents: int, threshold: float = 0.0, window: int | None = None) -> None:
        self.n, self.n_latents, self._threshold, self._window = 0, n_latents, threshold, window
        self._fires, self._last = np.zeros(n_latents), np.full(n_latents, -1)
        self._sum, self._squares, self._largest = np.zeros(n_latents), np.zeros(n_latents), np.zeros(n_latents)
        self._l1 = 0.0
        self._by_image = np.zeros(3)
        self.n_silent = 0
        self._mean = np.zeros(n_latents)
        self._scatter = np.zeros((n_latents, n_latents)) if n_latents <= WIDEST else None

    def update(self, codes: Array) -> None:
        """Take in a batch, in the order in which images are seen.

        Raises:
            MeasureError: another number of latents, or a code that is not finite.
        """
        if codes.ndim != 2 or codes.shape[1] != self.n_latents:
            raise MeasureError(f"Codes of shape {codes.shape} are not of {self.n_latents} latents.")
        if not np.isfinite(codes).all():
            raise MeasureError("Among the codes is a value that is infinite or not a number.")
        if not len(codes):
            return
        codes = codes.astype(np.float64)
        fires = codes > self._threshold
        self._fires += fires.sum(axis=0)
        last = len(codes) - 1 - fires[::-1].argmax(axis=0)
        self._last = np.where(fires.any(axis=0), self.n + last, self._last)
        self._sum += codes.sum(axis=0)
        self._squares += (codes**2).sum(axis=0)
        self._largest = np.maximum(self._largest, codes.max(axis=0))
        self._l1 += float(np.abs(codes).sum())
        lit = np.abs(codes).sum(axis=1) > 0
        self.n_silent += int((~lit).sum())
        self._add_images(codes[lit])
        self._add_scatter(codes)
        self.n += len(codes)

    def _add_images(self, codes: Array) -> None:
        if len(codes) and self.n_latents > 1:
            population = vinje_gallant(codes.sum(axis=1), (codes**2).sum(axis=1), self.n_latents)
            self._by_image += [hoyer(codes).sum(), gini(codes).sum(), population.sum()]

    def _add_scatter(self, codes: Array) -> None:
        """Σ (z − mean)(z − mean)ᵀ, merged with what was there (Chan, Golub & LeVeque 1979)."""
        if self._scatter is None:
            return
        mean = codes.mean(axis=0)
        apart = mean - self._mean
        centred = codes - mean
        self._scatter += centred.T @ centred
        self._scatter += np.outer(apart, apart) * (self.n * len(codes) / (self.n + len(codes)))
        self._mean += apart * len(codes) / (self.n + len(codes))

    @property
    def density(self) -> Array:
        """(n_latents,) share of the images on which each fires."""
        return self._fires / max(1, self.n)

    @property
    def l0(self) -> float:
        """Latents that fire per image: mean #{z > threshold}. Codes of a sigmoid are never 0, hence the threshold."""
        return float(self._fires.sum()) / self.n

    @property
    def l1(self) -> float:
        """Mean over images of ‖z‖₁, in the codes' unit."""
        return self._l1 / self.n

    @property
    def never(self) -> Array:
        """(n_latents,) whether it fired on none of all images."""
        return np.asarray(self._fires == 0)

    @property
    def window(self) -> int:
        """Images that "dead" looks back on."""
        return min(self.n, self._window or self.n)

    @property
    def dead(self) -> Array:
        """(n_latents,) whether it fired on none of the last `window` images."""
        return self._last < self.n - self.window

    @property
    def mean(self) -> Array:
        """(n_latents,) mean code; ρ̂ of a sigmoid's."""
        return self._sum / max(1, self.n)

    @property
    def largest(self) -> Array:
        """(n_latents,) the strongest code."""
        return self._largest

    @property
    def lifetime(self) -> Array:
        """(n_latents,) lifetime sparsity (`vinje_gallant` over images); NaN for a latent without any code."""
        return vinje_gallant(self._sum, self._squares, self.n)

    def image_means(self) -> tuple[float, float, float]:
        """Mean `hoyer`, `gini` and population sparsity over the images that have codes at all."""
        counted = self.n - self.n_silent
        if not counted or self.n_latents < 2:
            return np.nan, np.nan, np.nan
        first, second, third = (float(value) for value in self._by_image / counted)
        return first, second, third

    @property
    def participation_ratio(self) -> float:
        """(Σλ)² / Σλ² of the eigenvalues λ of the codes' covariance: how many directions carry the codes' variance.

        As (tr C)² / tr C²: no eigenvalue is worked out. NaN where codes do not vary, or for more than `WIDEST` latents.
        Gao et al. 2017, "A theory of multineuronal dimensionality", equation 5.
        """
        if self._scatter is None:
            return np.nan
        squares = float(np.einsum("ij,ij->", self._scatter, self._scatter))
        return float(np.trace(self._scatter)) ** 2 / squares if squares > 0 else np.nan
