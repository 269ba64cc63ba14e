"""What the last few thousand images said: running means, densities, and who has fallen silent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sae_core.snapshot import Terms

if TYPE_CHECKING:
    from sae_core.kernels.rows import Views

__all__ = ["DENSITY_WINDOW", "TERMS_WINDOW", "Clock", "Recent"]

TERMS_WINDOW = 5_120
"""Images the terms are averaged over (e-folding): 20 batches of 256, some 0.2 s on one core."""

DENSITY_WINDOW = 20_480
"""Images densities are averaged over (e-folding): a density of 1 in 10,000 is still told from never."""

_NUMBERS = ("reconstruction", "sparsity", "l0", "weight", "decay", "auxiliary")


class Recent:
    """Exponential means over images: value ← value + a (batch − value), a = batch / min(images, window), at most 1.

    So at first it is the plain mean (no start value to forget), and windows are in images, whatever the batch size.
    ``density`` (n_latents,) is the share of recent images on which each latent fired; ``last_fired`` (n_latents,)
    int64 the number of images seen when it last did, exact to the batch, 0 if never.
    """

    def __init__(self, n_latents: int, batch_size: int, like: Tensor, *, wide: bool = False) -> None:
        self.batch_size, self._wide = batch_size, wide
        self._views: Views | None = None
        self.reconstruction = self.sparsity = self.l0 = 0.0
        self.weight = self.decay = self.auxiliary = 0.0
        self.density = like.new_zeros(n_latents)
        self.last_fired = torch.zeros(n_latents, dtype=torch.int64, device=like.device)

    def observe_(self, counts: Tensor, terms: Terms, images: int) -> None:
        """Take in a batch: on how many of its images each latent fired, its terms, the images seen including it."""
        l0 = self._fired_(counts, images) / self.batch_size
        rate = self._rate(images, TERMS_WINDOW)
        self.reconstruction += rate * (terms.reconstruction - self.reconstruction)
        self.sparsity += rate * (terms.sparsity - self.sparsity)
        self.l0 += rate * (l0 - self.l0)
        self.auxiliary += rate * (terms.auxiliary - self.auxiliary)
        self.weight, self.decay = terms.weight, terms.decay

    def _fired_(self, counts: Tensor, images: int) -> float:
        """How often in the batch."""
        rate = self._rate(images, DENSITY_WINDOW)
        if self._wide:
            from sae_core.kernels.recent import observe_
            from sae_core.kernels.rows import Views

            self._views = self._views or Views()
            return observe_(counts, self.density, self.last_fired, self.batch_size, rate, images, self._views)
        self.last_fired.masked_fill_(counts > 0, images)
        self.density.lerp_(counts / self.batch_size, rate)
        return float(counts.sum())

    @property
    def terms(self) -> Terms:
        """The objective's terms, averaged; weight and decay are the last step's."""
        return Terms(self.reconstruction, self.sparsity, self.weight, self.decay, self.auxiliary)

    def dead(self, images: int, window: int) -> Tensor:
        """(n_latents,) bool: fired on none of the last ``window`` images. Before that many, none is dead."""
        return self.last_fired <= images - window

    def numbers(self) -> dict[str, float]:
        """The scalars, for a checkpoint."""
        return {name: getattr(self, name) for name in _NUMBERS}

    def restore_(self, numbers: dict[str, float]) -> None:
        """Take up the scalars of a checkpoint."""
        for name in _NUMBERS:
            setattr(self, name, numbers.get(name, 0.0))

    def _rate(self, images: int, window: int) -> float:
        return min(1.0, self.batch_size / min(images, window))


class Clock:
    """Training time in seconds, and the rate: the time between steps counts, unless it is long enough to be a pause."""

    PAUSE = 0.5
    """Seconds between two steps that are no longer training."""
    WINDOW = 0.5
    """Seconds the rate is averaged over (e-folding of time)."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.images_per_second = 0.0
        self._last: float | None = None
        self._began = 0.0

    def begin(self) -> None:
        """A step begins."""
        self._began = time.perf_counter()

    def end(self, images: int) -> None:
        """It ended; it took in that many images."""
        now = time.perf_counter()
        idle = self._began - self._last if self._last is not None else 0.0
        spent = now - self._began + (idle if idle < self.PAUSE else 0.0)
        self._last = now
        self.seconds += spent
        weight = spent / (spent + self.WINDOW) if self.images_per_second else 1.0
        self.images_per_second += weight * (images / max(spent, 1e-9) - self.images_per_second)
