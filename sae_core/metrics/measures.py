"""Every measure of a model on a set of images, in one frozen result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.metrics.classes import ClassStatistics
from sae_core.metrics.codes import CodeStatistics, kl_divergence
from sae_core.metrics.dictionary import coherence, mmcs, nearest
from sae_core.metrics.plain import DENSE, density_histogram
from sae_core.metrics.reconstruction import MeasureError, Reconstruction
from sae_core.snapshot import Floats, Histogram, Ints

__all__ = ["Measurement", "Measures"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Measures:
    """Numbers over all images, then a value for each latent. NaN where a measure does not apply or is not defined.

    The definitions, with their sources, are on what computes them: `Reconstruction`, `CodeStatistics`,
    `ClassStatistics`, `coherence`, `nearest`, `mmcs`.
    """

    n_images: int
    n_latents: int
    mse: float
    """Mean squared error of a pixel."""
    fvu: float
    """Fraction of variance unexplained, against each pixel's own mean over these images."""
    shrinkage: float
    """Mean ‖x_hat‖ / ‖x‖."""
    reconstruction_bias: float
    """Σ‖x_hat‖² / Σ x·x_hat."""
    l0: float
    """Latents that fire per image."""
    l1: float
    """Mean ‖codes‖₁."""
    hoyer: float
    """Mean over images that have codes."""
    gini: float
    """Mean over images that have codes."""
    population_sparsity: float
    """Vinje–Gallant over the latents of an image; mean over images that have codes."""
    lifetime_sparsity: float
    """Vinje–Gallant over the images of a latent; mean over latents that have codes."""
    silent_share: float
    """Share of images on which no code is other than 0."""
    rho_hat: float
    """Mean code of all latents and images."""
    kl: float
    """Σ_j KL(ρ ‖ ρ̂_j) in nats; NaN without a ρ."""
    dead_share: float
    """Share of latents that fired on none of the last ``dead_window`` images."""
    dead_window: int
    dense_share: float
    """Share of latents that fire on more than `DENSE` (25%) of the images."""
    participation_ratio: float
    """Directions that carry the codes' variance, between 1 and n_latents."""
    coherence: float
    """Largest |cosine| of two filters."""
    mean_nearest: float
    """Mean over filters of the largest cosine with another."""
    mmcs: float
    """Mean over the known features of the largest cosine with a filter; NaN where none are known."""
    class_selectivity: float
    """Mean over latents that have codes; NaN without labels."""
    mutual_information: float
    """I(fires; class) in bits, mean over latents that ever fire; NaN without labels."""

    density_histogram: Histogram
    """Latents by log10 density; the first bin holds those that never fired."""
    density: Floats
    mean: Floats
    """(n_latents,) mean code, ρ̂_j."""
    largest: Floats
    lifetime: Floats
    dead: NDArray[np.bool_]
    nearest: Floats
    selectivity: Floats | None
    """None without labels, as the two below."""
    information: Floats | None
    preferred: Ints | None
    """(n_latents,) index of the class with the largest mean code, −1 for none."""

    def numbers(self) -> dict[str, float]:
        """What is a number over all images, by name: for JSON, or a row of a table."""
        return {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), int | float)}

    def latents(self) -> dict[str, Array]:
        """A column (n_latents,) for each measure of a latent; those that need labels only where there are some."""
        columns = {"latent": np.arange(self.n_latents)}
        names = ("density", "dead", "mean", "largest", "lifetime", "nearest", "selectivity", "information", "preferred")
        for name in names:
            if (values := getattr(self, name)) is not None:
                columns[name] = values
        return columns


class Measurement:
    """Everything in `Measures`, from batches: however the images are split into them, the result is the same.

    ``threshold``: above it a code fires (`sparsity.firing_threshold`); ``rho``: the target of KL, for codes in (0, 1);
    ``n_classes``: 0 without labels; ``dead_window`` in images, None for all.
    """

    def __init__(
        self,
        n_latents: int,
        n_classes: int = 0,
        *,
        threshold: float = 0.0,
        rho: float | None = None,
        dead_window: int | None = None,
    ) -> None:
        self._reconstruction = Reconstruction()
        self._codes = CodeStatistics(n_latents, threshold, dead_window)
        self._classes = ClassStatistics(n_latents, n_classes, threshold) if n_classes else None
        self._rho = rho

    def update(self, x: Array, codes: Array, x_hat: Array, labels: Array | None = None) -> None:
        """Take in a batch: images and reconstructions (n, n_pixels), codes (n, n_latents), labels (n,).

        Raises:
            MeasureError: shapes do not fit, a number is not finite, or labels are missing where classes were announced.
        """
        if len(codes) != len(x):
            raise MeasureError(f"There are {len(x)} images, but codes of {len(codes)}.")
        self._reconstruction.update(x, x_hat)
        self._codes.update(codes)
        if self._classes is not None:
            self._classes.update(codes, labels)

    def result(self, dictionary: Array, known: Array | None = None) -> Measures:
        """All measures; ``dictionary`` (n_latents, n_pixels), ``known`` (n_known, n_pixels) the features to be found.

        Raises:
            MeasureError: there were no images, or all were the same.
        """
        images, codes, classes = self._reconstruction, self._codes, self._classes
        if not codes.n:
            raise MeasureError("There are no images to measure on.")
        hoyer, gini, population = codes.image_means()
        lifetime, near = codes.lifetime, nearest(dictionary)
        selectivity = classes.selectivity if classes else None
        information = classes.mutual_information if classes else None
        return Measures(
            n_images=codes.n,
            n_latents=codes.n_latents,
            mse=images.mse,
            fvu=images.fvu,
            shrinkage=images.shrinkage,
            reconstruction_bias=images.bias,
            l0=codes.l0,
            l1=codes.l1,
            hoyer=hoyer,
            gini=gini,
            population_sparsity=population,
            lifetime_sparsity=_mean(lifetime),
            silent_share=codes.n_silent / codes.n,
            rho_hat=float(codes.mean.mean()),
            kl=float(kl_divergence(self._rho, codes.mean).sum()) if self._rho is not None else np.nan,
            dead_share=float(codes.dead.mean()),
            dead_window=codes.window,
            dense_share=float((codes.density > DENSE).mean()),
            participation_ratio=codes.participation_ratio,
            coherence=coherence(dictionary),
            mean_nearest=_mean(near),
            mmcs=mmcs(known, dictionary) if known is not None else np.nan,
            class_selectivity=np.nan if selectivity is None else _mean(selectivity),
            mutual_information=np.nan if information is None else _mean(information[~codes.never]),
            density_histogram=density_histogram(codes.density, codes.never),
            density=codes.density.astype(np.float32),
            mean=codes.mean.astype(np.float32),
            largest=codes.largest.astype(np.float32),
            lifetime=lifetime.astype(np.float32),
            dead=codes.dead,
            nearest=near.astype(np.float32),
            selectivity=None if selectivity is None else selectivity.astype(np.float32),
            information=None if information is None else information.astype(np.float32),
            preferred=None if classes is None else classes.preferred.astype(np.int64),
        )


def _mean(values: Array) -> float:
    """The mean of what is a number; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
