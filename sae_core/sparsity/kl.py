"""KL: the classic sparse autoencoder, each unit drawn towards being active a share ρ of the time.

Source: Ng, "Sparse autoencoder", CS294A lecture notes (2011): sigmoid units, Σ_j KL(ρ ‖ ρ̂_j), weight decay
on both matrices. There ρ̂ is the mean over the whole training set; here it is a running
mean over recent batches, as Hinton proposes in "A practical guide to training restricted Boltzmann machines"
(2010), section 11.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from sae_core.sparsity.base import Batch, Extra, Method, through_activation_

if TYPE_CHECKING:
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["KL", "RHO_WINDOW"]

RHO_WINDOW = 512
"""Images over which ρ̂ is averaged (e-folding): 2 batches of 256.

A longer memory says ρ̂ more exactly and too late. Dragging β from .1 to 1 (256 latents, MNIST) lifts the FVU from .17
to at most .22 with 512 images, .54 with 1,024, 1.08 with 2,560, because units overshoot ρ and swing about it.
"""

EDGE = 1e-6
"""ρ̂ is kept this far from 0 and 1, where KL and its slope are infinite."""


class KL(Method):
    """sparsity = Σ_j KL(ρ ‖ ρ̂_j), KL(ρ ‖ ρ̂) = ρ ln(ρ/ρ̂) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂)), in nats.

    ρ̂ ← ρ̂ + a (m − ρ̂), m the batch's mean activation, a = batch / min(images seen, RHO_WINDOW), at most 1: the
    plain mean at first (so there is no start value to forget), then an exponential one.

    **The gradient takes dρ̂/dm = 1**: dKL/d code = KL'(ρ̂)/batch, KL'(ρ̂) = (1 − ρ)/(1 − ρ̂) − ρ/ρ̂. The running
    mean says *how far* a unit is from ρ; the batch at hand is what can be moved. (Taking dρ̂/dm = a would
    shrink the push by a, so that β meant something else for every window.) With a = 1, as in a full-batch
    run, it is exactly the gradient of KL(ρ ‖ m).
    """

    name = "kl"
    label = "KL divergence (classic, sigmoid)"
    summary = "Each unit is drawn towards being active a small share ρ of the time, as in the textbook."
    penalty = "KL to ρ"
    penalty_letters = ("Σ KL(ρ ‖ ρ̂)", "Σ KL(ρ ‖ ρ̂)")
    knobs = frozenset({"beta", "rho", "target_rho"})
    dial = "beta"
    target: ClassVar[str | None] = "target_rho"
    defaults = MappingProxyType(
        {"activation": "sigmoid", "learning_rate": 3e-3, "weight_decay": 1e-4, "decoder_norm": "free"}
    )
    """Found on MNIST with 256 latents: strokes in nearly all filters after 300 steps, in the encoder's too (which
    stays static without decay), FVU .15 and 31 lit after 800."""
    activations = ("sigmoid",)
    activation_reason = (
        "it compares each unit's mean activation with the target ρ as if both were probabilities, "
        "so codes must lie between 0 and 1; use activation 'sigmoid'."
    )
    extras = (Extra("rho_hat", trained=False),)

    def bias_start(self, config: Config) -> float:
        """ln(ρ/(1 − ρ)): every unit starts at ρ, instead of all half lit and then hurried there."""
        return math.log(config.rho / (1.0 - config.rho))

    def observe_(self, batch: Batch, images: int) -> None:
        """Move ρ̂ towards this batch's mean activation."""
        rate = min(1.0, batch.size / min(images, RHO_WINDOW))
        batch.extras["rho_hat"].lerp_(batch.codes.mean(0), rate).clamp_(EDGE, 1.0 - EDGE)

    def measure(self, batch: Batch) -> float:
        """The mean of ρ̂ over the units."""
        return float(batch.extras["rho_hat"].mean())

    def sparsity(self, batch: Batch, config: Config) -> float:
        """Σ_j KL(ρ ‖ ρ̂_j), in nats."""
        rho, rho_hat = config.rho, batch.extras["rho_hat"]
        divergence = rho * (rho / rho_hat).log_() + (1 - rho) * ((1 - rho) / (1 - rho_hat)).log_()
        return float(divergence.sum())

    def backward_(self, grad: Tensor, batch: Batch, weight: float, config: Config) -> None:
        """Add weight · KL'(ρ̂)/batch, one number for each latent; then through the sigmoid."""
        if weight:
            rho, rho_hat = config.rho, batch.extras["rho_hat"]
            slope = (1 - rho) / (1 - rho_hat) - rho / rho_hat
            grad.add_(slope, alpha=weight / batch.size)
        through_activation_(grad, batch, config)
