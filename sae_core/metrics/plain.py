"""What is measured, defined once on plain arrays; streaming versions elsewhere are held to these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.snapshot import Floats, Histogram

__all__ = [
    "DENSE",
    "DENSITY_EDGES",
    "Evaluation",
    "densities",
    "density_histogram",
    "fvu",
    "image_fvu",
    "mean_l0",
    "mean_l1",
]

DENSE = 0.25
"""A latent that fires on more than this share of images is dense.

Papers say .1, of dictionaries a hundred times as wide. Here a good one of 256 latents lights 22 to 27 for an image, so
that an ordinary latent fires on .1 of them: at .1 a fourth to a half of a default run was "dense" (MNIST). At .25 none
is, and 99% are where the penalty is .01, lights 161 and sorts nothing.
"""

DENSITY_EDGES: Floats = np.concatenate([[-5.25], np.linspace(-5.0, 0.0, 21)]).astype(np.float32)
"""log10 density in quarter decades from 1 image in 100,000 to all of them; the first bin is "never"."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a model does on images it has not learned from."""

    n_images: int
    mse: float
    """Mean squared error of a pixel."""
    fvu: float
    """Σ‖x − x_hat‖² / Σ‖x − mean‖², the mean being the evaluated images' own."""
    l0: float
    """Latents that fire per image."""
    l1: float
    """Mean over images of the codes' absolute sum."""
    dead_fraction: float
    """Share of latents that fired on none of the images."""
    density: Floats
    """(n_latents,) share of the images on which each latent fires."""


def fvu(x: Array, x_hat: Array) -> float:
    """Fraction of variance unexplained, Σ‖x − x_hat‖² / Σ‖x − mean‖²; both (n, n_pixels). The mean predictor has 1."""
    x, x_hat = np.asarray(x, np.float64), np.asarray(x_hat, np.float64)
    return float(((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())


def image_fvu(x: Array, x_hat: Array, mean: Array) -> Floats:
    """(n,) per-image FVU: ‖x − x_hat‖² / ‖x − mean‖², ``mean`` (n_pixels,) being the training mean."""
    from_mean = ((x - mean) ** 2).sum(axis=1)
    shares: Floats = (((x - x_hat) ** 2).sum(axis=1) / np.maximum(from_mean, 1e-12)).astype(np.float32)
    return shares


def mean_l0(codes: Array, threshold: float = 0.0) -> float:
    """Mean number of codes (n, n_latents) above the threshold, latents per image."""
    return float((np.asarray(codes) > threshold).sum(axis=1).mean())


def mean_l1(codes: Array) -> float:
    """Mean over images of Σ|code|, in the codes' unit."""
    return float(np.abs(np.asarray(codes, np.float64)).sum(axis=1).mean())


def densities(codes: Array, threshold: float = 0.0) -> Floats:
    """(n_latents,) share of images on which each latent's code is above the threshold."""
    shares: Floats = (np.asarray(codes) > threshold).mean(axis=0).astype(np.float32)
    return shares


def density_histogram(density: Array, never: Array) -> Histogram:
    """Latents by log10 density; those marked in ``never`` (n_latents,) are in the first bin, all others beyond it."""
    living = np.asarray(density)[~np.asarray(never, bool)]
    logs = np.log10(np.maximum(living, 1e-12)).clip(-5.0, 0.0)
    counts, _ = np.histogram(logs, bins=DENSITY_EDGES[1:])
    silent = len(density) - len(living)
    return Histogram(edges=DENSITY_EDGES, counts=np.concatenate([[silent], counts]).astype(np.float32))
