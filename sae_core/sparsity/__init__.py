"""Sparsity methods, one a file, in the order the screens list them."""

from __future__ import annotations

from sae_core.sparsity.base import FIRING_THRESHOLD, Batch, Method, State, firing_threshold
from sae_core.sparsity.kl import KL
from sae_core.sparsity.l1 import L1
from sae_core.sparsity.none import NoSparsity
from sae_core.sparsity.topk import TopK

__all__ = ["FIRING_THRESHOLD", "METHODS", "Batch", "Method", "State", "firing_threshold"]

METHODS: dict[str, Method] = {method.name: method for method in (NoSparsity(), L1(), KL(), TopK())}
"""Every method by name."""
