"""The closed-form gradient is autograd's, for every method, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from sae_core.config import Config
from sae_core.data import Images
from sae_core.model import PARAMETERS, SparseAutoencoder
from sae_core.objective import Objective
from sae_core.sparsity import METHODS

CASES: list[dict[str, Any]] = [
    {"method": "none"},
    {"method": "none", "weight_decay": 0.03},
    {"method": "none", "activation": "sigmoid"},
    {"method": "l1", "penalty_weight": 0.3},
    {"method": "l1", "penalty_weight": 0.3, "weight_decay": 0.03},
    {"method": "l1", "penalty_weight": 0.3, "activation": "sigmoid"},
    {"method": "kl", "beta": 0.7, "weight_decay": 0.0},
    {"method": "kl", "beta": 0.7, "rho": 0.2, "weight_decay": 0.03},
    {"method": "topk", "k": 3},
    {"method": "topk", "k": 12, "weight_decay": 0.03},
]


def untied(config: Config, images: Images) -> SparseAutoencoder:
    """A model in float64 whose parts have all moved away from their start."""
    model = SparseAutoencoder.from_config(config, images).double()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in PARAMETERS:
            parameter = getattr(model, name)
            parameter += 0.1 * torch.randn(parameter.shape, generator=random, dtype=torch.float64)
        if model.method.unit_norm:
            model.dictionary /= model.dictionary.norm(dim=1, keepdim=True)
    return model


def closed_form(
    model: SparseAutoencoder, x: Tensor, config: Config, variance: float, weight: float, images: int
) -> tuple[Mapping[str, Tensor], Objective]:
    """The gradients that the hot path writes, by name."""
    with torch.no_grad():
        objective = Objective(model, variance, len(x), torch.float64)
        for state in objective.state.values():
            state.fill_(0.3)
        objective.x.copy_(x)
        objective.forward(config)
        objective.penalties(config, images)
        objective.backward(weight, config)
    grads = {name: getattr(model, name).grad for name in PARAMETERS}
    for name in PARAMETERS:
        getattr(model, name).grad = None
    return grads, objective


def by_autograd(
    model: SparseAutoencoder, x: Tensor, config: Config, variance: float, sparsity: Any, weight: float
) -> Mapping[str, Tensor]:
    """Gradients of J written out; the dictionary's is projected where its rows are held at norm 1."""
    codes = model.encode(x)
    error = model.decode(codes) - x
    squares = model.W_enc.square().sum()
    if not model.method.unit_norm:
        squares = squares + model.dictionary.square().sum()
    j = error.square().sum() / (len(x) * variance) + weight * sparsity(codes) + config.weight_decay / 2 * squares
    grads = dict(zip(PARAMETERS, torch.autograd.grad(j, [getattr(model, n) for n in PARAMETERS]), strict=True))
    if model.method.unit_norm:
        rows = model.dictionary.detach()
        along = (grads["dictionary"] * rows).sum(1, keepdim=True)
        grads["dictionary"] = grads["dictionary"] - along * rows
    return grads


def batch(images: Images, n: int = 16) -> Tensor:
    return torch.tensor(images.train[:n], dtype=torch.float64)


def kl(rho: float, rho_hat: Tensor) -> Tensor:
    return (rho * (rho / rho_hat).log() + (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()).sum()


def assert_same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    for name in PARAMETERS:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_closed_form_gradients_are_autograds(case: dict[str, Any], images: Images) -> None:
    """On the first batch, where ρ̂ is the batch's own mean, nothing is left out: J's true gradient."""
    config = Config(n_latents=12, **case)
    model, x, weight = untied(config, images), batch(images), METHODS[config.method].weight(config)
    scale = images.variance**0.5

    def sparsity(codes: Tensor) -> Tensor:
        if config.method == "kl":
            return kl(config.rho, codes.mean(0))
        return codes.abs().sum() / (len(x) * scale)

    ours, _ = closed_form(model, x, config, images.variance, weight, images=len(x))
    assert_same(ours, by_autograd(model, x, config, images.variance, sparsity, weight))
    assert ours["W_enc"].abs().max() > 1e-4


def test_kl_takes_the_slope_at_the_running_mean(images: Images) -> None:
    """Later on, the slope KL'(ρ̂) is a constant of the step, and the batch's mean is what it acts on.

    16 images of a window of 512: ρ̂ = .3 + 16/512 · (m − .3).
    """
    config = Config(method="kl", n_latents=12, rho=0.1, beta=0.5)
    model, x = untied(config, images), batch(images)
    ours, objective = closed_form(model, x, config, images.variance, 0.5, images=5_000)
    with torch.no_grad():
        expected = 0.3 + 16 / 512 * (model.encode(x).mean(0) - 0.3)
    rho_hat = objective.state["rho_hat"].clone().requires_grad_()
    torch.testing.assert_close(rho_hat.detach(), expected)
    (slope,) = torch.autograd.grad(kl(0.1, rho_hat), rho_hat)
    theirs = by_autograd(model, x, config, images.variance, lambda codes: (slope * codes.mean(0)).sum(), 0.5)
    assert_same(ours, theirs)


@pytest.mark.parametrize("method", METHODS)
def test_doubling_the_batch_leaves_the_gradient(method: str, images: Images) -> None:
    """The same images twice: every term is a mean, so no knob means something else for another batch size."""
    config = Config(method=method, n_latents=12, k=4) if method == "topk" else Config(method=method, n_latents=12)
    model, x = untied(config, images), batch(images)
    once, _ = closed_form(model, x, config, images.variance, 0.5, images=len(x))
    twice, _ = closed_form(model, torch.cat([x, x]), config, images.variance, 0.5, images=2 * len(x))
    assert_same(once, twice)


def test_the_reported_terms_are_those_of_j(images: Images) -> None:
    """forward and penalties return the reconstruction, sparsity and decay that autograd differentiates."""
    config = Config(method="l1", n_latents=12, weight_decay=0.03)
    model, x = untied(config, images), batch(images)
    with torch.no_grad():
        objective = Objective(model, images.variance, len(x), torch.float64)
        objective.x.copy_(x)
        reconstruction = objective.forward(config)
        sparsity, decay = objective.penalties(config, images=len(x))
        codes = model.encode(x)
        assert reconstruction == pytest.approx(float((model.decode(codes) - x).square().sum()) / 16 / images.variance)
        assert sparsity == pytest.approx(float(codes.sum()) / 16 / images.variance**0.5)
        assert decay == pytest.approx(0.015 * float(model.W_enc.square().sum()))
