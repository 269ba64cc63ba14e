"""An image taken apart: what each latent adds to it, and what comes of changing their codes.

x_hat = b_dec + Σ_j codes_j · filter_j: the reconstruction *is* a sum, so its terms can be laid out, left out, and
changed. The browser computes the same while a handle is dragged (``dashboard/components/apart/sum.js``); a test
holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Edit", "Sum", "edited", "interpolated", "plane", "sum_of"]

Array = NDArray[np.float64]
Floats = NDArray[Any]

PLANE_IMAGES_AT_LEAST = 3
"""Fewer points than this span no plane."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done to one latent's code: ``scale`` multiplies it (0 ablates), ``clamp`` sets it, whatever it was."""

    latent: int
    kind: Literal["scale", "clamp"]
    value: float


@dataclass(frozen=True, slots=True)
class Sum:
    """A reconstruction as a sum, its strongest terms first.

    Shapes: ``order`` (n_terms,) latents; ``amounts`` (n_terms,) their codes; ``partial`` (n_terms + 1, n_pixels),
    ``partial[0]`` being the bias, ``partial[i]`` what the first i terms make of it, and the last the reconstruction.
    """

    order: NDArray[np.int64]
    amounts: Array
    partial: Array

    @property
    def x_hat(self) -> Array:
        """(n_pixels,) the reconstruction, where the partial sums end."""
        return np.asarray(self.partial[-1])


def sum_of(codes: Floats, filters: Floats, b_dec: Floats) -> Sum:
    """The reconstruction of one image as a sum, in float64.

    ``codes`` (n_latents,), ``filters`` (n_latents, n_pixels), ``b_dec`` (n_pixels,). Terms with a code of exactly 0
    are left out; the others come by |code| · ‖filter‖, ties in the latents' own order.
    """
    codes = np.asarray(codes, np.float64)
    lit = np.flatnonzero(codes)
    strength = np.abs(codes[lit]) * np.linalg.norm(np.asarray(filters[lit], np.float64), axis=1)
    order = lit[np.argsort(-strength, kind="stable")]
    terms = codes[order, None] * np.asarray(filters[order], np.float64)
    partial = np.cumsum(np.concatenate([np.asarray(b_dec, np.float64)[None], terms]), axis=0)
    return Sum(order, codes[order], partial)


def edited(codes: Floats, edits: Iterable[Edit]) -> Array:
    """The codes (n_latents,) after edits, in their order.

    Raises:
        ValueError: a latent that does not exist.
    """
    changed = np.array(codes, np.float64)
    for edit in edits:
        if not 0 <= edit.latent < len(changed):
            raise ValueError(f"There is no latent {edit.latent}: there are {len(changed)}, counted from 0.")
        changed[edit.latent] = edit.value if edit.kind == "clamp" else changed[edit.latent] * edit.value
    return changed


def interpolated(a: Floats, b: Floats, t: float) -> Array:
    """(n_latents,) the codes a share ``t`` of the way from ``a`` to ``b``: (1 − t) a + t b."""
    between: Array = (1.0 - t) * np.asarray(a, np.float64) + t * np.asarray(b, np.float64)
    return between


def plane(codes: Floats) -> tuple[Array, Array]:
    """Where images lie in code space: positions (n, 2), and the share of the codes' variance each direction holds.

    With two latents it is the plane itself; with more, the first two principal components; with one, a line. Where
    nothing varies, every image lies at 0.
    """
    codes = np.asarray(codes, np.float64)
    n, n_latents = codes.shape
    variance = codes.var(axis=0)
    if n_latents <= 2:
        places = np.zeros((n, 2))
        places[:, :n_latents] = codes
        shares = np.zeros(2)
        shares[:n_latents] = variance / max(float(variance.sum()), 1e-30)
        return places, shares
    if n < PLANE_IMAGES_AT_LEAST or not variance.any():
        return np.zeros((n, 2)), np.zeros(2)
    return _principal(codes - codes.mean(axis=0))


def _principal(centred: Array) -> tuple[Array, Array]:
    """Positions (n, 2) along the two directions of largest variance, and the shares of variance they hold.

    From the smaller of the two products of ``centred`` (n, n_latents) with itself. Signs are such that the image
    farthest out lies on the positive side.
    """
    from scipy.linalg import eigh

    n, n_latents = centred.shape
    by_image = n <= n_latents
    product = centred @ centred.T if by_image else centred.T @ centred
    values, vectors = eigh(product, subset_by_index=[len(product) - 2, len(product) - 1])
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    places = vectors * np.sqrt(values) if by_image else centred @ vectors
    places *= np.where(places[np.abs(places).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    return places, values / float(np.trace(product))
