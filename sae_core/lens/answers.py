"""What the lens answers: plain, frozen numpy data; nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sae_core.runs.files import RunError
from sae_core.tensorfile import Arrays

__all__ = ["Answer", "Asked", "Encoding", "LatentCensus", "LensError", "Life"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class LensError(RunError):
    """Why a question cannot be answered: one sentence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a run: ``step`` None means its newest snapshot; ``arguments`` are JSON."""

    question: str
    run: str
    step: int | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """Arrays by name, and ``values`` that are JSON."""

    arrays: Arrays
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Arranged:
    """A dataclass of arrays and numbers that travels as an `Answer`."""

    @classmethod
    def from_answer(cls, answer: Answer) -> Self:
        """The answer, by name."""
        found = {**answer.arrays, **answer.values}
        return cls(**{one.name: found[one.name] for one in fields(cls)})

    def to_answer(self) -> Answer:
        """What travels."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        return Answer(arrays, {name: value for name, value in values.items() if name not in arrays})


@dataclass(frozen=True, slots=True)
class Encoding(_Arranged):
    """Images as a model sees them. Shapes: ``codes`` (n, n_latents), ``x_hat`` (n, n_pixels), unclipped."""

    step: int
    threshold: float
    """A code above this fires: 0, or 0.1 for sigmoid codes."""
    codes: Floats
    x_hat: Floats


@dataclass(frozen=True, slots=True)
class LatentCensus(_Arranged):
    """Every latent over the test set of ``n_images``.

    Indices of images count in the test set, −1 (with code 0) where fewer images fire the latent. A latent *fires* on
    an image where its code is above ``threshold``. Shapes, for L latents and C classes (0 without labels):
    """

    step: int
    n_images: int
    threshold: float
    fvu: float
    l0: float
    density: Floats
    """(L,) share of the images on which it fires."""
    mean: Floats
    """(L,) mean code over all images."""
    max: Floats
    """(L,) its largest code."""
    strength: Floats
    """(L,) mean code where it fires; 0 for a dead latent."""
    histogram: Ints
    """(L, bins) of the codes that fire, in equal bins from 0 to ``max``."""
    class_mean: Floats
    """(L, C) mean code per class, over all images of the class."""
    class_density: Floats
    """(L, C) share of the class's images on which it fires."""
    best_class: Ints
    """(L,) the class of the largest mean code; −1 where it is dead or there are no labels."""
    selectivity: Floats
    """(L,) (μ_best − μ_rest) / (μ_best + μ_rest) with μ_rest the mean of the other classes' mean codes: 0 for a latent
    that treats all alike, 1 for one that fires for a single class (Morcos et al. 2018, section 2.3)."""
    removal: Floats
    """(L,) by how much the FVU rises when the latent's code is set to 0 after encoding; negative: it does harm."""
    class_removal: Floats
    """(L, C) the same for the images of one class, as a share of that class's own part of the variance."""
    top_images: Ints
    top_codes: Floats
    """(L, n_top) the strongest, strongest first."""
    quantile_images: Ints
    quantile_codes: Floats
    """(L, bands, n) evenly spaced within each band of the images that fire it, ranked by code, strongest first: band b
    of B holds the ranks from b/B to (b + 1)/B."""
    random_images: Ints
    random_codes: Floats
    """(L, n) drawn without replacement from the images that fire it, strongest first."""
    together: Ints
    together_phi: Floats
    """(L, n) the latents that fire with it most: largest correlation φ of firing, largest first; −1 where there are
    none. φ = (p_ij − p_i p_j) / sqrt(p_i (1 − p_i) p_j (1 − p_j))."""
    apart: Ints
    apart_phi: Floats
    """(L, n) the latents that avoid it most: smallest φ first, negative ones only."""


@dataclass(frozen=True, slots=True)
class Life(_Arranged):
    """Each latent through the run's kept snapshots. Shapes, for S snapshots: ``steps``, ``images`` (S,)."""

    steps: Ints
    images: Ints
    n_images: Ints
    """(S,) test images that were looked at: some early snapshots look at a part of the test set only."""
    fvu: Floats
    l0: Floats
    """(S,) on the test set."""
    density: Floats
    """(S, L) on the test set."""
    strength: Floats
    """(S, L) mean code where it fires, on the test set."""
    likeness: Floats
    """(S, L) cosine of the filter with what it is in the last snapshot."""
    twin: Ints
    twin_cosine: Floats
    """(S, L) the other latent whose filter is most alike, and the cosine of the two."""
    dead: NDArray[np.uint8]
    """(S, L) 1 where it fires on none of the test images that were looked at."""
