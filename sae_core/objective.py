"""J and its gradient on one batch, in closed form: what the hot path spends its time in."""

from __future__ import annotations

import torch
from torch import Tensor

from sae_core.config import Config
from sae_core.model import SparseAutoencoder
from sae_core.sparsity import Batch, State, firing_threshold

__all__ = ["Objective"]


class Objective:
    """J = reconstruction + weight · sparsity + weight_decay/2 · (‖W_enc‖² + ‖dictionary‖²).

    reconstruction = Σ‖x − x_hat‖² / (batch · variance), the FVU with the training set's constant
    denominator. Where the method holds dictionary rows at norm 1, decay is on the encoder only (the rest is
    constant) and the dictionary's gradient is projected off the rows, which only the constraint may scale.

    Gradients are written into buffers made once and into the parameters' ``.grad``. With c = codes,
    e = x_hat − x, s = 2/(batch · variance), x₀ = x − b_dec, and g = dJ/d pre_codes from the method:

        dJ/d dictionary = s cᵀe (+ weight_decay · dictionary)      dJ/d W_enc = gᵀx₀ + weight_decay · W_enc
        dJ/d b_enc      = Σ g                                      dJ/d b_dec = s Σ e − W_encᵀ Σ g
    """

    def __init__(self, model: SparseAutoencoder, variance: float, batch_size: int, products: torch.dtype) -> None:
        self.model = model
        self.method = model.method
        self.variance = variance
        n_latents, n_pixels = model.W_enc.shape
        self.x = model.W_enc.new_empty(batch_size, n_pixels, requires_grad=False)
        """(batch, n_pixels): the caller fills it."""
        self.centred = torch.empty_like(self.x)
        self.error = torch.empty_like(self.x)
        self.codes = self.x.new_zeros(batch_size, n_latents)
        self.fires = torch.empty_like(self.codes)
        self.grad_codes = torch.empty_like(self.codes)
        self.state: State = {name: self.x.new_zeros(n_latents) for name in self.method.state_names}
        self.norms = self.x.new_empty(n_latents, 1)
        self._batch = Batch(self.codes, self.fires, variance)
        self._products = products
        self._rounded: dict[str, Tensor] = {}
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)

    def forward(self, config: Config) -> float:
        """Fill ``codes``, ``fires`` and ``error`` from ``x``; the reconstruction term."""
        model = self.model
        torch.sub(self.x, model.b_dec, out=self.centred)
        centred, W_enc = self._round("centred", self.centred), self._round("W_enc", model.W_enc)
        self._product(self.codes, centred, W_enc.T, model.b_enc, beta=1.0)
        self.method.activate_(self.codes, config)
        torch.gt(self.codes, firing_threshold(config.activation), out=self.fires)
        codes, dictionary = self._round("codes", self.codes), self._round("dictionary", model.dictionary)
        self._product(self.error, codes, dictionary, model.b_dec, beta=1.0)
        self.error.sub_(self.x)
        flat = self.error.view(-1)
        return float(torch.dot(flat, flat)) * self._per_image()

    def penalties(self, config: Config, images: int) -> tuple[float, float]:
        """The unweighted sparsity term (``images`` seen, this batch included) and the decay as it enters J."""
        self.method.observe_(self._batch, images, self.state)
        sparsity = self.method.sparsity(self._batch, config, self.state)
        return sparsity, self._decay(config.weight_decay)

    def backward(self, weight: float, config: Config) -> None:
        """Write dJ/d parameter into every ``.grad``; after `forward` and `penalties`."""
        model, grads, slope = self.model, self.grad_codes, 2.0 * self._per_image()
        error, dictionary = self._round("error", self.error), self._rounded.get("dictionary", model.dictionary)
        self._product(grads, error, dictionary.T, grads, alpha=slope)
        self.method.backward_(grads, self._batch, weight, config, self.state)
        centred, codes = self._rounded.get("centred", self.centred), self._rounded.get("codes", self.codes)
        rounded = self._round("grad_codes", grads)
        self._product(_grad(model.W_enc), rounded.T, centred, model.W_enc, beta=config.weight_decay)
        self._product(_grad(model.dictionary), codes.T, error, model.dictionary, alpha=slope)
        torch.sum(grads, 0, out=_grad(model.b_enc))
        b_dec = torch.sum(self.error, 0, out=_grad(model.b_dec))
        torch.addmv(b_dec, model.W_enc.T, _grad(model.b_enc), beta=slope, alpha=-1.0, out=b_dec)
        if self.method.unit_norm:
            project_(_grad(model.dictionary), model.dictionary)
        elif config.weight_decay:
            _grad(model.dictionary).add_(model.dictionary, alpha=config.weight_decay)

    def constrain_(self) -> None:
        """Bring the dictionary's rows back to norm 1, where the method holds them there."""
        if self.method.unit_norm:
            dictionary = self.model.dictionary
            torch.linalg.vector_norm(dictionary, dim=1, keepdim=True, out=self.norms)
            dictionary.div_(self.norms.clamp_min_(1e-12))

    def _per_image(self) -> float:
        return 1.0 / (self.x.shape[0] * self.variance)

    def _decay(self, weight_decay: float) -> float:
        if not weight_decay:
            return 0.0
        matrices = [self.model.W_enc] if self.method.unit_norm else [self.model.W_enc, self.model.dictionary]
        return 0.5 * weight_decay * sum(float(torch.dot(m.view(-1), m.view(-1))) for m in matrices)

    def _round(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor as the matrix products take it: itself, or a copy of lower precision."""
        if self._products == tensor.dtype:
            return tensor
        if name not in self._rounded:
            self._rounded[name] = torch.empty_like(tensor, dtype=self._products, requires_grad=False)
        return self._rounded[name].copy_(tensor)

    def _product(
        self, out: Tensor, a: Tensor, b: Tensor, add: Tensor, *, alpha: float = 1.0, beta: float = 0.0
    ) -> None:
        """Put beta · add + alpha · a b into ``out``; sums stay in out's precision."""
        if a.dtype == out.dtype:
            torch.addmm(add, a, b, beta=beta, alpha=alpha, out=out)
        elif beta:
            torch.mul(add, beta, out=out) if add.shape == out.shape else out.copy_(add).mul_(beta)
            out.add_(torch.mm(a, b), alpha=alpha)
        else:
            torch.mul(torch.mm(a, b), alpha, out=out)


def project_(grad: Tensor, rows: Tensor) -> None:
    """Take from each row of ``grad`` its part along the unit row of ``rows``; both (n_latents, n_pixels)."""
    grad.addcmul_(rows, torch.linalg.vecdot(grad, rows).unsqueeze(1), value=-1.0)


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
