"""The closed-form gradient is autograd's, for every method under every option, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from sae_core.config import Config
from sae_core.data import Images
from sae_core.model import SparseAutoencoder
from sae_core.sparsity import METHODS
from sae_core.training.objective import Objective
from tests.core.methods import ROWS, STEPPED, Scene, config_of, kl_divergence

OPTIONS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.03, "tied": False},
    {"project": False},
    {"subtract_b_dec": False},
    {"tied": True, "decoder_norm": "unit"},
    {"tied": True, "decoder_norm": "free", "weight_decay": 0.03},
    {"tied": False, "decoder_norm": "free", "weight_decay": 0.03},
    {"tied": False, "decoder_norm": "bounded"},
]


def moved(config: Config, images: Images) -> SparseAutoencoder:
    """A model in float64 whose parts have all moved away from their start."""
    model = SparseAutoencoder.from_config(config, images).double()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random, dtype=torch.float64), alpha=0.1)
        if config.decoder_norm == "unit":
            model.dictionary /= model.dictionary.norm(dim=1, keepdim=True)
    return model


def closed_form(
    model: SparseAutoencoder, x: Tensor, config: Config, variance: float, weight: float, images: int
) -> tuple[Mapping[str, Tensor], float]:
    """The gradients that the hot path writes, by name, and J as it reports it."""
    with torch.no_grad():
        objective = Objective(model, variance, len(x), torch.float64)
        objective.x.copy_(x)
        reconstruction = objective.forward(config)
        sparsity, decay, auxiliary = objective.penalties(config, images)
        objective.backward(weight, config)
    grads = {name: parameter.grad for name, parameter in model.trained.items()}
    for parameter in model.parameters():
        parameter.grad = None
    return grads, reconstruction + weight * sparsity + decay + auxiliary


def by_autograd(scene: Scene, j: Any) -> tuple[Mapping[str, Tensor], float]:
    """The same from J written out; decay on what can decay, and the projection where there is one."""
    model, config = scene.model, scene.config
    squares = model.W_enc.square().sum()
    if config.decoder_norm != "unit" and not config.tied:
        squares = squares + model.dictionary.square().sum()
    total = j(scene) + config.weight_decay / 2 * squares
    found = torch.autograd.grad(total, list(model.trained.values()), allow_unused=True)
    grads = dict(zip(model.trained, found, strict=True))
    if config.decoder_norm == "unit" and config.project:
        rows = model.dictionary.detach()
        along = (grads["dictionary"] * rows).sum(1, keepdim=True)
        grads["dictionary"] = grads["dictionary"] - along * rows
    return grads, float(total.detach())


def batch(images: Images, n: int = 16) -> Tensor:
    return torch.tensor(images.train[:n], dtype=torch.float64)


def assert_same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, grad in ours.items():
        torch.testing.assert_close(grad, theirs[name], rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")


def test_every_method_has_its_row() -> None:
    assert list(ROWS) == [name for name, method in METHODS.items() if not method.whole]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("method", STEPPED)
def test_closed_form_gradients_are_autograds(method: str, options: dict[str, Any], images: Images) -> None:
    """On the first batch, where ρ̂ is the batch's own mean, nothing is left out: J's true gradient, of all it trains."""
    row, config = ROWS[method], config_of(method, **options)
    model, x = moved(config, images), batch(images)
    scene = Scene(model, x, config, images.variance, row.weight)
    theirs, j = by_autograd(scene, row.j)
    ours, reported = closed_form(model, x, config, images.variance, row.weight, images=len(x))
    assert_same(ours, theirs)
    assert reported == pytest.approx(j, rel=1e-9)
    assert all(grad.abs().max() > 1e-5 for grad in ours.values())


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.only_lit])
def test_products_with_the_lit_codes_alone_give_the_same(
    method: str, options: dict[str, Any], images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forced where few are lit, and where many are; autograd knows nothing of either."""
    row, config = ROWS[method], config_of(method, **options)
    model, x = moved(config, images), batch(images)
    theirs, j = by_autograd(Scene(model, x, config, images.variance, row.weight), row.j)
    monkeypatch.setattr("sae_core.training.objective.sparse_share", lambda products, wide: 1.0)
    ours, reported = closed_form(model, x, config, images.variance, row.weight, images=len(x))
    assert_same(ours, theirs)
    assert reported == pytest.approx(j, rel=1e-9)


@pytest.mark.parametrize("method", ["none", "l1"])
def test_sigmoid_codes_have_gradients_of_their_own(method: str, images: Images) -> None:
    config = config_of(method, activation="sigmoid")
    model, x, weight = moved(config, images), batch(images), ROWS[method].weight
    theirs, _ = by_autograd(Scene(model, x, config, images.variance, weight), ROWS[method].j)
    ours, _ = closed_form(model, x, config, images.variance, weight, images=len(x))
    assert_same(ours, theirs)


def test_kl_takes_the_slope_at_the_running_mean(images: Images) -> None:
    """Later on, the slope KL'(ρ̂) is a constant of the step, and the batch's mean is what it acts on.

    16 images of a window of 512: ρ̂ = .3 + 16/512 · (m − .3).
    """
    config = config_of("kl", rho=0.1)
    model, x = moved(config, images), batch(images)
    with torch.no_grad():
        model.rho_hat.fill_(0.3)
        expected = 0.3 + 16 / 512 * (model.encode(x).mean(0) - 0.3)
    ours, _ = closed_form(model, x, config, images.variance, 0.5, images=5_000)
    rho_hat = model.rho_hat.clone().requires_grad_()
    torch.testing.assert_close(rho_hat.detach(), expected)
    (slope,) = torch.autograd.grad(kl_divergence(0.1, rho_hat), rho_hat)
    scene = Scene(model, x, config, images.variance, 0.5)
    theirs, _ = by_autograd(
        scene, lambda s: s.fvu(s.pre_codes.sigmoid()) + 0.5 * (slope * s.pre_codes.sigmoid().mean(0)).sum()
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize("method", STEPPED)
def test_doubling_the_batch_leaves_the_gradient(method: str, images: Images) -> None:
    """The same images twice: every term is a mean, so no knob means something else for another batch size.

    It holds where images compete, too: of two copies both win, and the best k · 2 batch are each of the best twice.
    """
    config = config_of(method)
    model, x = moved(config, images), batch(images)
    once, _ = closed_form(model, x, config, images.variance, 0.5, images=len(x))
    twice, _ = closed_form(model, torch.cat([x, x]), config, images.variance, 0.5, images=2 * len(x))
    assert_same(once, twice)


@pytest.mark.parametrize("method", STEPPED)
def test_an_images_codes_follow_from_its_company_only_where_images_compete(method: str, images: Images) -> None:
    """Two batches' gradients average to that of both together, but for methods whose images compete, and for KL's
    mean over the batch.
    """
    config = config_of(method)
    model, x = moved(config, images), batch(images)
    whole, one, other = (
        closed_form(model, part, config, images.variance, 0.5, images=len(part))[0]["b_enc"]
        for part in (x, x[:8], x[8:])
    )
    same = torch.allclose((one + other) / 2, whole, rtol=1e-9, atol=1e-12)
    assert same == (not ROWS[method].competes and method != "kl")
