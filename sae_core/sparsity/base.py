"""What a sparsity method is: its declaration for the screens, and its arithmetic for the hot path.

Importing this package needs no torch: methods only call the methods of the tensors they are handed.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["FIRING_THRESHOLD", "Batch", "Extra", "Extras", "Method", "firing_threshold", "l1_slope", "row_norms"]

FIRING_THRESHOLD = 0.1
"""A sigmoid code above this counts as firing: sigmoid codes are never 0, so "fires" needs a line."""

Extras: TypeAlias = "Mapping[str, Tensor]"
"""The tensors a method adds to the model, by name; and the model's ``b_enc``."""


Letters: TypeAlias = tuple[str, str]
"""A term in the letters of CS294A, and in those of this program and of newer papers."""


def firing_threshold(activation: str) -> float:
    """The code above which a latent fires: 0 for ReLU, `FIRING_THRESHOLD` for the sigmoid."""
    return FIRING_THRESHOLD if activation == "sigmoid" else 0.0


@dataclass(frozen=True, slots=True)
class Extra:
    """A tensor that a method adds to the model: part of its file, of checkpoints and of every copy."""

    name: str
    start: float = 0.0
    unit: Literal["", "pixels", "log pixels"] = ""
    """Of ``start``: none, or √variance, an image's size in pixel units; "log": the tensor holds its logarithm."""
    trained: bool = True
    """Whether Adam moves it, by the gradient that `Method.backward_` writes; else the method itself does."""
    per_latent: bool = True
    """Shape (n_latents,), or () for one number."""

    def value(self, variance: float) -> float:
        """What every element starts at, in data of this variance (squared pixel units)."""
        if not self.unit:
            return self.start
        pixels = self.start * math.sqrt(variance)
        return math.log(pixels) if self.unit == "log pixels" else pixels


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as a method sees it: views of the trainer's buffers, the same objects every step.

    ``codes`` and ``fires`` (1 where a code fires, else 0) have shape (batch, n_latents);
    ``variance`` is the training set's mean ‖x − mean‖², in squared pixel units.
    """

    codes: Tensor
    fires: Tensor
    variance: float
    extras: Extras = field(default_factory=dict)
    """The method's own tensors."""
    grads: Extras = field(default_factory=dict)
    """dJ/d each trained one of them; `Method.backward_` fills them."""
    counts: Tensor | None = None
    """(n_latents,) on how many images each fires; there where ``fires`` may not be filled."""
    pre_codes: Tensor | None = None
    """(batch, n_latents), for methods that keep them."""
    dictionary: Tensor | None = None
    """(n_latents, n_pixels), where the rows' norms are free; None where they are held."""
    error_of: Callable[[Tensor, str], Tensor] | None = None
    """x_hat − x (batch, n_pixels) for other codes, in a buffer called by a name."""
    pull_: Callable[[Tensor, Tensor], None] | None = None
    """Add d reconstruction/d codes for an error (the second) onto the first (batch, n_latents)."""
    scratch: dict[str, Any] = field(default_factory=dict)
    """What one call of a step leaves for the next."""

    @property
    def size(self) -> int:
        """Images in it."""
        return int(self.codes.shape[0])


class Method:
    """One way of making codes sparse: J = reconstruction + weight · sparsity(codes) + decay + auxiliary.

    The base class is the plain autoencoder; a method replaces what it does differently. All tensors are
    (batch, n_latents) unless said otherwise; functions ending in ``_`` write into what they are given.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    """Plain words for a menu."""
    summary: ClassVar[str]
    """One plain sentence for the screen."""
    penalty: ClassVar[str] = ""
    """What the sparsity term is called under the formula; empty for a method without one."""
    penalty_letters: ClassVar[Letters] = ("", "")
    """The sparsity term in the course's letters, and in this program's."""
    structure: ClassVar[str] = ""
    """Beside the formula, for a method that silences units instead: ``{}`` is where the dial's value goes."""
    knobs: ClassVar[frozenset[str]] = frozenset()
    """The fields of `Config` that belong to this method."""
    dial: ClassVar[str | None] = None
    """The knob the big slider steers."""
    looks: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    """Where a knob's declaration on `Config` reads differently for this method: {knob: {field of `Knob`: value}}."""
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Defaults of `Config` that this method replaces."""
    activations: ClassVar[tuple[str, ...]] = ("relu", "sigmoid")
    activation_reason: ClassVar[str] = ""
    """Why the other activations are refused: the end of a sentence."""
    extras: ClassVar[tuple[Extra, ...]] = ()
    """The tensors it adds to the model."""
    keeps_pre_codes: ClassVar[bool] = False
    """Whether `Batch.pre_codes` is filled, at the cost of a copy."""
    only_lit: ClassVar[bool] = False
    """Whether dJ/d pre_code is 0 wherever the code is, and `price` all the penalty adds to it where it is not: then
    products may leave those out (ReLU codes only)."""
    reconstruction: ClassVar[str] = "reconstruction (FVU)"
    """What the first term of J is called under the formula."""
    reconstruction_letters: ClassVar[Letters] = ("Σ‖h(x) − x‖² / Σ‖x − x̄‖²", "Σ‖x̂ − x‖² / Σ‖x − x̄‖²")
    """It in the course's letters, and in this program's."""
    output: ClassVar[Literal["linear", "sigmoid"]] = "linear"
    """What the sum of filters goes through before it is x_hat."""
    whole: ClassVar[bool] = False
    """Whether every step sees the same images, all at once, and L-BFGS takes it: `training.whole`."""
    unused: ClassVar[frozenset[str]] = frozenset()
    """Knobs that mean nothing to it, and have to stay as they are."""
    target: ClassVar[str | None] = None
    """The knob that asks for an outcome instead of a weight; a controller then finds the weight."""

    def weight(self, config: Config) -> float:
        """What multiplies the sparsity term, before the warm-up; dimensionless."""
        return float(getattr(config, self.dial)) if self.penalty and self.dial else 0.0

    def largest_weight(self, longest: float) -> float | None:
        """λ_max, from which on everything is dead; None where no weight is too much.

        ``longest`` is the largest ‖x − mean‖ of any training image, in units of √variance.
        """
        return None

    def measure(self, batch: Batch) -> float:
        """What the target is of, on this batch: L0, units lit per image."""
        fires = batch.fires if batch.counts is None else batch.counts
        return float(fires.sum()) / batch.size

    def bias_start(self, config: Config) -> float:
        """What every b_enc starts at."""
        return 0.0

    def activate_(self, codes: Tensor, config: Config, extras: Extras) -> None:
        """Turn pre_codes into codes, in place, each image by itself."""
        codes.sigmoid_() if config.activation == "sigmoid" else codes.relu_()

    def activate_batch_(self, batch: Batch, config: Config) -> NDArray[np.int64] | None:
        """The same while training, where a method may let images compete with each other.

        Returns the flat positions of the codes that are not 0, ascending, where they came up on the way (then, if
        they are few, `Batch.fires` is not filled); else None.
        """
        self.activate_(batch.codes, config, batch.extras)
        return None

    def kept(self, config: Config) -> int | None:
        """How many codes of each image stay, its largest where they are positive, if that is all that is done to it;
        all of them: a ReLU.
        """
        return None

    def observe_(self, batch: Batch, images: int) -> None:
        """Take a batch into what the method keeps; ``images`` counts those seen, this batch included."""

    def sparsity(self, batch: Batch, config: Config) -> float:
        """The unweighted, dimensionless penalty on this batch."""
        return 0.0

    def auxiliary(self, batch: Batch, config: Config) -> float:
        """A further term of J, of weight 1; dimensionless."""
        return 0.0

    def price(self, batch: Batch, weight: float) -> float | Tensor | None:
        """d(weight · sparsity)/d code where that is one number, or one for each latent (n_latents,); None for 0."""
        return None

    def backward_(self, grad: Tensor, batch: Batch, weight: float, config: Config) -> None:
        """Turn d reconstruction / d codes into dJ / d pre_codes, in place; fill ``batch.grads``."""
        price = self.price(batch, weight)
        if price is not None:
            grad.add_(price)
        through_activation_(grad, batch, config)

    def row_slope(self, batch: Batch, weight: float) -> Tensor | None:
        """dJ/d‖row‖ (n_latents,) of dictionary rows whose norm is free; None where it is 0."""
        return None

    def finish_(self, batch: Batch, grad_b_enc: Tensor) -> None:
        """Correct dJ/d b_enc, which is Σ dJ/d pre_codes where nothing else is said."""

    def moved_(self, batch: Batch) -> None:
        """Adam has moved the weights by the gradients of this batch."""


def through_activation_(grad: Tensor, batch: Batch, config: Config) -> None:
    """Multiply by the activation's derivative: 1[code > 0] for ReLU, code (1 − code) for the sigmoid."""
    if config.activation == "sigmoid":
        grad.mul_(batch.codes)
        grad.addcmul_(grad, batch.codes, value=-1.0)
    else:
        grad.mul_(batch.fires)


def l1_slope(batch: Batch) -> float:
    """d sparsity/d code of an L1 term at unit norm: 1/(batch · √variance)."""
    return 1.0 / (batch.size * math.sqrt(batch.variance))


def row_norms(batch: Batch) -> Tensor | None:
    """(n_latents,) ‖row‖ of the dictionary where norms are free; None where they are held.

    Where rows may grow, a code costs its size times its row's norm: else shrinking all codes and growing all rows
    would make any penalty vanish (Conerly et al., "Circuits Updates", April 2024).
    """
    if batch.dictionary is None:
        return None
    norms: Tensor = batch.dictionary.norm(dim=1)
    return norms
