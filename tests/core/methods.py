"""One row a method: how it is tried, and its J written out for autograd, as its source has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from sae_core.config import Config
from sae_core.model import SparseAutoencoder
from sae_core.sparsity.jumprelu import BANDWIDTH


@dataclass(frozen=True)
class Scene:
    """What J is a function of."""

    model: SparseAutoencoder
    x: Tensor
    config: Config
    variance: float
    weight: float

    @property
    def pre_codes(self) -> Tensor:
        model = self.model
        x = self.x - model.b_dec if self.config.subtract_b_dec else self.x
        return x @ model.W_enc.T + model.b_enc

    @property
    def norms(self) -> Tensor:
        """Of the dictionary's rows, where they count: where they are free."""
        norms = self.model.dictionary.norm(dim=1)
        return norms if self.config.decoder_norm == "free" else torch.ones_like(norms)

    def fvu(self, codes: Tensor) -> Tensor:
        x_hat = codes @ self.model.dictionary + self.model.b_dec
        return (self.x - x_hat).square().sum() / (len(self.x) * self.variance)

    def l1(self, codes: Tensor) -> Tensor:
        return (codes.abs() * self.norms).sum() / (len(self.x) * self.variance**0.5)


def plain(scene: Scene) -> Tensor:
    pre = scene.pre_codes
    return scene.fvu(pre.sigmoid() if scene.config.activation == "sigmoid" else pre.relu())


def l1(scene: Scene) -> Tensor:
    pre = scene.pre_codes
    codes = pre.sigmoid() if scene.config.activation == "sigmoid" else pre.relu()
    return scene.fvu(codes) + scene.weight * scene.l1(codes)


def kl_divergence(rho: float, rho_hat: Tensor) -> Tensor:
    return (rho * (rho / rho_hat).log() + (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()).sum()


def kl(scene: Scene) -> Tensor:
    codes = scene.pre_codes.sigmoid()
    return scene.fvu(codes) + scene.weight * kl_divergence(scene.config.rho, codes.mean(0))


def topk(scene: Scene) -> Tensor:
    pre = scene.pre_codes
    smallest = pre.sort(dim=1, descending=True).values[:, scene.config.k - 1 : scene.config.k]
    return scene.fvu(torch.where(pre >= smallest, pre, 0).relu())


def batch_topk(scene: Scene) -> Tensor:
    pre = scene.pre_codes
    smallest = pre.flatten().sort(descending=True).values[scene.config.k * len(pre) - 1]
    return scene.fvu(torch.where(pre >= smallest, pre, 0).relu())


def wta(scene: Scene) -> Tensor:
    pre = scene.pre_codes
    smallest = pre.sort(dim=0, descending=True).values[round(scene.config.lifetime * len(pre)) - 1]
    return scene.fvu(torch.where(pre >= smallest, pre, 0).relu())


class Jump(torch.autograd.Function):
    """z where z > θ; ∂/∂z = 1[z > θ], ∂/∂θ = −(θ/ε) K((z − θ)/ε): equations 11–12 of the paper's appendix."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, theta: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(z, theta)
        ctx.width = width
        return z * (z > theta)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        z, theta = ctx.saved_tensors
        kernel = (((z - theta) / ctx.width).abs() <= 0.5).to(z.dtype)
        return grad * (z > theta), (-theta / ctx.width * kernel * grad).sum(0), None


class Lit(torch.autograd.Function):
    """1[z > θ]; ∂/∂z = 0, ∂/∂θ = −(1/ε) K((z − θ)/ε)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, theta: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(z, theta)
        ctx.width = width
        return (z > theta).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        z, theta = ctx.saved_tensors
        kernel = (((z - theta) / ctx.width).abs() <= 0.5).to(z.dtype)
        return torch.zeros_like(z), (-1 / ctx.width * kernel * grad).sum(0), None


def jumprelu(scene: Scene) -> Tensor:
    pre, theta = scene.pre_codes, scene.model.log_threshold.exp()
    width = BANDWIDTH * scene.variance**0.5
    lit = Lit.apply(pre, theta, width).sum() / len(pre)
    return scene.fvu(Jump.apply(pre, theta, width)) + scene.weight * lit


def gated(scene: Scene) -> Tensor:
    model = scene.model
    u = scene.pre_codes - model.b_enc
    gate = u + model.b_enc
    codes = (gate > 0) * (model.r_mag.exp() * u + model.b_mag).relu()
    frozen = gate.relu() @ model.dictionary.detach() + model.b_dec.detach()
    auxiliary = (scene.x - frozen).square().sum() / (len(scene.x) * scene.variance)
    return scene.fvu(codes) + scene.weight * scene.l1(gate.relu()) + auxiliary


@dataclass(frozen=True)
class Row:
    """A method as the tests know it; ``live`` is a knob of it, and another value, to change in a run."""

    j: Callable[[Scene], Tensor]
    live: tuple[str, float]
    values: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.0
    competes: bool = False
    """Whether the images of a batch compete, so that an image's codes follow from its company."""


ROWS = {
    "none": Row(plain, ("learning_rate", 0.002)),
    "l1": Row(l1, ("penalty_weight", 0.37), weight=0.3),
    "topk": Row(topk, ("k", 3), {"k": 6}),
    "batch-topk": Row(batch_topk, ("k", 3), {"k": 6}, competes=True),
    "jumprelu": Row(jumprelu, ("penalty_weight", 0.02), weight=0.03),
    "gated": Row(gated, ("penalty_weight", 0.37), weight=0.3),
    "kl": Row(kl, ("rho", 0.11), {"weight_decay": 0.0}, weight=0.7),
    "wta": Row(wta, ("lifetime", 0.5), {"lifetime": 0.25}, competes=True),
}


STEPPED = list(ROWS)
"""The methods that `Trainer` trains: all but the textbook's, which has tests of its own."""


def config_of(method: str, **values: Any) -> Config:
    """A small run's config, with what the method needs to be small itself."""
    return Config(method=method, **{"n_latents": 24, "batch_size": 16, **ROWS[method].values, **values})
