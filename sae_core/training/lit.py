"""The codes that are lit, and products with them alone: where few are, most of a step's arithmetic is with zeros."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from sae_core.kernels import Given, Gradients

__all__ = ["Lit", "project_", "sparse_share"]

SPARSE_SHARE = 1 / 8
"""Of a batch's codes: with more than these lit, dense products are faster.

Batch 256, 784 pixels, ms dense → sparse, for decoding, the codes' gradient and both weights' gradients: one AVX2 thread
in float32, 256 latents with 32 lit: 1.1 → 0.45, 1.1 → 0.9, 2 × 1.15 → 2 × 0.9.
"""

COMPILED_SHARE = {torch.float32: 0.4, torch.bfloat16: 0.25}
"""The same for compiled arithmetic, by the products' precision.

By a script that trained the L1 run of `tests.bench core` with every other step dense, two AVX-512 threads: as fast as
each other at .43 with float32 and .26 with bfloat16 products and 1,024 latents, at .37 with bfloat16 and 256.
"""


def sparse_share(products: torch.dtype, *, wide: bool) -> float:
    """That of them which holds."""
    return COMPILED_SHARE.get(products, SPARSE_SHARE) if wide else SPARSE_SHARE


class Lit:
    """Those of ``codes`` (batch, n_latents) that are lit, image by image, at the flat positions ``at``, ascending.

    Rows of a matrix are picked and summed by `embedding_bag`: one bag an image to decode, one a latent for weights.
    A wide model has `sae_core.kernels.lit.CompiledLit` in its place.
    """

    def __init__(self, codes: Tensor, at: NDArray[np.int64]) -> None:
        self._shape = codes.shape
        n_images, n_latents = codes.shape
        starts = np.searchsorted(at, np.arange(n_images + 1) * n_latents)
        images = np.repeat(np.arange(n_images), np.diff(starts))
        latents = at - images * n_latents
        self._starts, self._latents = _tensor(starts), _tensor(latents)
        self.values = codes.view(-1)[_tensor(at)]
        """(n_lit,) the codes themselves."""
        self._pulled = torch.empty(0)
        order = np.argsort(latents.astype(np.uint16), kind="stable")  # by counting: 16 bits are enough for any width
        counts = np.bincount(latents, minlength=n_latents)
        self._by_latent, self._images_by_latent = _tensor(order), _tensor(images[order])
        self._counts, self._starts_by_latent = _tensor(counts), _tensor(np.cumsum(counts) - counts)

    def count_(self, out: Tensor) -> None:
        """(n_latents,) on how many images each latent is lit."""
        out.copy_(self._counts)

    def error_(self, dictionary: Tensor, b_dec: Tensor, x: Tensor, out: Tensor) -> float:
        """Codes @ dictionary + b_dec − x (batch, n_pixels) into ``out``; the sum of its squares.

        Then out @ dictionaryᵀ at the lit codes alone, for `weigh_`.
        """
        bags = embedding_bag(self._latents, dictionary, self._starts[:-1], mode="sum", per_sample_weights=self.values)
        flat = torch.sub(b_dec, x, out=out).add_(bags).view(-1)
        _quieten()
        where = torch.sparse_csr_tensor(self._starts, self._latents, self.values, self._shape, check_invariants=False)
        self._pulled = torch.sparse.sampled_addmm(where, out, dictionary.T, beta=0.0).values()
        return float(torch.dot(flat, flat))

    def weigh_(self, given: Given, out: Gradients) -> tuple[None, Tensor | None]:
        """Write the gradients; W_encᵀ Σ g if it is asked for."""
        grads, price = self._pulled.mul_(given.slope), given.price
        if price is not None:
            grads.add_(price if isinstance(price, float) else price[self._latents])
        codes = self.values * given.slope
        for values, inputs, grad in ((grads, given.centred, out.W_enc), (codes, given.error, out.dictionary)):
            bags = embedding_bag(
                self._images_by_latent,
                inputs,
                self._starts_by_latent,
                mode="sum",
                per_sample_weights=values[self._by_latent],
            )
            grad.copy_(bags)
        if given.across is not None:
            project_(out.dictionary, given.across)
        out.b_enc.zero_().index_add_(0, self._latents, grads)
        torch.sum(given.error, 0, out=out.b_dec).mul_(given.slope)
        return None, None if given.W_enc is None else torch.mv(given.W_enc.T, out.b_enc)


def project_(grad: Tensor, rows: Tensor) -> None:
    """Take from each row of ``grad`` its part along the unit row of ``rows``; both (n_latents, n_pixels)."""
    grad.addcmul_(rows, torch.linalg.vecdot(grad, rows).unsqueeze(1), value=-1.0)


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array)


@cache
def _quieten() -> None:
    """Have torch say here, where nobody hears it, what it says once in a process: that CSR tensors are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor([0, 0], [], [], (1, 1), check_invariants=False)
