"""What each latent has to do with the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.metrics.reconstruction import MeasureError

__all__ = ["ClassStatistics"]

Array = NDArray[Any]


class ClassStatistics:
    """Streaming class sums over codes (n, n_latents) and labels (n,) in [0, n_classes), in float64."""

    def __init__(self, n_latents: int, n_classes: int, threshold: float = 0.0) -> None:
        self._threshold = threshold
        self._sum, self._fires = np.zeros((n_latents, n_classes)), np.zeros((n_latents, n_classes))
        self._images = np.zeros(n_classes)

    def update(self, codes: Array, labels: Array | None) -> None:
        """Take in a batch.

        Raises:
            MeasureError: labels are missing, too few, or beyond the classes.
        """
        n_classes = len(self._images)
        if labels is None or len(labels) != len(codes):
            raise MeasureError("Class selectivity and mutual information need a label for each image.")
        if len(labels) and not (labels.min() >= 0 and labels.max() < n_classes):
            raise MeasureError(f"A label is {labels.max()} or {labels.min()}, but they go from 0 to {n_classes - 1}.")
        one_hot = np.zeros((len(labels), n_classes))
        one_hot[np.arange(len(labels)), labels] = 1.0
        self._sum += codes.astype(np.float64).T @ one_hot
        self._fires += (codes > self._threshold).astype(np.float64).T @ one_hot
        self._images += one_hot.sum(axis=0)

    @property
    def class_mean(self) -> Array:
        """(n_latents, n_classes) mean code on the images of each class; NaN for a class without images."""
        with np.errstate(invalid="ignore"):
            return self._sum / self._images

    @property
    def preferred(self) -> Array:
        """(n_latents,) the class with the largest mean code; −1 for a latent that has none."""
        means = np.nan_to_num(self.class_mean, nan=-np.inf)
        return np.where(self._sum.any(axis=1), means.argmax(axis=1), -1)

    @property
    def selectivity(self) -> Array:
        """(n_latents,) (μ_max − μ_rest)/(μ_max + μ_rest): the largest class mean against the mean of the others'.

        0 where all classes drive it alike, 1 where one alone does; NaN for a latent without codes.
        Morcos et al. 2018, "On the importance of single directions", section 2.3.
        """
        means = np.sort(self.class_mean[:, self._images > 0], axis=1)
        if means.shape[1] < 2:
            return np.full(len(means), np.nan)
        rest = means[:, :-1].mean(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((means[:, -1] - rest) / (means[:, -1] + rest))

    @property
    def mutual_information(self) -> Array:
        """(n_latents,) I(fires; class) = Σ p(f, c) log₂ (p(f, c) / p(f) p(c)) in bits, from counts; at most 1 bit.

        0 for a latent that fires on none, or on all. The counts' own estimate, which is biased upwards by about
        (n_classes − 1)/(2 n ln 2) bits.
        """
        n = self._images.sum()
        information = np.zeros(len(self._fires))
        if not n:
            return information
        of_class = self._images / n
        for joint in (self._fires / n, (self._images - self._fires) / n):
            of_state = joint.sum(axis=1, keepdims=True)
            with np.errstate(invalid="ignore", divide="ignore"):
                terms = joint * np.log2(joint / (of_state * of_class))
            information += np.nan_to_num(terms).sum(axis=1)
        return information
