"""J and its gradient on one batch, in closed form: what the hot path spends its time in."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.config import Config
from sae_core.kernels import Given, Gradients
from sae_core.model import SparseAutoencoder, seeded
from sae_core.sparsity import Batch, firing_threshold
from sae_core.training.lit import Lit, project_, sparse_share
from sae_core.training.products import Products

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sae_core.kernels.dense import CompiledDense
    from sae_core.kernels.lit import CompiledLit
    from sae_core.training.batches import Drawn

__all__ = ["Objective", "skips_what_is_dark"]


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
    through these lines; what it does differently are the calls of ``self.method``. Wide models have the same with
    compiled arithmetic, in `sae_core.training.wide`.
    """

    wide: ClassVar[bool] = False
    """Whether `sae_core.kernels` does the arithmetic, and its threads share it."""
    lower: Mapping[str, Tensor] = MappingProxyType({})
    """Where Adam puts, of the weights it moves, what products take."""
    least: Mapping[str, float] = MappingProxyType({})
    """By which Adam divides rows, where they are held and their norms are shorter."""

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
        self._may_skip = skips_what_is_dark(model)
        self._lit: Lit | CompiledLit | CompiledDense | None = None
        self.missed = 0.0
        """Σ‖x_hat − x‖² over the batch."""
        self.squares: dict[str, float] = {}
        """Σ of the squares of a parameter's gradient, by its name, where it came up on the way."""
        self._products = Products(products, shared=self.wide)
        self._few = sparse_share(products, wide=self.wide) * self.codes.numel()
        """Up to so many lit codes of a batch are multiplied alone."""
        self._buffers: dict[str, Tensor] = {}
        for parameter in model.parameters():
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
        where the method does not tell which codes it left; not in wide models. What the codes' gradient has of the
        reconstruction is taken while the error is at hand: `backward` finds it.
        """
        encoded = self.x if self.noisy is None else self.noisy
        if not self._centres:
            self.centred = encoded
        self._encoded = encoded
        self._products.refresh(self._encoder, self.model.W_enc)
        self._see(config, encoded, drawn)
        return self.missed * self._per_image()

    def _see(self, config: Config, encoded: Tensor, drawn: Drawn | None) -> None:
        """How many codes are lit decides about the products."""
        model = self.model
        self._encode(encoded, drawn, slice(None))
        if self._batch.pre_codes is not None:
            self._batch.pre_codes.copy_(self.codes)
        lit = self._lit = self._lit_codes(self.method.activate_batch_(self._batch, config), config)
        if lit is not None:
            lit.count_(self.counts)
            self.missed = lit.error_(model.dictionary, model.b_dec, self.x, self.error)
            return
        products, dictionary = self._products, self._products.refresh("dictionary", model.dictionary)
        self._decode(self.codes, self.error, "codes")
        error, grads = products.round("error", self.error), self.grad_codes
        products.multiply(grads, error, dictionary.T, grads, alpha=2.0 * self._per_image())
        flat = self.error.view(-1)
        self.missed = float(torch.dot(flat, flat))

    def _encode(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> None:
        """Put some of the images in ``centred``, without b_pre, and their pre_codes in ``codes``."""
        centred, W_enc = self._centre(encoded, drawn, images), self._products.rounded(self._encoder, self.model.W_enc)
        self._products.multiply(self.codes[images], centred, W_enc.T, self.model.b_enc, beta=1.0)

    def _centre(self, encoded: Tensor, drawn: Drawn | None, images: slice) -> Tensor:
        """Some of the images without b_pre, as products take them."""
        if drawn is not None:
            drawn.take_(self.x[images], images)
        if self._centres:
            torch.sub(encoded[images], self.model.b_dec, out=self.centred[images])
        return self._products.round("centred", self.centred, images)

    def exactly_centred(self) -> Tensor:
        """What was encoded, without b_pre, also where `forward` has it only as products take it."""
        return torch.sub(self._encoded, self.model.b_dec, out=self.centred) if self._centres else self._encoded

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
        W_enc, centred, error = self._factors()
        across = model.dictionary if self.projects and not self._tied else None
        given = Given(slope, price, centred, error, W_enc if self._centres else None, across)
        squares, through_b_pre = lit.weigh_(given, out)
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

    def _factors(self) -> tuple[Tensor, Tensor, Tensor]:
        """W_enc, x₀ and the error, as products with lit codes take them."""
        return self.model.W_enc, self.centred, self.error

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
        if self._unit or self._bounded:
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

    def _decode(self, codes: Tensor, error: Tensor, name: str) -> None:
        """Error = codes @ dictionary + b_dec − x."""
        products, model = self._products, self.model
        rounded, dictionary = products.round(name, codes), products.rounded("dictionary", model.dictionary)
        products.multiply(error, rounded, dictionary, model.b_dec, beta=1.0)
        error.sub_(self.x)

    def _error_of(self, codes: Tensor, name: str) -> Tensor:
        error = self._buffer(name, self.error)
        self._decode(codes, error, f"{name}.codes")
        return error

    def _pull_(self, grads: Tensor, error: Tensor) -> None:
        products = self._products
        rounded, dictionary = products.round("pulled", error), products.rounded("dictionary", self.model.dictionary)
        products.multiply(grads, rounded, dictionary.T, grads, alpha=2.0 * self._per_image(), beta=1.0)

    def _buffer(self, name: str, like: Tensor) -> Tensor:
        if name not in self._buffers:
            self._buffers[name] = torch.empty_like(like, requires_grad=False)
        return self._buffers[name]


def skips_what_is_dark(model: SparseAutoencoder) -> bool:
    """Whether products may leave out the codes that are not lit."""
    return model.W_enc.device.type == "cpu" and model.method.only_lit and model.config.activation == "relu"


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
