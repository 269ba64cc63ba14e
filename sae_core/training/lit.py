"""The codes that are lit, and products with them alone: where few are, most of a step's arithmetic is with zeros."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

__all__ = ["SPARSE_SHARE", "Lit"]

SPARSE_SHARE = 1 / 8
"""Of a batch's codes: with more than these lit, dense products are faster.

Measured on one AVX2 thread in float32, batch 256, 784 pixels, ms dense → sparse: decode, gradient of the codes and both
weights' gradients at 1,024 latents with 32 lit: 6.8 → 0.5, 5.0 → 1.0, 2 × 7.9 → 2 × 1.3; at 256 with 32 lit:
1.1 → 0.45, 1.1 → 0.9, 2 × 1.15 → 2 × 0.9; CSR products are slower than either. With bfloat16 in hardware a dense
product takes as long as a sparse one (`notes` say 0.5 ms), so there all are dense.
"""


class Lit:
    """Those of ``codes`` (batch, n_latents) that are not 0, image by image; ``fires`` is 1 there and 0 elsewhere.

    Rows of a matrix are picked and summed by `embedding_bag`: one bag an image to decode, one a latent for weights.
    """

    def __init__(self, codes: Tensor, fires: Tensor) -> None:
        self._n_latents = codes.shape[1]
        self.at = codes.view(-1).nonzero().squeeze(1)
        """(n_lit,) positions in the flattened codes."""
        self._images = torch.div(self.at, self._n_latents, rounding_mode="floor")
        self._latents = self.at - self._images * self._n_latents
        self._starts = _starts(fires.sum(1).to(torch.int64))
        self.values = codes.view(-1)[self.at].requires_grad_()
        """(n_lit,) the codes themselves."""

    def decode(self, dictionary: Tensor) -> Tensor:
        """Codes @ dictionary, (batch, n_pixels)."""
        with torch.enable_grad():
            self._decoded = embedding_bag(
                self._latents, dictionary.detach(), self._starts, mode="sum", per_sample_weights=self.values
            )
        return self._decoded.detach()

    def pull(self, error: Tensor) -> Tensor:
        """(n_lit,) error @ dictionaryᵀ, at the lit codes alone; once, after `decode`."""
        return torch.autograd.grad(self._decoded, self.values, error)[0]

    def by_latent(self) -> None:
        """Sort by latent, for `weigh`."""
        order = torch.argsort(self._latents, stable=True)
        self._order, self._images_by_latent = order, self._images[order]
        self._starts_by_latent = _starts(torch.bincount(self._latents, minlength=self._n_latents))

    def weigh(self, values: Tensor, inputs: Tensor) -> Tensor:
        """(n_latents, n_pixels) Σ over lit codes of value · the image's row of ``inputs``; after `by_latent`."""
        bags: Tensor = embedding_bag(
            self._images_by_latent,
            inputs,
            self._starts_by_latent,
            mode="sum",
            per_sample_weights=values[self._order],
        )
        return bags


def _starts(counts: Tensor) -> Tensor:
    return torch.cumsum(counts, 0) - counts
