"""What a running model shows of itself: plain, frozen, copied numpy data.

Three sizes: a `Row` of numbers for the curves, a `Frame` for the moving picture (quantised, twenty a
second) and a `Snapshot` with float weights and the census of every latent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.config import Config

__all__ = ["Census", "Digits", "Frame", "Histogram", "Row", "Snapshot", "Terms"]

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Terms:
    """The objective's terms on recent batches: ``J = reconstruction + weight * sparsity + decay + auxiliary``.

    ``reconstruction`` is the training FVU, ``sparsity`` the unweighted, dimensionless penalty,
    ``weight`` what multiplies it (warm-up included), ``decay`` the weight-decay term and ``auxiliary`` the gates' and
    the dead latents' own terms as they enter J.
    """

    reconstruction: float
    sparsity: float
    weight: float
    decay: float
    auxiliary: float = 0.0

    @property
    def objective(self) -> float:
        """J, the number being minimised."""
        return self.reconstruction + self.weight * self.sparsity + self.decay + self.auxiliary


@dataclass(frozen=True, slots=True)
class Row:
    """One point of every curve. Shares are of 1; ``seconds`` is training time, pauses left out."""

    step: int
    images: int
    epoch: float
    seconds: float
    images_per_second: float
    terms: Terms
    fvu: float
    """Fraction of variance unexplained, on recent training batches."""
    l0: float
    """Latents that fire per image."""
    dead_fraction: float
    penalty_weight: float
    """The dial: penalty_weight, beta or k of the moment; 0 for a method without one."""
    largest_weight: float | None = None
    """The weight from which on everything is dead; None where there is none, or nobody worked it out."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts[i]`` values lie in ``[edges[i], edges[i + 1])``; the last bin takes what is beyond."""

    edges: Floats
    counts: Floats


@dataclass(frozen=True, slots=True)
class Digits:
    """The fixed digits (and the strangers at their end), as the model sees them.

    Shapes: ``x``, ``x_hat`` (n_digits, n_pixels) in [0, 1] (``x_hat`` unclipped); ``codes`` (n_digits, n_latents).
    """

    x: Floats
    x_hat: Floats
    codes: Floats
    names: tuple[str, ...]
    fvu: Floats
    """Per image: squared error over the image's squared distance from the training mean."""
    l0: Ints


@dataclass(frozen=True, slots=True)
class Frame:
    """One live picture. Shapes: ``filters``, ``encoder`` (n_latents, n_pixels) uint8, 128 is zero and each
    row is scaled by its own largest magnitude; ``lit`` (n_digits, n_latents) uint8, 0 exactly where the latent
    does not fire, else 1..255 relative to the digit's strongest; ``x``, ``x_hat`` (n_digits, n_pixels) uint8.
    """

    row: Row
    image_shape: tuple[int, ...]
    filters: Bytes | None
    encoder: Bytes | None
    lit: Bytes
    x: Bytes
    x_hat: Bytes
    digit_names: tuple[str, ...]
    digit_fvu: tuple[float, ...]
    digit_l0: tuple[int, ...]
    density: Floats
    """(n_latents,) share of recent images on which each latent fired."""
    dead: Bytes
    """(n_latents,) 1 where the latent fired on none of the last ``dead_window`` images."""
    activations: Histogram
    """Magnitudes of the codes that fired in the last batch."""
    densities: Histogram
    """log10 density over latents; the first bin holds those that never fired."""


@dataclass(frozen=True, slots=True)
class Census:
    """Every latent over the whole test set.

    Shapes: ``density``, ``mean`` (n_latents,); ``class_mean`` (n_latents, n_classes) mean activation per class;
    ``top_images``, ``top_codes`` (n_latents, n_top) indices into the test set and their activations,
    strongest first; −1 and 0 where fewer images fire it.
    """

    n_images: int
    fvu: float
    l0: float
    l1: float
    """Mean over images of the codes' absolute sum."""
    dead_fraction: float
    """Share of latents that fired on no test image."""
    density: Floats
    mean: Floats
    class_mean: Floats
    top_images: Ints
    top_codes: Floats


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The model at one step, copied: float weights, fixed digits, histograms and the census.

    Shapes: ``filters`` (the dictionary's rows) and ``encoder`` (n_latents, n_pixels); ``b_enc`` (n_latents,);
    ``b_dec`` (n_pixels,), which is also b_pre.
    """

    config: Config
    row: Row
    image_shape: tuple[int, ...]
    filters: Floats
    encoder: Floats
    b_enc: Floats
    b_dec: Floats
    digits: Digits
    density: Floats
    dead: Bytes
    activations: Histogram
    densities: Histogram
    census: Census
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """The method's own tensors by name (`sparsity.base.Extra`), such as learned thresholds."""
