"""Natural-image patches: the course's own, or made the same way from the photographs that scikit-learn ships."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import DataError

__all__ = ["N_PATCHES", "N_TEST", "SIDE", "cut", "normalise", "photographs", "sample", "whiten"]

Array = NDArray[Any]

SIDE = 8
N_PATCHES = 10_000
N_TEST = 2_000
"""More of them, cut elsewhere at random, to judge by."""
CUTOFF = 0.4
"""Of the sampling rate: Olshausen & Field's f0, 200 cycles in a picture of 512 pixels."""


@cache
def photographs() -> tuple[Array, ...]:
    """scikit-learn's two sample photographs (427 × 640 pixels), grey and whitened."""
    from sklearn.datasets import load_sample_images

    return tuple(whiten(image.astype(np.float64).mean(axis=2) / 255.0) for image in load_sample_images().images)


def whiten(image: Array) -> Array:
    """A grey image (height, width) through |f| exp(−(f/f0)⁴), then at variance 0.1.

    As Olshausen & Field made ``IMAGES.mat`` ("Emergence of simple-cell receptive field properties", 1996): |f|
    undoes the 1/f of natural images, the exponential drops the corners of the spectrum, which are noise.

    Raises:
        DataError: the image is constant.
    """
    if float(np.ptp(image)) == 0.0:
        raise DataError("A constant image cannot be whitened: all its pixels are the same.")
    down, right = np.meshgrid(*(np.fft.fftfreq(n) for n in image.shape), indexing="ij")
    frequency = np.hypot(down, right)
    spectrum = np.fft.fft2(image - image.mean()) * frequency * np.exp(-((frequency / CUTOFF) ** 4))
    white = np.fft.ifft2(spectrum).real
    flat: Array = white * (np.sqrt(0.1) / white.std())
    return flat


def sample(images: Sequence[Array], n: int = N_PATCHES, side: int = SIDE, seed: int = 0) -> Array:
    """(n, side²) squares at random places of randomly chosen images (sampleIMAGES.m), not yet normalised.

    Raises:
        DataError: an image is smaller than a patch.
    """
    random = np.random.default_rng(seed)
    for image in images:
        if min(image.shape) < side:
            raise DataError(f"An image of {image.shape[0]}×{image.shape[1]} has no room for {side}×{side} patches.")
    patches = np.empty((n, side * side))
    for row, which in enumerate(random.integers(len(images), size=n)):
        image = images[which]
        top, left = (random.integers(length - side + 1) for length in image.shape)
        patches[row] = image[top : top + side, left : left + side].ravel()
    return patches


def cut(images: Sequence[Array], side: int = SIDE, seed: int = 0) -> tuple[Array, Array]:
    """`N_PATCHES` normalised patches to learn from, exactly the course's of that seed, and `N_TEST` to judge by.

    Raises:
        DataError: an image is constant, or smaller than a patch.
    """
    train, test = sample(images, N_PATCHES, side, seed), sample(images, N_TEST, side, seed + 2**31)
    return normalise(train), normalise(test, train)


def normalise(patches: Array, as_these: Array | None = None) -> Array:
    """The course's normalizeData: each **patch's** mean off, cut at ±3 standard deviations of all, then to [0.1, 0.9].

    ``patches`` (n, n_visible); the deviation is theirs, or that of ``as_these``, which others are to be judged beside.
    MATLAB's ``mean(patches)`` is one number for each patch, a column there; ports that take the mean of a pixel over
    patches, or of everything, train on other data.

    Raises:
        DataError: the patches are constant.
    """
    centred = patches - patches.mean(axis=1, keepdims=True)
    others = centred if as_these is None else as_these - as_these.mean(axis=1, keepdims=True)
    bound = 3.0 * float(others.std(ddof=1))
    if not bound > 0:
        raise DataError("These patches are constant, so there is nothing to learn from them.")
    squeezed: Array = (np.clip(centred, -bound, bound) / bound + 1.0) * 0.4 + 0.1
    return squeezed
