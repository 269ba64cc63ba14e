"""Per latent: the images that show best what it responds to, and how its activations are distributed. Plain numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

__all__ = ["BANDS", "BINS", "Gallery", "hang"]

BINS = 24
N_TOP = 16
BANDS, N_BAND = 4, 8
N_RANDOM = 8


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """As `answers.LatentCensus` describes the fields of these names."""

    max: NDArray[np.float32]
    histogram: NDArray[np.int64]
    top_images: NDArray[np.int64]
    top_codes: NDArray[np.float32]
    quantile_images: NDArray[np.int64]
    quantile_codes: NDArray[np.float32]
    random_images: NDArray[np.int64]
    random_codes: NDArray[np.float32]


def hang(codes: csc_array, seed: int = 0) -> Gallery:
    """The gallery of every latent, of codes (n_images, n_latents) that fire; ``seed`` draws the random images."""
    n_latents = codes.shape[1]
    chosen = N_TOP + BANDS * N_BAND + N_RANDOM
    images = np.full((n_latents, chosen), -1, np.int64)
    values = np.zeros((n_latents, chosen), np.float32)
    largest = np.zeros(n_latents, np.float32)
    histogram = np.zeros((n_latents, BINS), np.int64)
    random = np.random.default_rng(seed)
    for latent in range(n_latents):
        start, end = codes.indptr[latent : latent + 2]
        if start == end:
            continue
        fired = codes.data[start:end]
        order = np.argsort(-fired, kind="stable")
        largest[latent] = fired[order[0]]
        bins = np.minimum((fired * (BINS / largest[latent])).astype(np.int64), BINS - 1)
        histogram[latent] = np.bincount(bins, minlength=BINS)
        ranks = _ranks(len(order), random)
        found = order[np.maximum(ranks, 0)]
        images[latent] = np.where(ranks < 0, -1, codes.indices[start:end][found])
        values[latent] = np.where(ranks < 0, 0.0, fired[found])
    parts = np.cumsum([N_TOP, BANDS * N_BAND])
    (top_i, quantile_i, random_i), (top, quantile, rand) = (np.split(one, parts, axis=1) for one in (images, values))
    bands = (n_latents, BANDS, N_BAND)
    return Gallery(largest, histogram, top_i, top, quantile_i.reshape(bands), quantile.reshape(bands), random_i, rand)


def _ranks(n: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Which of ``n`` images in order of their codes are hung: the first, some of each band, a random few; −1: none."""
    top = np.arange(N_TOP)
    bands = []
    for band in range(BANDS):
        low, high = band * n // BANDS, (band + 1) * n // BANDS
        inside = low + (np.arange(N_BAND) * 2 + 1) * (high - low) // (2 * N_BAND)
        if high - low < N_BAND:
            inside = np.where(np.arange(N_BAND) < high - low, low + np.arange(N_BAND), -1)
        bands.append(inside)
    drawn = np.sort(random.choice(n, min(n, N_RANDOM), replace=False))
    lucky = np.full(N_RANDOM, -1)
    lucky[: len(drawn)] = drawn
    return np.concatenate([np.where(top < n, top, -1), *bands, lucky])
