"""What a sparsity method is: its declaration for the screens, and its arithmetic for the hot path.

Importing this package needs no torch: methods only call the methods of the tensors they are handed.
"""

# ruff: noqa: ARG002 - methods share one signature, and few need all of it
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

    from sae_core.config import Config

__all__ = ["FIRING_THRESHOLD", "Batch", "Method", "State", "firing_threshold"]

FIRING_THRESHOLD = 0.1
"""A sigmoid code above this counts as firing: sigmoid codes are never 0, so "fires" needs a line."""

State: TypeAlias = "dict[str, Tensor]"
"""What a method carries from step to step; each tensor (n_latents,), saved in checkpoints."""


def firing_threshold(activation: str) -> float:
    """The code above which a latent fires: 0 for ReLU, `FIRING_THRESHOLD` for the sigmoid."""
    return FIRING_THRESHOLD if activation == "sigmoid" else 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as a method sees it: views of the trainer's buffers, the same objects every step.

    ``codes`` and ``fires`` (1 where a code fires, else 0) have shape (batch, n_latents);
    ``variance`` is the training set's mean ‖x − mean‖², in squared pixel units.
    """

    codes: Tensor
    fires: Tensor
    variance: float


class Method:
    """One way of making codes sparse: J = reconstruction + weight · sparsity(codes) + decay.

    The base class is the plain autoencoder; a method replaces what it does differently. All tensors are
    (batch, n_latents) unless said otherwise; functions ending in ``_`` write into what they are given.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    """Plain words for a menu."""
    summary: ClassVar[str]
    """One plain sentence for the screen."""
    knobs: ClassVar[frozenset[str]] = frozenset()
    """The fields of `Config` that belong to this method."""
    dial: ClassVar[str | None] = None
    """The knob the big slider steers."""
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Defaults of `Config` that this method replaces."""
    activations: ClassVar[tuple[str, ...]] = ("relu", "sigmoid")
    activation_reason: ClassVar[str] = ""
    """Why the other activations are refused: the end of a sentence."""
    unit_norm: ClassVar[bool] = True
    """Whether the dictionary's rows are held at norm 1."""
    state_names: ClassVar[tuple[str, ...]] = ()
    """The tensors of `State`, each (n_latents,) and zero at the start."""

    def weight(self, config: Config) -> float:
        """What multiplies the sparsity term, before the warm-up; dimensionless."""
        return 0.0

    def start_(self, W_enc: Tensor, b_enc: Tensor, dictionary: Tensor, config: Config) -> None:
        """Turn the common start (unit-norm random rows, tied, zero bias) into the method's own."""

    def activate_(self, codes: Tensor, config: Config) -> None:
        """Turn pre_codes into codes, in place."""
        codes.sigmoid_() if config.activation == "sigmoid" else codes.relu_()

    def observe_(self, batch: Batch, images: int, state: State) -> None:
        """Take a batch into the running state; ``images`` counts those seen, this batch included."""

    def sparsity(self, batch: Batch, config: Config, state: State) -> float:
        """The unweighted, dimensionless penalty on this batch."""
        return 0.0

    def backward_(self, grad: Tensor, batch: Batch, weight: float, config: Config, state: State) -> None:
        """Turn d reconstruction / d codes into dJ / d pre_codes, in place."""
        through_activation_(grad, batch, config)


def through_activation_(grad: Tensor, batch: Batch, config: Config) -> None:
    """Multiply by the activation's derivative: 1[code > 0] for ReLU, code (1 − code) for the sigmoid."""
    if config.activation == "sigmoid":
        grad.mul_(batch.codes)
        grad.addcmul_(grad, batch.codes, value=-1.0)
    else:
        grad.mul_(batch.fires)
