"""L1: the sum of the codes costs.

Sources: Olshausen & Field, "Emergence of simple-cell receptive field properties" (1996), for a cost on the
codes' magnitudes with bounded dictionary rows; Bricken et al., "Towards Monosemanticity" (2023), for the
one-layer encoder, the tied start, unit-norm rows and the gradient projected off them.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Method, State, through_activation_

if TYPE_CHECKING:
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["L1"]


class L1(Method):
    """sparsity = Σ|codes| / (batch · √variance), dimensionless, with unit-norm dictionary rows.

    A code and √variance are both in pixel units (the rows have norm 1), so one weight means the same for
    every data set, width and batch size. Codes are never negative here, so |codes| = codes.
    """

    name = "l1"
    label = "L1 penalty"
    summary = "Every bit of activation costs, so only the units that earn their keep light up."
    knobs = frozenset({"penalty_weight"})
    dial = "penalty_weight"

    def weight(self, config: Config) -> float:
        """The dial itself."""
        return config.penalty_weight

    def sparsity(self, batch: Batch, config: Config, state: State) -> float:
        """Mean over images of ‖codes‖₁, in units of √variance."""
        return float(batch.codes.sum()) * _per_code(batch)

    def backward_(self, grad: Tensor, batch: Batch, weight: float, config: Config, state: State) -> None:
        """Add d(weight · sparsity)/d codes, the same number for every code; then through the activation."""
        if weight:
            grad.add_(weight * _per_code(batch))
        through_activation_(grad, batch, config)


def _per_code(batch: Batch) -> float:
    return 1.0 / (batch.codes.shape[0] * math.sqrt(batch.variance))
