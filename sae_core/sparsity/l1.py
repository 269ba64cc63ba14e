"""L1: the sum of the codes costs.

Sources: Olshausen & Field, "Emergence of simple-cell receptive field properties" (1996), for a cost on the
codes' magnitudes with bounded dictionary rows; Bricken et al., "Towards Monosemanticity" (2023), for the
one-layer encoder, the tied start, unit-norm rows and the gradient projected off them.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Method, l1_slope, row_norms

if TYPE_CHECKING:
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["L1"]


class L1(Method):
    """sparsity = Σ_b Σ_i codes_bi · ‖row_i‖ / (batch · √variance), dimensionless; ‖row_i‖ = 1 unless norms are free.

    A code times its row's norm and √variance are both in pixel units, so one weight means the same for
    every data set, width and batch size. Codes are never negative here, so |codes| = codes.

    **Range.** At codes 0 (x_hat = b_dec = mean) dJ/d code_bi = (λ/√variance − 2 (x_b − mean)·row_i/variance)/batch,
    and J is convex in the codes. No unit row's product with an image is larger than ‖x_b − mean‖, so from

        λ_max = 2 max_b ‖x_b − mean‖ / √variance

    on no code pays, whatever the dictionary: the LASSO's λ_max = ‖Dᵀx‖_∞, over all D. (3.4 on MNIST.)
    """

    name = "l1"
    label = "L1 penalty"
    summary = "Every bit of activation costs, so only the units that earn their keep light up."
    penalty = "L1 sparsity"
    penalty_letters = ("Σ|a⁽²⁾| / √V", "Σ|z| / √V")
    knobs = frozenset({"penalty_weight", "target_l0"})
    dial = "penalty_weight"
    only_lit = True
    target = "target_l0"

    def largest_weight(self, longest: float) -> float:
        """λ_max = 2 · longest."""
        return 2.0 * longest

    def sparsity(self, batch: Batch, config: Config) -> float:
        """Mean over images of ‖codes‖₁, in units of √variance."""
        norms = row_norms(batch)
        total = batch.codes.sum() if norms is None else batch.codes.sum(0).dot(norms)
        return float(total) * l1_slope(batch)

    def price(self, batch: Batch, weight: float) -> float | Tensor | None:
        """weight · ‖row‖ / (batch · √variance)."""
        if not weight:
            return None
        norms = row_norms(batch)
        return weight * l1_slope(batch) if norms is None else norms.mul_(weight * l1_slope(batch))

    def row_slope(self, batch: Batch, weight: float) -> Tensor | None:
        """Weight · Σ_b codes_bi / (batch · √variance)."""
        return batch.codes.sum(0).mul_(weight * l1_slope(batch)) if weight else None

    def kept(self, config: Config) -> int:
        """All that are positive."""
        return config.n_latents
