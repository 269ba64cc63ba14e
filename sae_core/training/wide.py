"""The objective of wide models: the same J and gradient, by compiled arithmetic that threads share."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core import kernels
from sae_core.config import Config
from sae_core.kernels.team import share
from sae_core.model import SparseAutoencoder
from sae_core.training.objective import Objective, skips_what_is_dark

if TYPE_CHECKING:
    from sae_core.kernels.dense import CompiledDense
    from sae_core.kernels.rows import Views
    from sae_core.training.batches import Drawn

__all__ = ["WideObjective", "objective_of"]


def objective_of(model: SparseAutoencoder, variance: float, batch_size: int, products: torch.dtype) -> Objective:
    """What trains this model best."""
    n_latents, low = len(model.W_enc), products == torch.bfloat16
    choosing = model.method.kept(model.config) != n_latents
    wide = skips_what_is_dark(model) and kernels.compiled(n_latents, model.W_enc, low=low, choosing=choosing)
    return (WideObjective if wide else Objective)(model, variance, batch_size, products)


class WideObjective(Objective):
    """As `Objective`, for methods whose dark codes have no gradient.

    A thread does all that can be done with its images before it waits for the others: only a method that lets images
    compete, or a batch that is not what the last one was, takes more than one go.
    """

    wide = True

    def __init__(self, model: SparseAutoencoder, variance: float, batch_size: int, products: torch.dtype) -> None:
        super().__init__(model, variance, batch_size, products)
        self._lit_lately = 0
        copies = {name: self._products.copy_of(name, model.trained[name]) for name in {self._encoder, "dictionary"}}
        self.lower = {name: copy for name, copy in copies.items() if copy is not None}
        if self._unit or self._bounded:
            self.least = {"dictionary": self._shortest}
        for name, like in (("centred", self.x), ("error", self.x), ("codes", self.codes), ("grad_codes", self.codes)):
            self._products.copy_of(name, like)  # made now, so that they lie beside what they are copies of
        if not self._tied:
            for name in self.lower:
                parameter = model.trained[name]
                if hasattr(parameter, "grad_dtype"):  # as products come out: half as much to write, and to read again
                    parameter.grad = None
                    parameter.grad_dtype = products
                    parameter.grad = torch.zeros_like(parameter, dtype=products, requires_grad=False)

    @cached_property
    def _view(self) -> Views:
        """Made at the first step: until then the numbers may move to other memory."""
        from sae_core.kernels.rows import Views

        return Views()

    def _see(self, config: Config, encoded: Tensor, drawn: Drawn | None) -> None:
        kept = self.method.kept(config)
        if kept == self.codes.shape[1]:
            self._see_positive(encoded, drawn)
        elif kept is not None and kept * len(encoded) <= self._few:
            self._see_strongest(kept, encoded, drawn)
        else:
            self._see_all(config, encoded, drawn)

    def _see_all(self, config: Config, encoded: Tensor, drawn: Drawn | None) -> None:
        """Where images compete: first all pre_codes, then the method's choice."""
        from sae_core.kernels.dense import count_lit

        self._products.share(lambda images: self._encode(encoded, drawn, images), len(encoded))
        if self._batch.pre_codes is not None:
            self._batch.pre_codes.copy_(self.codes)
        self.method.activate_batch_(self._batch, config)
        self._miss(count_lit(self.codes))

    def _see_positive(self, encoded: Tensor, drawn: Drawn | None) -> None:
        """Where pre_codes only go through a ReLU; in one go where so many were lit in the last batch that as many will
        be in this one. If they are not, what was done too much is done again: the batch alone decides.
        """
        from sae_core.kernels.dense import light_
        from sae_core.kernels.rows import BLOCKS

        lit, n_images = np.empty(len(encoded), np.int64), len(encoded)
        dense = self._dense() if self._lit_lately > self._few else None

        def see(first: int, end: int) -> None:
            images = slice(n_images * first // BLOCKS, n_images * end // BLOCKS)
            light_(self._project(encoded, drawn, images), self.model.b_enc, self.codes, lit, images)
            if dense is not None:
                dense.miss_(first, end)

        share(see, BLOCKS)
        self._lit_lately = int(lit.sum())
        if dense is None or self._lit_lately <= self._few:
            self._miss(lit)
        else:
            self._lit, self.missed = dense, dense.missed()
            dense.count_(self.counts)

    def _see_strongest(self, k: int, encoded: Tensor, drawn: Drawn | None) -> None:
        """Where all that is done to an image's pre_codes is to keep the k largest: in one go."""
        from sae_core.kernels.strongest import Strongest

        model, rounded = self.model, self._products.copy_of("error", self.error)
        lit = Strongest(
            self.codes, k, model.b_enc, self._filters(), model.b_dec, self.x, self.error, rounded, self._view
        )
        self._products.share(lambda images: lit.see_(self._project(encoded, drawn, images), images), len(encoded))
        self.missed, self._lit = lit.seen(), lit
        lit.count_(self.counts)

    def _miss(self, lit: NDArray[np.int64]) -> None:
        """Put ``error`` where it belongs; ``lit`` (batch,) is how many codes are on each image."""
        from sae_core.kernels.lit import CompiledLit
        from sae_core.kernels.rows import BLOCKS

        if lit.sum() <= self._few:
            few = self._lit = CompiledLit(self.codes, lit, self._view)
            rounded = self._products.copy_of("error", self.error)
            self.missed = few.error_(self._filters(), self.model.b_dec, self.x, self.error, rounded)
        else:
            dense = self._lit = self._dense()
            share(dense.miss_, BLOCKS)
            self.missed = dense.missed()
        self._lit.count_(self.counts)

    def _dense(self) -> CompiledDense:
        """Products with all of the codes, to come."""
        from sae_core.kernels.dense import CompiledDense

        codes, products = self.codes, self._products
        factor, grads = products.rounded("codes", codes), products.rounded("grad_codes", self.grad_codes)
        rounded = products.copy_of("error", self.error)
        return CompiledDense(codes, factor, grads, self._filters(), self.model.b_dec, self.x, self.error, rounded)

    def _filters(self) -> Tensor:
        """The dictionary as products take it."""
        return self._products.refresh("dictionary", self.model.dictionary)

    def _project(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> Tensor:
        """W_enc x₀ (n, n_latents) of some images, in the precision of products."""
        return torch.mm(self._centre(encoded, drawn, images), self._products.rounded(self._encoder, self.model.W_enc).T)

    def _centre(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> Tensor:
        if drawn is None or not isinstance(drawn.images, Tensor):
            return super()._centre(encoded, drawn, images)
        from sae_core.kernels.take import take_

        low = self._products.copy_of("centred", self.x)
        out = low if low is not None or not self._centres else self.centred
        b_pre = self.model.b_dec if self._centres else None
        take_(drawn.images, drawn.rows, b_pre, self.x, out, images, self._view)
        return (self.x if out is None else out)[images]

    def _factors(self) -> tuple[Tensor, Tensor, Tensor]:
        products = self._products
        W_enc = products.rounded(self._encoder, self.model.W_enc)
        return W_enc, products.rounded("centred", self.centred), products.rounded("error", self.error)

    def constrain_(self) -> None:
        """Adam has held the rows, and rounded what it moved."""
        if self.lower:
            self._products.refreshed(self._encoder, self.model.W_enc)
            self._products.refreshed("dictionary", self.model.dictionary)
        self.method.moved_(self._batch)
