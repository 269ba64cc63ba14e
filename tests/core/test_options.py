"""Options that go with any method: what they change, what they leave alone, and that nothing of them is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sae_core.checkpoint import Checkpoint
from sae_core.config import Config
from sae_core.data import Images, planted_images
from sae_core.sparsity import METHODS
from sae_core.sparsity.jumprelu import PACE
from sae_core.training.objective import Objective
from sae_core.training.rates import Rates
from sae_core.training.revival import AUX_SHARE, AuxK, resample_
from sae_core.training.step import Trainer
from tests.core.methods import STEPPED, config_of
from tests.core.test_checkpoint import assert_identical
from tests.core.test_gradients import batch, moved

DEAD = torch.zeros(24, dtype=torch.bool)
DEAD[[3, 7, 20]] = True


def steps(trainer: Trainer, n: int) -> Trainer:
    for _ in range(n):
        trainer.step()
    return trainer


# ── aux-k ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("options", [{}, {"tied": True}, {"decoder_norm": "free"}], ids=str)
@pytest.mark.parametrize("k", [2, 5])
def test_aux_ks_gradient_is_autograds_and_reaches_only_the_dead(
    k: int, options: dict[str, Any], images: Images
) -> None:
    """Of three dead latents the best two, or all; the residual, and with it b_dec, is a constant."""
    config = config_of("topk", **options)
    model, x = moved(config, images), batch(images)
    with torch.no_grad():
        objective = Objective(model, images.variance, len(x), torch.float64)
        objective.x.copy_(x)
        objective.forward(config)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        aux = AuxK(objective, k)
        term = aux.forward(lambda: DEAD, 0)
        aux.backward_()
    ours = {name: parameter.grad.clone() for name, parameter in model.trained.items() if parameter.grad is not None}

    def written_out() -> Tensor:
        left = (x - model(x)).detach()
        pre = (x - model.b_dec.detach()) @ model.W_enc[DEAD].T + model.b_enc[DEAD]
        smallest = pre.sort(dim=1, descending=True).values[:, min(k, 3) - 1 :][:, :1]
        z = torch.where(pre >= smallest, pre, 0)
        error = (left - z @ model.dictionary[DEAD]).square().sum()
        return AUX_SHARE * error / (left - left.mean(0)).square().sum()

    expected = written_out()
    assert term == pytest.approx(expected.item(), rel=1e-9)
    theirs = dict(
        zip(ours, torch.autograd.grad(expected, list(model.trained.values()), allow_unused=True), strict=True)
    )
    for name, grad in ours.items():
        reference = theirs[name] if theirs[name] is not None else torch.zeros_like(grad)
        if name == "dictionary" and config.decoder_norm == "unit":
            rows = model.dictionary.detach()
            reference = reference - (reference * rows).sum(1, keepdim=True) * rows
        torch.testing.assert_close(grad, reference, rtol=1e-9, atol=1e-12)
        assert name == "b_dec" or not grad[~DEAD].any()
    assert not ours["b_dec"].any()
    assert ours["dictionary"][DEAD].any(dim=1).all()


def test_without_dead_latents_aux_k_is_nothing(images: Images) -> None:
    """A run that asks for it is, until the first latent dies, bit for bit the one that does not."""
    plain, asked = (steps(Trainer(config_of("topk", aux_k=k), images), 10) for k in (0, 8))
    assert plain.checkpoint().digest() == asked.checkpoint().digest()
    assert asked.row().terms.auxiliary == 0.0


@pytest.mark.parametrize("revival", [{"aux_k": 32}, {"resample_every": 20_000}], ids=str)
def test_the_dead_come_back(revival: dict[str, int]) -> None:
    """With k = 1 of 128 two thirds fall silent; either way more of them live, long after they were started again.

    The mean of six seeds: of one alone it is .60 to .77 of the others' share, as rounding would have it.
    """
    planted = planted_images(n_train=2_000, n_test=100)
    shared = {"n_latents": 128, "batch_size": 64, "dead_window": 2_560, "learning_rate": 0.003, "k": 1}
    alone, helped = (
        np.mean(
            [
                steps(Trainer(Config(method="topk", seed=seed, **shared, **more), planted), 400).row().dead_fraction
                for seed in range(6)
            ]
        )
        for more in ({}, revival)
    )
    assert alone > 0.5
    assert helped < 0.7 * alone


# ── resampling ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_resampling_starts_the_dead_again_and_touches_nobody_else(images: Images) -> None:
    """At 640 images: filters at images' directions from b_dec, encoder rows at the living ones' norm, no bias, Adam's
    moments forgotten; and they count as alive until the window has passed again.
    """
    config = config_of("topk", k=1, dead_window=320)
    without = steps(Trainer(config, images), 40)
    resampled = steps(Trainer(config.with_changes(resample_every=640), images), 40)
    old, new = without.checkpoint().tensors, resampled.checkpoint().tensors
    dead = old["recent.last_fired"] <= 640 - 320
    assert 3 < dead.sum() < 24
    for name in ("dictionary", "W_enc", "b_enc", "adam.dictionary.exp_avg"):
        assert np.array_equal(old[name][~dead], new[name][~dead])
    away = images.train - new["b_dec"]
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    assert ((new["dictionary"][dead] @ away.T).max(axis=1) > 0.9999).all()
    living = np.linalg.norm(old["W_enc"][~dead], axis=1).mean()
    np.testing.assert_allclose(np.linalg.norm(new["W_enc"][dead], axis=1), living, rtol=1e-4)
    for name in (
        "b_enc",
        "adam.W_enc.exp_avg",
        "adam.W_enc.exp_avg_sq",
        "adam.dictionary.exp_avg",
        "adam.b_enc.exp_avg",
    ):
        assert not new[name][dead].any()
    assert resampled.row().dead_fraction == 0.0


def test_under_a_penalty_resampled_encoder_rows_are_a_fifth_as_long(images: Images) -> None:
    """And a method's own tensors start again, too: three of gated's 24 latents, the others as they were."""
    trainer = steps(Trainer(config_of("gated"), images), 20)
    before = trainer.checkpoint().tensors
    states = trainer._optimizer.state
    moments = {name: (state["exp_avg"], state["exp_avg_sq"]) for name, state in states.items()}
    with torch.no_grad():
        rows = resample_(trainer.model, DEAD, images, moments, 20)
    after = trainer.checkpoint().tensors
    assert rows.tolist() == [3, 7, 20]
    living = np.linalg.norm(before["W_enc"][~DEAD.numpy()], axis=1).mean()
    np.testing.assert_allclose(np.linalg.norm(after["W_enc"][rows], axis=1), 0.2 * living, rtol=1e-4)
    for name in ("r_mag", "b_mag", "b_enc"):
        assert before[name][rows].any()
        assert not after[name][rows].any()
        assert np.array_equal(before[name][~DEAD.numpy()], after[name][~DEAD.numpy()])


# ── the rest ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", STEPPED)
def test_everything_at_once_goes_on_bit_for_bit(method: str, images: Images) -> None:
    """N steps, a file, N more: with noise, a schedule, a target, and latents brought back both ways."""
    target = {"target_l0": {"target_l0": 4.0}, "target_rho": {"target_rho": 0.3}, None: {}}[METHODS[method].target]
    revive = {} if method == "kl" else {"aux_k": 4, "resample_every": 300, "dead_window": 100}
    config = config_of(
        method,
        steps=60,
        noise=0.1,
        schedule="cosine",
        warmup_steps=5,
        width_rule=True,
        start="data",
        **target,
        **revive,
    )
    whole = steps(Trainer(config, images), 60)
    first = steps(Trainer(config, images), 30)
    again = Checkpoint.from_bytes(first.checkpoint().to_bytes())
    assert_identical(steps(Trainer(config, images, again), 30).checkpoint(), whole.checkpoint())


@pytest.mark.parametrize("method", ["l1", "jumprelu", "gated", "wta"])
def test_tied_weights_stay_tied(method: str, images: Images) -> None:
    trainer = steps(Trainer(config_of(method, tied=True), images), 20)
    tensors = trainer.checkpoint().tensors
    assert np.array_equal(tensors["W_enc"], tensors["dictionary"])
    assert "adam.W_enc.exp_avg" not in tensors
    before = Trainer(config_of(method, tied=True), images).checkpoint().tensors["dictionary"]
    assert np.abs(before - tensors["dictionary"]).max() > 1e-3


def test_bounded_rows_are_never_longer_than_1_and_free_ones_may_be(images: Images) -> None:
    norms = {
        kind: steps(Trainer(config_of("l1", decoder_norm=kind, learning_rate=0.05), images), 60).model.dictionary.norm(
            dim=1
        )
        for kind in ("bounded", "free")
    }
    assert norms["bounded"].max() <= 1 + 1e-6
    assert norms["bounded"].min() < 0.99
    assert norms["free"].max() > 1.01


def test_noise_blurs_what_is_encoded_and_clean_images_are_asked_back(images: Images) -> None:
    """Of a standard deviation of .3 in pixels; at 0 it is as if it had never been."""
    trainer = Trainer(config_of("none", noise=0.3), images)
    objective = trainer.objective
    assert objective.noisy is not None
    assert float((objective.noisy - objective.x).std()) == pytest.approx(0.3, rel=0.1)
    x_hat = objective.codes @ trainer.model.dictionary + trainer.model.b_dec
    torch.testing.assert_close(objective.error, x_hat - objective.x)
    trainer.set("noise", 0.0)
    trainer.step()
    assert objective.noisy is None


def test_the_rate_follows_its_schedule_and_the_width() -> None:
    """100 steps: linear falls over the last 20, cosine over all; 1,024 latents halve it."""
    linear = Rates(Config(schedule="linear", steps=100), 1_000)
    assert [linear.at(step, 1.0) for step in (0, 80, 90, 100)] == [1.0, 1.0, 0.5, 0.0]
    cosine = Rates(Config(schedule="cosine", steps=100), 1_000)
    assert [cosine.at(step, 1.0) for step in (0, 50, 100)] == pytest.approx([1.0, 0.5, 0.0])
    assert Rates(Config(n_latents=1024, width_rule=True), 1_000).at(0, 1e-3) == pytest.approx(5e-4)
    assert Rates(Config(n_latents=1024), 1_000).at(7, 1e-3) == 1e-3


def test_a_schedule_is_what_adam_uses(images: Images) -> None:
    trainer = Trainer(config_of("l1", schedule="cosine", steps=10), images)
    steps(trainer, 6)  # the sixth is step 5, half-way
    assert trainer._optimizer.rate == pytest.approx(5e-4)


def test_jumprelus_thresholds_move_ten_times_as_far(images: Images):
    """Adam's first step moves each number that has a gradient by the learning rate; a threshold's logarithm, by ten."""
    trainer = Trainer(config_of("jumprelu", learning_rate=2e-3, warmup_steps=0), images)
    before = trainer.model.log_threshold.detach().clone()
    trainer.step()
    moved = (trainer.model.log_threshold.detach() - before).abs()
    assert float(moved.max()) == pytest.approx(PACE * 2e-3, rel=1e-3)
    assert float((moved > 0).float().mean()) > 0.5
