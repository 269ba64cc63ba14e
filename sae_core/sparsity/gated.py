"""Gated: whether a unit speaks, and how loudly, are decided apart.

Source: Rajamanoharan et al., "Improving dictionary learning with gated sparse autoencoders" (2024), equations 5–8:
one encoder matrix for both paths, L1 on the gate alone, and an auxiliary term that lets the gate see reconstruction.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Extra, Extras, Method, l1_slope, row_norms

if TYPE_CHECKING:
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["Gated"]


class Gated(Method):
    """With u = W_enc (x − b_dec):

        gate = u + b_enc                              (b_gate of the paper)
        magnitude = exp(r_mag) · u + b_mag            (W_mag = exp(r_mag) · W_enc, row by row)
        codes = 1[gate > 0] · ReLU(magnitude)
        sparsity = Σ ReLU(gate) / (batch · √variance)
        auxiliary = Σ‖x − x_hat(ReLU(gate))‖² / (batch · variance), dictionary and b_dec taken as constants

    ``b_mag``, ``r_mag`` (n_latents,), both 0 at the start, where codes are plain ReLU codes. Nothing shrinks the
    magnitudes, so the penalty chooses units without biasing what they say. The step 1[gate > 0] passes no gradient.
    The gates pay L1's price for L1's reconstruction (the auxiliary term), so λ_max is L1's.
    """

    name = "gated"
    label = "Gated (who speaks, and how loudly, apart)"
    summary = "One path decides which units speak and pays for it; another says how loudly, and pays nothing."
    penalty = "L1 of the gates"
    penalty_letters = ("Σ f(z⁽²⁾) / √V", "Σ ReLU(gate) / √V")
    knobs = frozenset({"penalty_weight", "target_l0"})
    dial = "penalty_weight"
    target = "target_l0"
    looks = MappingProxyType({"penalty_weight": MappingProxyType({"zones": ((0.008, "no effect"), (1.0, "useful"))})})
    """Measured on MNIST, 256 latents, 800 steps of 256: .003/.01/.1/.3/1 gives L0 235/200/48/15/3.5, FVU
    .04/.05/.15/.22/.37, none dead: its magnitudes are not shrunk, so it survives what kills L1's."""
    activations = ("relu",)
    activation_reason = "its gates open at 0, as only ReLU's codes do; use activation 'relu'."
    extras = (Extra("r_mag"), Extra("b_mag"))
    keeps_pre_codes = True

    def activate_(self, codes: Tensor, config: Config, extras: Extras) -> None:
        """``codes`` comes as the gate; see `magnitude`."""
        gate = codes > 0
        self._magnitude_(codes, extras).relu_().mul_(gate)

    def _magnitude_(self, gate: Tensor, extras: Extras) -> Tensor:
        return gate.sub_(extras["b_enc"]).mul_(extras["r_mag"].exp()).add_(extras["b_mag"])

    def largest_weight(self, longest: float) -> float:
        """λ_max = 2 · longest."""
        return 2.0 * longest

    def sparsity(self, batch: Batch, config: Config) -> float:
        """Mean over images of ‖ReLU(gate)‖₁, in units of √variance."""
        gates, norms = _gates(batch), row_norms(batch)
        total = gates.sum() if norms is None else gates.sum(0).dot(norms)
        return float(total) * l1_slope(batch)

    def auxiliary(self, batch: Batch, config: Config) -> float:
        """What the gates alone would reconstruct, as an FVU."""
        assert batch.error_of is not None
        error = batch.scratch["gate_error"] = batch.error_of(_gates(batch), "gate_error")
        flat = error.view(-1)
        return float(flat.dot(flat)) / (batch.size * batch.variance)

    def backward_(self, grad: Tensor, batch: Batch, weight: float, config: Config) -> None:
        """Both paths onto u; the gate's alone is b_enc's, which `finish_` puts right."""
        assert batch.pre_codes is not None
        assert batch.pull_ is not None
        scale = batch.extras["r_mag"].exp()
        loud = grad.mul_(batch.fires)
        batch.grads["b_mag"].copy_(loud.sum(0))
        u = batch.pre_codes - batch.extras["b_enc"]
        batch.grads["r_mag"].copy_((loud * u).sum(0)).mul_(scale)
        loud.mul_(scale)
        gates = u.zero_()
        batch.pull_(gates, batch.scratch["gate_error"])
        if weight:
            norms = row_norms(batch)
            gates.add_(weight * l1_slope(batch) if norms is None else norms.mul_(weight * l1_slope(batch)))
        gates.mul_(batch.pre_codes > 0)
        batch.scratch["gate_bias"] = gates.sum(0)
        loud.add_(gates)

    def row_slope(self, batch: Batch, weight: float) -> Tensor | None:
        """Weight · Σ_b ReLU(gate)_bi / (batch · √variance)."""
        return _gates(batch).sum(0).mul_(weight * l1_slope(batch)) if weight else None

    def finish_(self, batch: Batch, grad_b_enc: Tensor) -> None:
        """Σ of the gate's path alone."""
        grad_b_enc.copy_(batch.scratch["gate_bias"])


def _gates(batch: Batch) -> Tensor:
    assert batch.pre_codes is not None
    return batch.pre_codes.clamp_min(0.0)
