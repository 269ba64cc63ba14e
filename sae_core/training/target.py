"""A target instead of a weight: ask for an outcome, and the weight that leads there is found while training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sae_core.config import Config
from sae_core.sparsity import METHODS

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["Controller", "largest_weight"]

RATE = 1 / 250
"""Change of ln(weight) a step, for every e-fold that the measure is off target."""

LARGEST_ERROR = 1.0
"""In e-folds: beyond it the weight moves no faster, so that it cannot run away while the model follows."""

MEASURE_WINDOW = 2_560
"""Images the measure is averaged over (e-folding): 10 batches of 256."""

SMALLEST_SHARE = 1e-5
"""Of the largest weight: the controller goes no lower, where a penalty does nothing."""

MOST_IMAGES = 65_536
"""Images looked at for the largest weight: 60 ms for MNIST's 60,000."""

LARGEST = 100.0
"""Of a weight for which the data sets no limit: what `Config` allows."""


def largest_weight(config: Config, images: Images) -> float | None:
    """λ_max: from this weight on no code of any unit-norm dictionary pays for itself, so that everything is dead.

    See the method's own docstring for why; None for a method without a limit. Of data larger than `MOST_IMAGES` the
    first that many are looked at.
    """
    method = METHODS[config.method]
    if method.largest_weight(1.0) is None:
        return None
    return method.largest_weight(_longest(images.train[:MOST_IMAGES], images.mean) / math.sqrt(images.variance))


def _longest(x: NDArray[Any], mean: NDArray[Any]) -> float:
    """The largest ‖x − mean‖ of any image."""
    return max(float(np.linalg.norm(x[i : i + 1024] - mean, axis=1).max()) for i in range(0, len(x), 1024))


class Controller:
    """ln weight ← ln weight + RATE · clip(ln(measure / target), ±1) after every step, once the warm-up is over.

    The measure is what the method's target is of (L0, or the mean ρ̂), averaged over recent images. Integral control
    in the logarithm: L0 falls about as weight^−1.2 over its useful range (measured on MNIST, all three penalties),
    so the loop's gain is the same everywhere; at this rate it settles in some 1,500 steps and overshoots by less
    than a third. No randomness: with its two numbers in the checkpoint a run goes on bit for bit.
    """

    def __init__(self, config: Config, limit: float | None) -> None:
        self.weight = METHODS[config.method].weight(config)
        self.measure = 0.0
        self.high = LARGEST if limit is None else limit
        self.low = SMALLEST_SHARE * self.high
        self.weight = min(self.high, max(self.low, self.weight))

    def observe(self, measured: float, config: Config, images: int, step: int) -> None:
        """Take in what the batch of ``step`` measured; ``images`` seen, this batch included."""
        rate = min(1.0, config.batch_size / min(images, MEASURE_WINDOW))
        self.measure += rate * (measured - self.measure)
        if step >= config.warmup_steps:
            error = math.log(max(self.measure, 1e-6) / config.target)
            change = math.exp(RATE * max(-LARGEST_ERROR, min(LARGEST_ERROR, error)))
            self.weight = min(self.high, max(self.low, self.weight * change))

    def numbers(self) -> dict[str, float]:
        """For a checkpoint."""
        return {"controller.weight": self.weight, "controller.measure": self.measure}

    def restore_(self, numbers: Mapping[str, float]) -> None:
        """Take up what `numbers` gave; where a run had no controller then, this one is as it starts."""
        self.weight = numbers.get("controller.weight", self.weight)
        self.measure = numbers.get("controller.measure", self.measure)
