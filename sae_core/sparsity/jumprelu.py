"""JumpReLU: a ReLU with a threshold of its own for every unit, learned against a price on each unit lit.

Source: Rajamanoharan et al., "Jumping ahead: improving reconstruction fidelity with JumpReLU sparse autoencoders"
(2024), equations 5–9 and appendix J: an L0 penalty whose gradient, zero almost everywhere, is replaced by that of a
kernel estimate (straight-through).
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Extra, Extras, Method

if TYPE_CHECKING:
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["BANDWIDTH", "JumpReLU"]

BANDWIDTH = 0.1
"""ε in units of √variance: how near its threshold a pre_code has to be to teach it."""


PACE = 10.0
"""How much further than Adam each step moves the thresholds' logarithms.

Adam moves a logarithm by the learning rate at most, .1% a step: the dial, and a target, would wait for thousands of
steps until the thresholds had followed.
"""


class JumpReLU(Method):
    """codes = pre_code where pre_code > θ, else 0; sparsity = L0, the mean number of units lit per image.

    θ = exp(log_threshold), (n_latents,), in pixel units. With K(u) = 1[|u| ≤ ½] and
    h = K((pre_code − θ)/ε)/ε, the pseudo-derivatives are ∂code/∂θ = −θ h and ∂lit/∂θ = −h; and ∂code/∂pre_code = lit,
    ∂lit/∂pre_code = 0. So with g = dJ/d code

        dJ/d θ = −Σ_b (θ g + weight/batch) h        dJ/d log_threshold = θ · dJ/d θ

    A unit lit for image b costs weight/batch and cannot save more than the whole of it, ‖x_b − mean‖²/(batch ·
    variance): from λ_max = max_b ‖x_b − mean‖²/variance on none pays.
    """

    name = "jumprelu"
    label = "Learned thresholds (JumpReLU)"
    summary = "Every unit learns how sure it must be before it speaks, and each one that does costs the same."
    penalty = "units lit (L0)"
    penalty_letters = ("Σ 1[a⁽²⁾ > 0]", "‖z‖₀")
    knobs = frozenset({"penalty_weight", "target_l0"})
    dial = "penalty_weight"
    target = "target_l0"
    defaults = MappingProxyType({"penalty_weight": 0.003})
    looks = MappingProxyType(
        {
            "penalty_weight": MappingProxyType(
                {"dial": (1e-4, 0.1), "zones": ((1.5e-4, "no effect"), (0.04, "useful"), (0.1, "kills units"))}
            )
        }
    )
    """Measured on MNIST, 256 latents, 800 steps of 256: .0003/.001/.003/.01/.03/.1 gives L0 87/46/20/9.7/4.3/1.8, FVU
    .09/.13/.16/.25/.34/.47, dead 0/0/0/0/3/11%."""
    activations = ("relu",)
    activation_reason = "its codes are 0 below each unit's threshold, as only ReLU's can be; use activation 'relu'."
    extras = (Extra("log_threshold", start=0.03, unit="log pixels"),)
    """Low enough that every unit is lit at first: from .1 on a quarter of 256 units on MNIST never wakes."""
    keeps_pre_codes = True

    def activate_(self, codes: Tensor, config: Config, extras: Extras) -> None:
        """Keep what is above its unit's threshold."""
        codes.mul_(codes > extras["log_threshold"].exp())

    def largest_weight(self, longest: float) -> float:
        """λ_max = longest²."""
        return longest**2

    def sparsity(self, batch: Batch, config: Config) -> float:
        """L0: units lit per image."""
        return float(batch.fires.sum()) / batch.size

    def backward_(self, grad: Tensor, batch: Batch, weight: float, config: Config) -> None:
        """The thresholds' gradient by the kernel estimate; the rest flows through what is lit."""
        assert batch.pre_codes is not None
        threshold = batch.extras["log_threshold"].exp()
        width = BANDWIDTH * math.sqrt(batch.variance)
        near = (batch.pre_codes - threshold).abs_().le_(width / 2)  # 1 and 0, in the codes' precision
        slope = batch.grads["log_threshold"]
        slope.copy_((grad * near).sum(0)).mul_(threshold).add_(near.sum(0), alpha=weight / batch.size)
        slope.mul_(threshold).mul_(-1.0 / width)
        batch.scratch["before"] = batch.extras["log_threshold"].clone()
        grad.mul_(batch.fires)

    def moved_(self, batch: Batch) -> None:
        """log_threshold ← before + PACE · (log_threshold − before): Adam with a learning rate PACE times as large."""
        log_threshold = batch.extras["log_threshold"]
        log_threshold.add_(log_threshold - batch.scratch["before"], alpha=PACE - 1.0)
