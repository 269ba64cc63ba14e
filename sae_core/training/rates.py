"""The learning rate of the moment: what was asked for, by the width's rule and the schedule."""

from __future__ import annotations

import math

from sae_core.config import Config

__all__ = ["DECAY_SHARE", "REFERENCE_WIDTH", "Rates"]

REFERENCE_WIDTH = 256
"""Latents whose learning rate is the one asked for: the default width."""

DECAY_SHARE = 0.2
"""Of the run: the last steps, over which the linear schedule falls (SAELens' default)."""


class Rates:
    """rate(step) = learning_rate · width factor · schedule factor; ``step`` counts from 0, T steps in all.

    Width: √(REFERENCE_WIDTH / n_latents) where the config asks for it (sparsify: 2e-4/√(M/2¹⁴)). Schedule: 1;
    linear min(1, (T − step)/(DECAY_SHARE · T)); cosine ½ (1 + cos(π step/T)).
    """

    def __init__(self, config: Config, n_images: int) -> None:
        self.constant = config.schedule == "constant"
        self._schedule = config.schedule
        self._width = math.sqrt(REFERENCE_WIDTH / config.n_latents) if config.width_rule else 1.0
        self._steps = config.total_steps(n_images) or 1

    def at(self, step: int, learning_rate: float) -> float:
        """Adam's step size at this step."""
        rate = learning_rate * self._width
        if self._schedule == "linear":
            return rate * max(0.0, min(1.0, (self._steps - step) / (DECAY_SHARE * self._steps)))
        if self._schedule == "cosine":
            return rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / self._steps)))
        return rate
