"""Winner-take-all: each unit keeps the images that excite it most, and only while it learns.

Source: Makhzani & Frey, "Winner-take-all autoencoders" (2015), section 2: the fully connected kind (FC-WTA), tied
weights, lifetime sparsity 5%, plain ReLU at test time.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Method
from sae_core.sparsity.largest import keep_largest_

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sae_core.config import Config

__all__ = ["WinnerTakeAll"]


class WinnerTakeAll(Method):
    """Training: of each unit's ReLU codes over the batch, the m largest stay, the others are 0; m = share · batch,
    rounded, at least 1. Test: plain ReLU codes. J has no sparsity term.

    The gradient flows through the winners. Every unit wins somewhere in every batch in which it is positive at all,
    so none dies of being rarely the best.
    """

    name = "wta"
    label = "Winner-take-all (lifetime sparsity)"
    summary = "Each unit learns only from the few images that excite it most; once trained, all may speak."
    structure = "each unit learns from the {} of images that excite it most"
    knobs = frozenset({"lifetime"})
    dial = "lifetime"
    only_lit = True
    defaults = MappingProxyType({"tied": True})
    activations = ("relu",)
    activation_reason = (
        "it silences all but a unit's winners, and only ReLU's codes are silent at 0; use activation 'relu'."
    )

    def activate_batch_(self, batch: Batch, config: Config) -> NDArray[np.int64] | None:
        """Keep each column's m largest codes where they are positive."""
        return keep_largest_(batch.codes, max(1, round(config.lifetime * batch.size)), dim=0)
