"""The trainer: what holds after every step, and what it says of itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from sae_core.config import Config, ConfigError
from sae_core.data import Images, planted_images
from sae_core.sparsity import firing_threshold
from sae_core.training import device
from sae_core.training.objective import Objective
from sae_core.training.picture import FixedDigits
from sae_core.training.step import Diverged, Trainer
from tests.core.methods import STEPPED, config_of

SMALL = {"n_latents": 24, "batch_size": 16, "warmup_steps": 20}


def small(method: str = "l1", **values: object) -> Config:
    return config_of(method, **{**SMALL, **values})


@pytest.mark.parametrize("method", STEPPED)
def test_dictionary_rows_have_norm_one_after_each_step(method: str, images: Images) -> None:
    trainer = Trainer(small(method, learning_rate=0.05, decoder_norm="unit", weight_decay=0.0), images)
    for _ in range(30):
        trainer.step()
        norms = trainer.model.dictionary.norm(dim=1)
        torch.testing.assert_close(norms, torch.ones(24), rtol=0, atol=1e-6)


def test_the_dictionarys_gradient_has_no_part_along_its_rows(images: Images) -> None:
    trainer = Trainer(small(), images)
    with torch.no_grad():
        trainer.objective.backward(0.1, trainer.config)
    grad = trainer.model.dictionary.grad
    assert grad is not None
    assert (grad * trainer.model.dictionary).sum(1).abs().max() < 1e-7
    assert grad.abs().max() > 1e-3


def test_the_rows_of_kl_are_free(images: Images) -> None:
    trainer = Trainer(small("kl"), images)
    for _ in range(50):
        trainer.step()
    assert (trainer.model.dictionary.norm(dim=1) - 1).abs().max() > 0.05


@pytest.mark.parametrize("method", STEPPED)
def test_every_method_learns(method: str, images: Images) -> None:
    trainer = Trainer(small(method), images)
    before = trainer.row().fvu
    for _ in range(400):
        trainer.step()
    assert trainer.row().fvu < 0.5 * before


def test_an_epoch_shows_each_image_at_most_once_and_the_next_in_another_order(images: Images) -> None:
    """200 images in batches of 16: twelve batches, the last 8 images of each order left out."""
    batches = Trainer(small(), images)._batches
    assert batches.per_epoch == 12
    first = torch.cat([batches.rows(step) for step in range(12)])
    second = torch.cat([batches.rows(step) for step in range(12, 24)])
    assert len(set(first.tolist())) == len(set(second.tolist())) == 192
    assert first.tolist() != second.tolist()
    assert torch.cat([batches.rows(step) for step in range(12)]).tolist() == first.tolist()


def test_seeds_change_start_and_order(images: Images) -> None:
    one, same, other = (Trainer(small(seed=seed), images) for seed in (0, 0, 1))
    assert torch.equal(one.model.W_enc, same.model.W_enc)
    assert not torch.equal(one.model.W_enc, other.model.W_enc)
    assert one._batches.rows(0).tolist() != other._batches.rows(0).tolist()


def test_the_penalty_warms_up_from_the_start_and_a_late_change_acts_at_once(images: Images) -> None:
    """.2 over 20 steps: .01 at the first, .2 from the twentieth; then .4 is .4."""
    trainer = Trainer(small(penalty_weight=0.2), images)
    weights = []
    for _ in range(25):
        trainer.step()
        weights.append(trainer.row().terms.weight)
    trainer.set("penalty_weight", 0.4)
    trainer.step()
    assert weights[0] == pytest.approx(0.01)
    assert weights[9] == pytest.approx(0.1)
    assert weights[19:] == [0.2] * 6
    assert trainer.row().terms.weight == 0.4


def test_off_is_exactly_no_penalty(images: Images) -> None:
    """A run of L1 at 0 and one without a method have the same weights, bit for bit."""
    off, none = Trainer(small(penalty_weight=0.0), images), Trainer(small("none"), images)
    for _ in range(30):
        off.step()
        none.step()
    assert torch.equal(off.model.W_enc, none.model.W_enc)


def test_only_live_knobs_can_be_set_and_a_refusal_changes_nothing(images: Images) -> None:
    trainer = Trainer(small(), images)
    with pytest.raises(ConfigError, match="n_latents cannot change while a model trains"):
        trainer.set("n_latents", 12)
    with pytest.raises(ConfigError, match="penalty_weight is -1"):
        trainer.set("penalty_weight", -1)
    with pytest.raises(ConfigError, match="There is no knob 'lambda'"):
        trainer.set("lambda", 1)
    with pytest.raises(ConfigError, match="learning_rate is nan"):
        trainer.set("learning_rate", float("nan"))
    assert trainer.config == small()


def test_k_is_live(images: Images) -> None:
    trainer = Trainer(small("topk"), images)
    for k in (5, 2):
        trainer.set("k", k)
        trainer.step()
        assert (trainer.objective.codes > 0).sum(1).max() == k
    assert trainer.row().penalty_weight == 2.0


def test_the_learning_rate_is_live(images: Images) -> None:
    """At 1e-30 nothing moves any more."""
    trainer = Trainer(small(), images)
    trainer.step()
    trainer.set("learning_rate", 1e-30)
    before = trainer.model.W_enc.clone()
    trainer.step()
    assert torch.equal(trainer.model.W_enc, before)


def test_a_long_gradient_is_scaled_down_as_a_whole_and_a_short_one_is_left(images: Images) -> None:
    """After one step Adam's first moment is a tenth of the gradient: of norm .01 clipped to .1, else of its own."""
    norms = []
    for longest in (0.0, 0.1, 1e6):
        trainer = Trainer(Config(n_latents=16, batch_size=32, warmup_steps=0, clip_gradient=longest), images)
        trainer.step()
        tensors = trainer.checkpoint().tensors
        moments = [tensors[f"adam.{name}.exp_avg"].ravel() for name in trainer.model.trained]
        norms.append(float(np.linalg.norm(np.concatenate(moments))))
    free, clipped, unclipped = norms
    assert free > 0.011
    assert clipped == pytest.approx(0.01, rel=1e-4)
    assert unclipped == free


def test_a_batch_larger_than_the_data_is_refused(images: Images) -> None:
    with pytest.raises(ConfigError, match="batch_size is 256, but .* only 200 training images"):
        Trainer(Config(n_latents=4), images)


@pytest.mark.parametrize(
    ("value", "sentence"), [(0.0, "All training images of small are alike"), (float("nan"), "no finite numbers")]
)
def test_images_with_nothing_to_learn_are_refused_in_one_sentence(value: float, sentence: str, images: Images) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Trainer(small(), dataclasses.replace(images, variance=value))


def test_a_run_that_diverges_stops_before_the_update(images: Images) -> None:
    trainer = Trainer(small(learning_rate=10.0), images)
    with pytest.raises(Diverged, match="training diverged and stopped before the weights were touched") as caught:
        for _ in range(200):
            before = trainer.checkpoint()
            trainer.step()
    after = trainer.checkpoint()
    assert caught.value.step == trainer.steps == before.step
    assert after.digest() == before.digest()
    assert all(np.isfinite(array).all() for array in after.tensors.values())
    assert after.numbers == before.numbers


def test_firing_is_counted_exactly(images: Images) -> None:
    """Density, L0 and the dead against a plain loop that keeps every batch."""
    trainer = Trainer(small("topk", k=2, dead_window=96), images)
    last = np.zeros(24, int)
    density = l0 = None
    for step in range(1, 41):
        trainer.step()
        fires = trainer.objective.codes.numpy() > 0
        last[fires.any(axis=0)] = 16 * step
        a, b = min(1.0, 16 / min(16 * step, 20_480)), min(1.0, 16 / min(16 * step, 5_120))
        density = fires.mean(axis=0) if density is None else density + a * (fires.mean(axis=0) - density)
        l0 = fires.sum(axis=1).mean() if l0 is None else l0 + b * (fires.sum(axis=1).mean() - l0)
    row, frame = trainer.row(), trainer.frame()
    dead = last <= 640 - 96
    assert frame.dead.tolist() == dead.astype(int).tolist()
    assert row.dead_fraction == pytest.approx(dead.mean())
    assert 0 < dead.sum() < 24
    np.testing.assert_allclose(frame.density, density, rtol=1e-5, atol=1e-7)
    assert row.l0 == pytest.approx(l0)
    assert (row.step, row.images, row.epoch) == (40, 640, pytest.approx(40 / 12))


def test_no_latent_is_dead_before_the_window_has_passed(images: Images) -> None:
    trainer = Trainer(small("topk", k=1, dead_window=10_000), images)
    for _ in range(20):
        trainer.step()
    assert trainer.row().dead_fraction == 0.0


def test_the_step_0_numbers_are_those_of_the_batch_to_come(images: Images) -> None:
    trainer = Trainer(small(), images)
    before = trainer.row()
    trainer.step()
    after = trainer.row()
    assert (before.step, before.images, after.step, after.images) == (0, 0, 1, 16)
    assert (before.terms, before.l0) == (after.terms, after.l0)


def test_looking_changes_nothing(images: Images) -> None:
    """A run that is drawn, counted and checkpointed all the time has the weights of one that is not."""
    watched, alone = Trainer(small("kl"), images), Trainer(small("kl"), images)
    for _ in range(20):
        watched.frame()
        watched.frame("encoder")
        watched.row()
        watched.checkpoint()
        watched.step()
        alone.step()
    assert watched.checkpoint().digest() == alone.checkpoint().digest()


def test_training_time_leaves_pauses_out(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of .1 s, .1 s apart, count whole; a pause of 9 s between them does not."""
    trainer = Trainer(small(), images)
    ticks = iter([0.0, 0.1, 0.2, 0.3, 9.3, 9.4])
    monkeypatch.setattr("sae_core.training.recent.time.perf_counter", lambda: next(ticks))
    for _ in range(3):
        trainer.step()
    assert trainer.row().seconds == pytest.approx(0.1 + 0.2 + 0.1)


@pytest.mark.parametrize("method", STEPPED)
def test_bfloat16_products_come_close_to_float32(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights and sums stay float32; FVU within 5%, L0 within 5% of float32's after 150 steps."""
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: True)
    planted = planted_images(n_train=2_000, n_test=100)
    rows = {}
    for precision in ("float32", "bfloat16"):
        config = small(method, n_latents=64, batch_size=64, warmup_steps=50, precision=precision)
        trainer = Trainer(config, planted)
        for _ in range(150):
            trainer.step()
        rows[precision] = trainer.row()
        assert trainer.model.W_enc.dtype == torch.float32
    assert rows["bfloat16"].fvu == pytest.approx(rows["float32"].fvu, rel=0.05)
    assert rows["bfloat16"].l0 == pytest.approx(rows["float32"].l0, rel=0.05)
    assert rows["bfloat16"].fvu != rows["float32"].fvu


def test_a_processor_without_bfloat16_uses_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(precision="bfloat16")
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)
    assert device.product_dtype(config) is None
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: True)
    assert device.product_dtype(config) is torch.bfloat16


def test_a_device_that_is_not_there_is_refused(images: Images) -> None:
    missing = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ConfigError, match=f"device is '{missing}', but this machine has none"):
        Trainer(small(device=missing), images)


def test_images_that_may_not_be_written_can_be_learned_from(images: Images) -> None:
    """A memory-mapped data set is read-only; torch would warn."""
    train = images.train.copy()
    train.flags.writeable = False
    trainer = Trainer(small(), dataclasses.replace(images, train=train))
    trainer.step()
    assert trainer.steps == 1


def test_the_hot_path_makes_no_new_buffers(images: Images) -> None:
    """What a step fills is what the step before filled: codes, errors and gradients stay where they are."""
    trainer = Trainer(small(), images)

    def places(objective: Objective) -> list[int]:
        grads = [p.grad for p in trainer.model.parameters() if p.grad is not None]
        tensors = [objective.x, objective.codes, objective.fires, objective.error, objective.grad_codes, *grads]
        return [tensor.data_ptr() for tensor in tensors]

    before = places(trainer.objective)
    for _ in range(3):
        trainer.step()
    assert places(trainer.objective) == before
    assert len(before) == 9


def test_sigmoid_frames_light_only_what_fires(images: Images) -> None:
    """0 exactly where a code is at or below the threshold."""
    trainer = Trainer(small("kl"), images)
    for _ in range(30):
        trainer.step()
    codes = FixedDigits(images, torch.device("cpu"))(trainer.model).codes
    assert np.array_equal(trainer.frame().lit > 0, codes > firing_threshold("sigmoid"))
