"""BatchTopK: k codes an image on average, the strongest of the whole batch; at test time a learned threshold.

Source: Bussmann, Leask & Nanda, "BatchTopK sparse autoencoders" (2024), equations 4–6. There θ is the mean, over
batches after training, of the smallest code that was kept; here a running mean while it trains, so that the model
can be looked at all the time.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sae_core.sparsity.base import Batch, Extra, Extras, Method
from sae_core.sparsity.largest import keep_largest_

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["THRESHOLD_WINDOW", "BatchTopK"]

THRESHOLD_WINDOW = 5_120
"""Images over which θ is averaged (e-folding): 20 batches of 256."""


class BatchTopK(Method):
    """Training: codes = ReLU(the k · batch largest pre_codes of the batch, the others 0); J has no sparsity term.
    Test: codes = pre_code where pre_code > θ, else 0, each image by itself.

    θ () ← θ + a (m − θ), m the batch's smallest code that is not 0 (0 if there is none),
    a = batch / min(images seen, THRESHOLD_WINDOW).
    The gradient flows through the codes that are left; θ has none. A rich image may take more than k, a plain one
    fewer: one knob for the mean, none for each.
    """

    name = "batch-topk"
    label = "Keep the strongest of the batch (BatchTopK)"
    summary = "The strongest units of a whole batch may speak, k per image on average: rich images get more."
    structure = "keeping {} units per image on average, the strongest of the batch"
    knobs = frozenset({"k"})
    dial = "k"
    only_lit = True
    looks = MappingProxyType({"k": MappingProxyType({"help": "Codes kept per image on average."})})
    activations = ("relu",)
    activation_reason = (
        "it silences all but the strongest codes, and only ReLU's codes are silent at 0; use activation 'relu'."
    )
    extras = (Extra("threshold", trained=False, per_latent=False),)

    def activate_(self, codes: Tensor, config: Config, extras: Extras) -> None:
        """Keep what is above θ, and above 0."""
        codes.mul_(codes > extras["threshold"].clamp_min(0.0))

    def activate_batch_(self, batch: Batch, config: Config) -> NDArray[np.int64] | None:
        """Keep the k · batch largest pre_codes where they are positive."""
        codes = batch.codes
        lit = keep_largest_(codes, config.k * batch.size, dim=None)
        kept = codes[codes != 0.0] if lit is None else codes.new_tensor(codes.detach().numpy().reshape(-1)[lit])
        batch.scratch["smallest"] = kept.min() if len(kept) else codes.new_zeros(())
        return lit

    def observe_(self, batch: Batch, images: int) -> None:
        """Move θ towards the smallest code kept."""
        batch.extras["threshold"].lerp_(batch.scratch["smallest"], min(1.0, batch.size / min(images, THRESHOLD_WINDOW)))
