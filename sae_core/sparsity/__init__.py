"""Sparsity methods, one a file, in the order the screens list them."""

from __future__ import annotations

from sae_core.sparsity.base import FIRING_THRESHOLD, Batch, Extra, Extras, Method, firing_threshold
from sae_core.sparsity.batch_topk import BatchTopK
from sae_core.sparsity.gated import Gated
from sae_core.sparsity.jumprelu import JumpReLU
from sae_core.sparsity.kl import KL
from sae_core.sparsity.l1 import L1
from sae_core.sparsity.none import NoSparsity
from sae_core.sparsity.textbook import Textbook
from sae_core.sparsity.topk import TopK
from sae_core.sparsity.wta import WinnerTakeAll

__all__ = ["FIRING_THRESHOLD", "METHODS", "Batch", "Extra", "Extras", "Method", "firing_threshold"]

_ALL = (NoSparsity(), L1(), TopK(), BatchTopK(), JumpReLU(), Gated(), KL(), WinnerTakeAll(), Textbook())

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
"""Every method by name."""
