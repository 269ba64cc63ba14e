"""J and its gradient on one batch, in closed form: what the hot path spends its time in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core import kernels
from sae_core.config import Config
from sae_core.kernels import Gradients
from sae_core.kernels.team import share
from sae_core.model import SparseAutoencoder, seeded
from sae_core.sparsity import Batch, firing_threshold
from sae_core.training.lit import Lit, project_, sparse_share
from sae_core.training.products import Products

if TYPE_CHECKING:
    from sae_core.kernels.dense import CompiledDense
    from sae_core.kernels.lit import CompiledLit
    from sae_core.kernels.rows import Views
    from sae_core.training.batches import Drawn

__all__ = ["Objective"]


class Objective:
    """J = reconstruction + weight · sparsity + decay + the method's auxiliary term.

    reconstruction = Σ‖x − x_hat‖² / (batch · variance), the FVU with the training set's constant denominator;
    decay = weight_decay/2 · (‖W_enc‖² + ‖dictionary‖²), without what is constant: rows held at norm 1; tied weights
    count once. The dictionary's gradient is projected off rows held at norm 1, which only the constraint may scale.

    Gradients are written into buffers made once and into the parameters' ``.grad``. With c = codes,
    e = x_hat − x, s = 2/(batch · variance), x₀ = x − b_pre, and g = dJ/d pre_codes from the method:

        dJ/d dictionary = s cᵀe (+ weight_decay · dictionary)      dJ/d W_enc = gᵀx₀ + weight_decay · W_enc
        dJ/d b_enc      = Σ g                                      dJ/d b_dec = s Σ e − W_encᵀ Σ g

    The last term is there where b_pre = b_dec. Tied, one matrix has the sum of both gradients. Every method goes
    through these lines; what it does differently are the calls of ``self.method``.
    """

    def __init__(self, model: SparseAutoencoder, variance: float, batch_size: int, products: torch.dtype) -> None:
        self.model = model
        self.method = model.method
        self.variance = variance
        config = model.config
        self._tied, self._centres = config.tied, config.subtract_b_dec
        self._unit, self._bounded = config.decoder_norm == "unit", config.decoder_norm == "bounded"
        self.projects = self._unit and config.project
        n_latents, n_pixels = model.W_enc.shape
        self.x = model.W_enc.new_empty(batch_size, n_pixels, requires_grad=False)
        """(batch, n_pixels): the caller fills it."""
        self.centred = torch.empty_like(self.x)
        self._encoded = self.x
        self.error = torch.empty_like(self.x)
        self.codes = self.x.new_zeros(batch_size, n_latents)
        self.counts = self.x.new_zeros(n_latents)
        """(n_latents,) images of the batch on which each latent fires."""
        self.fires = torch.empty_like(self.codes)
        self.grad_codes = torch.empty_like(self.codes)
        self.norms = self.x.new_empty(n_latents, 1)
        self.noisy: Tensor | None = None
        """(batch, n_pixels): what is encoded in ``x``'s place, where there is noise on it."""
        on_processor = self.x.device.type == "cpu"
        self._may_skip = on_processor and self.method.only_lit and config.activation == "relu"
        self._lit: Lit | CompiledLit | CompiledDense | None = None
        self._lit_lately = 0
        self.missed = 0.0
        """Σ‖x_hat − x‖² over the batch."""
        self.squares: dict[str, float] = {}
        """Σ of the squares of a parameter's gradient, by its name, where it came up on the way."""
        self.wide = self._may_skip and kernels.compiled(n_latents, self.x, low=products == torch.bfloat16)
        """Whether `sae_core.kernels` does the arithmetic, and its threads share it."""
        self._products = Products(products, shared=self.wide)
        copies = {
            name: self._products.copy_of(name, model.trained[name])
            for name in {self._encoder, "dictionary"}
            if self.wide
        }
        if self.wide:  # made now, so that they lie beside what they are copies of
            for name, like in (
                ("centred", self.x),
                ("error", self.x),
                ("codes", self.codes),
                ("grad_codes", self.codes),
            ):
                self._products.copy_of(name, like)
        self.lower = {name: copy for name, copy in copies.items() if copy is not None}
        """Where Adam puts, of the weights it moves, what products take."""
        held = self.wide and (self._unit or self._bounded)
        self.least: dict[str, float] = {"dictionary": self._shortest} if held else {}
        """By which Adam divides rows, where they are held and their norms are shorter."""
        self._few = sparse_share(products, wide=self.wide) * self.codes.numel()
        """Up to so many lit codes of a batch are multiplied alone."""
        self._buffers: dict[str, Tensor] = {}
        for name, parameter in model.named_parameters():
            if name in self.lower and not self._tied and hasattr(parameter, "grad_dtype"):
                parameter.grad_dtype = products  # as products come out: half as much to write, and to read again
                parameter.grad = torch.zeros_like(parameter, dtype=products, requires_grad=False)
            else:
                parameter.grad = torch.zeros_like(parameter)
        self._batch = self._as_seen_by_the_method()

    def _as_seen_by_the_method(self) -> Batch:
        model, extras = self.model, self.model.extras
        return Batch(
            self.codes,
            self.fires,
            self.variance,
            counts=self.counts,
            extras=extras,
            grads={name: tensor.grad for name, tensor in extras.items() if tensor.grad is not None},
            pre_codes=torch.empty_like(self.codes) if self.method.keeps_pre_codes else None,
            dictionary=model.dictionary if model.config.decoder_norm == "free" else None,
            error_of=self._error_of,
            pull_=self._pull_,
        )

    @property
    def large(self) -> list[Tensor]:
        """What is written and read at every step: gradients, and what the batch comes to."""
        return [
            *(_grad(parameter) for parameter in self.model.parameters()),
            *(self.x, self.centred, self.error, self.codes, self.fires, self.grad_codes),
            *self._products.copies,
        ]

    def blur_(self, noise: float, step: int) -> None:
        """Put Gaussian noise on what is encoded, from (seed, step) alone; ``noise`` its standard deviation, 0 is none.

        Clean images are what is asked back: a denoising autoencoder (Vincent et al. 2010, section 3).
        """
        if not noise:
            self.noisy = None
            return
        random = seeded(self.model.config.seed, "noise", step)
        drawn = torch.randn(self.x.shape, generator=random, dtype=self.x.dtype).to(self.x.device)
        self.noisy = torch.add(self.x, drawn, alpha=noise, out=self._buffer("noisy", self.x))

    def forward(self, config: Config, drawn: Drawn | None = None) -> float:
        """Fill ``codes``, ``counts`` and ``error`` from ``x``; the reconstruction term.

        Images that were ``drawn`` are put into ``x`` first. ``fires`` is filled where products are dense, and
        where the method does not tell which codes it left. What the codes' gradient has of the reconstruction is
        taken while the error is at hand: `backward` finds it.
        """
        model, encoded = self.model, self.x if self.noisy is None else self.noisy
        if not self._centres:
            self.centred = encoded
        self._encoded = encoded
        self._products.refresh(self._encoder, model.W_enc)
        kept, n_images = self.method.kept(config) if self.wide else None, len(encoded)
        if kept == self.codes.shape[1]:
            self._see_positive(encoded, drawn)
        elif kept is not None and kept * n_images <= self._few:
            self._see_strongest(kept, encoded, drawn)
        else:
            self._see(config, encoded, drawn)
        return self.missed * self._per_image()

    def _see(self, config: Config, encoded: Tensor, drawn: Drawn | None) -> None:
        """In two goes: the method may let images compete, and how many codes are lit decides about the products."""

        def see(images: slice) -> None:
            self._encode(encoded, drawn, images)

        self._products.share(see, len(encoded))
        if self._batch.pre_codes is not None:
            self._batch.pre_codes.copy_(self.codes)
        at = self.method.activate_batch_(self._batch, config)
        if self.wide:
            from sae_core.kernels.dense import count_lit

            self._miss_wide(count_lit(self.codes))
        else:
            self._miss_narrow(at, config)

    def _see_positive(self, encoded: Tensor, drawn: Drawn | None) -> None:
        """The same where pre_codes only go through a ReLU; in one go where so many were lit in the last batch that as
        many will be in this one. If they are not, what was done too much is done again: the batch alone decides.
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
            self._miss_wide(lit)
        else:
            self._lit, self.missed = dense, dense.missed()
            dense.count_(self.counts)

    def _see_strongest(self, k: int, encoded: Tensor, drawn: Drawn | None) -> None:
        """In one go, where all that is done to an image's pre_codes is to keep the k largest."""
        from sae_core.kernels.strongest import Strongest

        model, products = self.model, self._products
        dictionary, rounded = self._filters(), products.copy_of("error", self.error)
        lit = Strongest(self.codes, k, model.b_enc, dictionary, model.b_dec, self.x, self.error, rounded, self._view)

        def see(images: slice) -> None:
            lit.see_(self._project(encoded, drawn, images), images)

        products.share(see, len(encoded))
        self.missed, self._lit = lit.seen(), lit
        lit.count_(self.counts)

    def _miss_wide(self, lit: NDArray[np.int64]) -> None:
        """Put ``error`` where it belongs; ``lit`` (batch,) is how many codes are on each image."""
        from sae_core.kernels.lit import CompiledLit
        from sae_core.kernels.rows import BLOCKS

        if lit.sum() <= self._few:
            few = self._lit = CompiledLit(self.codes, lit, self._view)
            dictionary, rounded = self._filters(), self._products.copy_of("error", self.error)
            self.missed = few.error_(dictionary, self.model.b_dec, self.x, self.error, rounded)
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
        arrays = (self._filters(), self.model.b_dec, self.x, self.error, products.copy_of("error", self.error))
        return CompiledDense(codes, factor, grads, *arrays)

    def _filters(self) -> Tensor:
        """The dictionary as products take it."""
        return self._products.refresh("dictionary", self.model.dictionary)

    def _miss_narrow(self, at: NDArray[np.int64] | None, config: Config) -> None:
        """The same; ``at`` are the positions of the lit codes, if they are known."""
        model = self.model
        self._lit = self._lit_codes(at, config)
        if self._lit is not None:
            self._lit.count_(self.counts)
            self.missed = self._lit.error_(model.dictionary, model.b_dec, self.x, self.error)
            return
        self._products.refresh("dictionary", model.dictionary)
        self._miss(slice(None))
        flat = self.error.view(-1)
        self.missed = float(torch.dot(flat, flat))

    def _miss(self, images: slice) -> None:
        """Put some images' ``error`` where it belongs, and d reconstruction/d codes in ``grad_codes``."""
        products, grads = self._products, self.grad_codes[images]
        self._decode(self.codes, self.error, "codes", images)
        error = products.round("error", self.error, images)
        dictionary = products.rounded("dictionary", self.model.dictionary)
        products.multiply(grads, error, dictionary.T, grads, alpha=2.0 * self._per_image())

    def _encode(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> None:
        """Put some of the images in ``centred``, without b_pre, and their pre_codes in ``codes``."""
        centred, W_enc = self._centre(encoded, drawn, images), self._products.rounded(self._encoder, self.model.W_enc)
        self._products.multiply(self.codes[images], centred, W_enc.T, self.model.b_enc, beta=1.0)

    def _project(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> Tensor:
        """W_enc x₀ (n, n_latents) of some images, in the precision of products."""
        return torch.mm(self._centre(encoded, drawn, images), self._products.rounded(self._encoder, self.model.W_enc).T)

    def _centre(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> Tensor:
        """Some of the images without b_pre, as products take them."""
        b_dec = self.model.b_dec
        if self.wide and drawn is not None and isinstance(drawn.images, Tensor):
            from sae_core.kernels.take import take_

            low = self._products.copy_of("centred", self.x)
            out = low if low is not None or not self._centres else self.centred
            take_(drawn.images, drawn.rows, b_dec if self._centres else None, self.x, out, images, self._view)
            return (self.x if out is None else out)[images]
        if drawn is not None:
            drawn.take_(self.x[images], images)
        if self._centres:
            torch.sub(encoded[images], b_dec, out=self.centred[images])
        return self._products.round("centred", self.centred, images)

    def exactly_centred(self) -> Tensor:
        """What was encoded, without b_pre, also where `forward` has it only as products take it."""
        return torch.sub(self._encoded, self.model.b_dec, out=self.centred) if self._centres else self._encoded

    @cached_property
    def _view(self) -> Views:
        """Made at the first step: until then the numbers may move to other memory."""
        from sae_core.kernels.rows import Views

        return Views()

    def penalties(self, config: Config, images: int) -> tuple[float, float, float]:
        """The unweighted sparsity (``images`` seen, this batch included), and decay and auxiliary as they enter J."""
        self.method.observe_(self._batch, images)
        sparsity = self.method.sparsity(self._batch, config)
        return sparsity, self._decay(config.weight_decay), self.method.auxiliary(self._batch, config)

    def backward(self, weight: float, config: Config) -> None:
        """Write dJ/d parameter into every ``.grad``; after `forward` and `penalties`."""
        slope = 2.0 * self._per_image()
        self.squares = {}
        if self._lit is not None:
            through_b_pre = self._back_through_lit(self._lit, slope, weight, config)
        else:
            through_b_pre = self._back(slope, weight, config)
        grad_dictionary = _grad(self.model.dictionary)
        if through_b_pre is not None:
            _grad(self.model.b_dec).sub_(through_b_pre)
        self.method.finish_(self._batch, _grad(self.model.b_enc))
        if not self._unit:
            self._free_rows(grad_dictionary, weight, config)

    def _back(self, slope: float, weight: float, config: Config) -> Tensor | None:
        """The codes' gradient and both matrices', in dense products; W_encᵀ Σg where b_pre = b_dec."""
        model, products, grads = self.model, self._products, self.grad_codes
        grad_dictionary, for_b_enc = _grad(model.dictionary), _grad(model.b_enc)
        grad_W_enc = self._encoders_grad()
        self.method.backward_(grads, self._batch, weight, config)
        rounded, codes = products.round("grad_codes", grads), products.rounded("codes", self.codes)
        centred, error = products.rounded("centred", self.centred), products.rounded("error", self.error)
        products.multiply(grad_W_enc, rounded.T, centred, model.W_enc, beta=config.weight_decay)
        products.multiply(grad_dictionary, codes.T, error, model.dictionary, alpha=slope)
        torch.sum(grads, 0, out=for_b_enc)
        torch.sum(self.error, 0, out=_grad(model.b_dec)).mul_(slope)
        if self._tied:
            grad_dictionary.add_(grad_W_enc)
        if self.projects:
            project_(grad_dictionary, model.dictionary)
        return torch.mv(model.W_enc.T, for_b_enc) if self._centres else None

    def _back_through_lit(
        self, lit: Lit | CompiledLit | CompiledDense, slope: float, weight: float, config: Config
    ) -> Tensor | None:
        """The same where only lit codes have a gradient."""
        model, price = self.model, self.method.price(self._batch, weight)
        out = Gradients(self._encoders_grad(), _grad(model.b_enc), _grad(model.dictionary), _grad(model.b_dec))
        W_enc: Tensor = model.W_enc
        centred, error = self.centred, self.error
        if self.wide:
            W_enc = self._products.rounded(self._encoder, W_enc)
            centred, error = self._products.rounded("centred", centred), self._products.rounded("error", error)
        across = model.dictionary if self.projects and not self._tied else None
        squares, through_b_pre = lit.weigh_(slope, price, centred, error, out, W_enc if self._centres else None, across)
        if squares and self._final(weight, config):
            names = zip(("W_enc", "dictionary"), squares, strict=True)
            self.squares = {name: square for name, square in names if square is not None}
        if config.weight_decay:
            out.W_enc.add_(model.W_enc, alpha=config.weight_decay)
        if self._tied:
            out.dictionary.add_(out.W_enc)
            if self.projects:
                project_(out.dictionary, model.dictionary)
        return through_b_pre

    def _encoders_grad(self) -> Tensor:
        """Where it goes before it is added to the dictionary's, if weights are tied."""
        return self._buffer("W_enc", self.model.W_enc) if self._tied else _grad(self.model.W_enc)

    def _final(self, weight: float, config: Config) -> bool:
        """Whether nothing is added to the matrices' gradients after their products."""
        held = self._unit or self._batch.dictionary is None or self.method.row_slope(self._batch, weight) is None
        return held and not (self._tied or config.weight_decay)

    def _lit_codes(self, at: NDArray[np.int64] | None, config: Config) -> Lit | None:
        """The lit codes, where leaving out the others saves time; the choice follows from the batch alone."""
        few = at is not None and self._may_skip and len(at) <= self._few
        if not few:
            torch.gt(self.codes, firing_threshold(config.activation), out=self.fires)
            torch.sum(self.fires, 0, out=self.counts)
        if not self._may_skip or float(self.counts.sum() if at is None else len(at)) > self._few:
            return None
        return Lit(self.codes, np.flatnonzero(self.codes.numpy() > 0.0) if at is None else at)

    def measure(self) -> float:
        """What a target is of, on this batch."""
        return self.method.measure(self._batch)

    def constrain_(self) -> None:
        """After Adam: the dictionary's rows back to norm 1, or to at most 1, where they are held there."""
        if self.lower:  # Adam has rounded what it moved
            self._products.refreshed(self._encoder, self.model.W_enc)
            self._products.refreshed("dictionary", self.model.dictionary)
        if (self._unit or self._bounded) and not self.wide:
            dictionary = self.model.dictionary
            torch.linalg.vector_norm(dictionary, dim=1, keepdim=True, out=self.norms)
            dictionary.div_(self.norms.clamp_min_(self._shortest))
        self.method.moved_(self._batch)

    @property
    def _shortest(self) -> float:
        """By which rows are divided that are held, and are shorter."""
        return 1e-12 if self._unit else 1.0

    @property
    def _encoder(self) -> str:
        """What W_enc is called among what Adam moves."""
        return "dictionary" if self._tied else "W_enc"

    def _free_rows(self, grad: Tensor, weight: float, config: Config) -> None:
        """What rows whose norm may change owe to the decay and to the penalty."""
        dictionary = self.model.dictionary
        if config.weight_decay and not self._tied:
            grad.add_(dictionary, alpha=config.weight_decay)
        if self._batch.dictionary is not None:
            along = self.method.row_slope(self._batch, weight)
            if along is not None:
                torch.linalg.vector_norm(dictionary, dim=1, keepdim=True, out=self.norms)
                grad.addcmul_(dictionary, along.unsqueeze(1).div_(self.norms.clamp_min_(1e-12)))

    def _per_image(self) -> float:
        return 1.0 / (self.x.shape[0] * self.variance)

    def _decay(self, weight_decay: float) -> float:
        if not weight_decay:
            return 0.0
        matrices = [self.model.W_enc] if self._unit or self._tied else [self.model.W_enc, self.model.dictionary]
        return 0.5 * weight_decay * sum(float(torch.dot(m.view(-1), m.view(-1))) for m in matrices)

    def _decode(self, codes: Tensor, error: Tensor, name: str, images: slice) -> None:
        """Error = codes @ dictionary + b_dec − x, of some images."""
        products, model = self._products, self.model
        rounded, dictionary = products.round(name, codes, images), products.rounded("dictionary", model.dictionary)
        products.multiply(error[images], rounded, dictionary, model.b_dec, beta=1.0)
        error[images].sub_(self.x[images])

    def _error_of(self, codes: Tensor, name: str) -> Tensor:
        error = self._buffer(name, self.error)
        self._products.share(lambda images: self._decode(codes, error, f"{name}.codes", images), len(error))
        return error

    def _pull_(self, grads: Tensor, error: Tensor) -> None:
        products = self._products
        rounded, dictionary = products.round("pulled", error), products.rounded("dictionary", self.model.dictionary)
        products.multiply(grads, rounded, dictionary.T, grads, alpha=2.0 * self._per_image(), beta=1.0)

    def _buffer(self, name: str, like: Tensor) -> Tensor:
        if name not in self._buffers:
            self._buffers[name] = torch.empty_like(like, requires_grad=False)
        return self._buffers[name]


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
