"""What can be said of a dictionary without any image: how alike its filters are, and whether known ones came back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["coherence", "mmcs", "nearest"]

Array = NDArray[Any]

_ROWS = 1024
"""Rows compared with all others at a time."""


def nearest(dictionary: Array) -> Array:
    """(n_latents,) each filter's largest cosine with another one; NaN for a filter of zeros or one alone."""
    rows = _unit(dictionary)
    found = np.full(len(rows), np.nan)
    for start in range(0, len(rows), _ROWS):
        cosines = rows[start : start + _ROWS] @ rows.T
        here = np.arange(len(cosines))
        cosines[here, start + here] = -np.inf
        found[start : start + len(cosines)] = _largest(cosines)
    return found


def coherence(dictionary: Array) -> float:
    """max over i ≠ j of |cos(d_i, d_j)|, the dictionary's mutual coherence (Donoho & Huo 2001, section IV).

    NaN for fewer than two filters that are not zero.
    """
    rows = _unit(dictionary)
    rows = rows[~np.isnan(rows).any(axis=1)]
    largest = -np.inf
    for start in range(0, len(rows), _ROWS):
        cosines = np.abs(rows[start : start + _ROWS] @ rows.T)
        here = np.arange(len(cosines))
        cosines[here, start + here] = -np.inf
        largest = max(largest, float(cosines.max()))
    return largest if len(rows) > 1 else np.nan


def mmcs(known: Array, dictionary: Array) -> float:
    """Mean over the known features i of max_j cos(known_i, d_j): 1 where each has come back.

    Mean maximal cosine similarity; Sharkey, Braun & Millidge 2022, "Taking features out of superposition".
    ``known`` (n_known, n_pixels), ``dictionary`` (n_latents, n_pixels).
    """
    truth, rows = _unit(known), _unit(dictionary)
    best = [_largest(truth[start : start + _ROWS] @ rows.T) for start in range(0, len(truth), _ROWS)]
    return float(np.concatenate(best).mean())


def _unit(rows: Array) -> Array:
    """Rows at norm 1, float64; NaN for rows of zeros."""
    rows = np.asarray(rows, np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _largest(cosines: Array) -> Array:
    """(n,) the largest of each row, what is not a number left out; NaN where nothing is left."""
    best = np.where(np.isnan(cosines), -np.inf, cosines).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(best), best, np.nan)
