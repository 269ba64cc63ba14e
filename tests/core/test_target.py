"""A target instead of a weight: the controller gets there, knows its limits, and says so in its numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sae_core.config import Config, ConfigError
from sae_core.data import Images, planted_images
from sae_core.training.step import Trainer
from sae_core.training.target import Controller, largest_weight
from tests.core.methods import config_of

PLANTED = planted_images(n_train=2_000, n_test=100)


def trained(n: int, **values: object) -> Trainer:
    trainer = Trainer(Config(n_latents=64, batch_size=64, warmup_steps=100, **values), PLANTED)
    for _ in range(n):
        trainer.step()
    return trainer


@pytest.mark.parametrize(("method", "target"), [("l1", 4.0), ("gated", 5.0), ("jumprelu", 5.0)])
def test_the_asked_for_l0_is_found(method: str, target: float) -> None:
    """Within a sixth, after 1,500 steps, from a weight that was not it; five atoms make an image of this set."""
    trainer = trained(1_500, method=method, target_l0=target)
    assert trainer.row().l0 == pytest.approx(target, rel=1 / 6)
    assert trainer.row().penalty_weight != pytest.approx(trainer.config.penalty_weight, rel=0.02)
    assert trainer.row().terms.weight == pytest.approx(trainer.row().penalty_weight, rel=0.02)


def test_the_asked_for_mean_activation_is_found() -> None:
    trainer = trained(1_500, method="kl", target_rho=0.08)
    assert float(trainer.model.rho_hat.mean()) == pytest.approx(0.08, rel=0.15)


def test_a_target_out_of_reach_leaves_the_weight_at_its_limit(images: Images) -> None:
    """No penalty at all lights about half of the latents; all 24 on every image cannot be had."""
    trainer = Trainer(config_of("l1", target_l0=24.0, warmup_steps=0, penalty_weight=3e-5), images)
    for _ in range(1_500):
        trainer.step()
    limit = trainer.largest_weight
    assert limit is not None
    assert trainer.row().penalty_weight == pytest.approx(1e-5 * limit)
    assert trainer.row().l0 < 0.99 * 24


def test_the_controller_moves_the_weight_by_what_the_measure_is_off() -> None:
    """ln weight rises by 1/250 a step where the measure is e times the target or more; in the warm-up, not at all."""
    config = Config(target_l0=1.0, warmup_steps=10)
    controller = Controller(config, limit=3.0)
    controller.observe(np.e, config, images=256, step=9)
    assert controller.weight == 0.1
    controller.observe(np.e, config, images=512, step=10)
    assert controller.weight == pytest.approx(0.1 * np.exp(1 / 250))
    controller.observe(1e9, config, images=768, step=11)
    assert controller.weight == pytest.approx(0.1 * np.exp(2 / 250))
    for step in range(12, 5_000):
        controller.observe(1e9, config, images=256 * step, step=step)
    assert controller.weight == 3.0


def test_a_hand_may_change_the_target_and_the_weight_and_turn_it_off(images: Images) -> None:
    trainer = Trainer(config_of("l1", target_l0=5.0, warmup_steps=0), images)
    for _ in range(50):
        trainer.step()
    found = trainer.dial
    assert found != 0.1
    trainer.set("target_l0", 6.0)
    assert trainer.dial == found
    trainer.set("penalty_weight", 0.2)
    assert trainer.dial == 0.2
    trainer.set("target_l0", 0.0)
    trainer.step()
    assert trainer.row().terms.weight == trainer.dial == 0.2
    with pytest.raises(ConfigError, match="there are only 24 latents"):
        trainer.set("target_l0", 25)


def test_from_lambda_max_on_no_code_pays(images: Images) -> None:
    """At codes 0 the slope of J along a code is (λ/√v − 2 (x − mean)·row/v)/batch: from λ_max on never negative,
    and just below it negative for the longest image and the row that points there.
    """
    config = config_of("l1")
    limit = largest_weight(config, images)
    assert limit is not None
    away = torch.tensor(images.train - images.mean, dtype=torch.float64)
    rows = torch.randn(500, 36, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = torch.cat([rows / rows.norm(dim=1, keepdim=True), away / away.norm(dim=1, keepdim=True)])
    scale = images.variance**0.5

    def slopes(weight: float) -> torch.Tensor:
        return weight / scale - 2 * away @ rows.T / scale**2

    assert slopes(limit * (1 + 1e-6)).min() > 0
    assert slopes(limit * (1 - 1e-3)).min() < 0


@pytest.mark.parametrize("method", ["l1", "gated"])
def test_from_lambda_max_on_everything_dies(method: str, images: Images) -> None:
    """Trained there, nearly nothing is lit, and the mean image is what comes back (FVU 1)."""
    limit = largest_weight(config_of(method), images)
    assert limit is not None
    trainer = Trainer(config_of(method, penalty_weight=limit, warmup_steps=0, learning_rate=0.01), images)
    for _ in range(1_200):
        trainer.step()
    assert trainer.row().l0 < 0.05
    assert trainer.row().fvu == pytest.approx(1.0, abs=0.05)


def test_methods_without_a_price_have_no_limit(images: Images) -> None:
    assert [largest_weight(config_of(method), images) for method in ("none", "topk", "kl", "wta")] == [None] * 4
