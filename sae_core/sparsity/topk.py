"""TopK: the k strongest codes of each image stay, the rest are 0.

Source: Gao et al., "Scaling and evaluating sparse autoencoders" (2024), after Makhzani & Frey,
"k-Sparse autoencoders" (2013). The tied start keeps nearly all latents alive, so there is no auxiliary loss.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Extras, Method
from sae_core.sparsity.largest import keep_largest_

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["TopK"]


class TopK(Method):
    """codes = ReLU(the k largest pre_codes of an image, the others 0); J has no sparsity term.

    The gradient flows through the codes that are left, as through a ReLU. An image with fewer than k positive
    pre_codes fires fewer than k latents.
    """

    name = "topk"
    label = "Keep the k strongest (TopK)"
    summary = "Only the k strongest units of each image may speak; the rest are silenced."
    structure = "keeping the {} strongest units per image"
    knobs = frozenset({"k"})
    dial = "k"
    only_lit = True
    activations = ("relu",)
    activation_reason = (
        "it silences all but the k strongest codes, and only ReLU's codes are silent at 0; use activation 'relu'."
    )

    def activate_(self, codes: Tensor, config: Config, extras: Extras) -> None:
        """Keep each row's k largest pre_codes where they are positive."""
        keep_largest_(codes, config.k, dim=1)

    def activate_batch_(self, batch: Batch, config: Config) -> NDArray[np.int64] | None:
        """The same; which are kept is known."""
        return keep_largest_(batch.codes, config.k, dim=1)

    def kept(self, config: Config) -> int:
        """That is all."""
        return config.k
