"""The census against a plain loop, and in slices."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sae_core.census import CensusJob, SnapshotJob, evaluate
from sae_core.config import Config
from sae_core.data import Images
from sae_core.metrics import densities, fvu, mean_l0, mean_l1
from sae_core.sparsity import firing_threshold
from sae_core.training.step import Trainer
from tests.core.methods import STEPPED, config_of


def trained(method: str, images: Images, steps: int = 60) -> Trainer:
    trainer = Trainer(config_of(method, warmup_steps=10), images)
    for _ in range(steps):
        trainer.step()
    return trainer


def codes_and_x_hat(trainer: Trainer, images: Images) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with torch.no_grad():
        codes = trainer.model.encode(torch.tensor(images.test))
        return codes.numpy().copy(), trainer.model.decode(codes).numpy()


@pytest.mark.parametrize("method", STEPPED)
def test_the_census_is_a_plain_loop_over_the_test_set(method: str, images: Images) -> None:
    trainer = trained(method, images)
    codes, x_hat = codes_and_x_hat(trainer, images)
    threshold = firing_threshold(trainer.config.activation)
    census = SnapshotJob(trainer).finish().census
    assert census.n_images == 60
    assert census.fvu == pytest.approx(fvu(images.test, x_hat), rel=1e-5)
    assert census.l0 == pytest.approx(mean_l0(codes, threshold))
    assert census.l1 == pytest.approx(mean_l1(codes), rel=1e-5)
    np.testing.assert_allclose(census.density, densities(codes, threshold))
    assert census.dead_fraction == (densities(codes, threshold) == 0).mean()
    np.testing.assert_allclose(census.mean, codes.mean(axis=0), rtol=1e-5, atol=1e-7)
    for j in range(24):
        for c in range(3):
            of_class = codes[images.test_labels == c, j]
            assert census.class_mean[j, c] == pytest.approx(of_class.mean(), rel=1e-4, abs=1e-6)
        strongest = np.sort(codes[:, j])[::-1][:16]
        np.testing.assert_allclose(census.top_codes[j], strongest, rtol=1e-5, atol=1e-7)
        for image, code in zip(census.top_images[j], census.top_codes[j], strict=True):
            if code > 0:
                assert codes[image, j] == pytest.approx(code, rel=1e-5)
            else:
                assert image == -1


def test_slices_give_the_whole(images: Images) -> None:
    """However the images are cut up, the counts are the same and the sums agree."""
    trainer = trained("l1", images)
    whole = SnapshotJob(trainer).finish().census
    job = SnapshotJob(trainer)
    slices = 1
    while not job.slice():
        slices += 1
    sliced = job.snapshot().census
    assert sliced.density.tolist() == whole.density.tolist()
    assert sliced.top_images.tolist() == whole.top_images.tolist()
    assert sliced.fvu == pytest.approx(whole.fvu, rel=1e-6)


def test_the_model_may_train_on_while_a_census_is_taken(images: Images) -> None:
    """It is of the weights, the numbers and the digits at its beginning."""
    trainer = trained("l1", images)
    at_once = SnapshotJob(trainer).finish()
    job = SnapshotJob(trainer)
    for _ in range(30):
        trainer.step()
    later = job.finish()
    assert later.row == at_once.row
    assert later.filters.tobytes() == at_once.filters.tobytes()
    assert later.census.fvu == at_once.census.fvu
    assert later.digits.codes.tobytes() == at_once.digits.codes.tobytes()
    assert later.activations.counts.tolist() == at_once.activations.counts.tolist()


def test_a_glance_looks_at_images_spread_over_the_test_set(images: Images) -> None:
    """Of 60 images 7: the 0th, 10th, …, 59th; their numbers are theirs, and top images are named by their place."""
    trainer = trained("l1", images)
    glance = SnapshotJob(trainer, 7).finish()
    which = [0, 10, 20, 30, 39, 49, 59]
    codes, _ = codes_and_x_hat(trainer, images)
    assert glance.census.n_images == 7
    assert glance.census.density == pytest.approx((codes[which] > 0).mean(axis=0), abs=1e-6)
    top = glance.census.top_images
    assert set(top[top >= 0].tolist()) <= set(which)
    strongest = codes[which].argmax(axis=0)
    for latent, image in enumerate(top[:, 0]):
        assert image == (which[strongest[latent]] if codes[which][:, latent].any() else -1)
    assert glance.filters.tobytes() == SnapshotJob(trainer).finish().filters.tobytes()


def test_snapshots_are_copies(images: Images) -> None:
    trainer = trained("l1", images)
    snapshot = SnapshotJob(trainer).finish()
    before = [snapshot.filters.copy(), snapshot.encoder.copy(), snapshot.b_enc.copy(), snapshot.b_dec.copy()]
    trainer.step()
    after = [snapshot.filters, snapshot.encoder, snapshot.b_enc, snapshot.b_dec]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_evaluation_is_the_census_without_its_latents(images: Images) -> None:
    trainer = trained("l1", images)
    census, evaluation = SnapshotJob(trainer).finish().census, evaluate(trainer.model, images)
    _, x_hat = codes_and_x_hat(trainer, images)
    assert (evaluation.fvu, evaluation.l0, evaluation.l1) == (census.fvu, census.l0, census.l1)
    assert evaluation.mse == pytest.approx(float(((images.test - x_hat) ** 2).mean()), rel=1e-5)


def test_a_model_that_answers_with_the_mean_has_fvu_1(images: Images) -> None:
    """No code ever fires, and b_dec is the test images' mean."""
    trainer = Trainer(Config(n_latents=8, batch_size=16), images)
    with torch.no_grad():
        trainer.model.b_enc.fill_(-1e6)
        trainer.model.b_dec.copy_(torch.tensor(images.test.mean(axis=0)))
    evaluation = evaluate(trainer.model, images)
    assert evaluation.fvu == pytest.approx(1.0, rel=1e-6)
    assert (evaluation.l0, evaluation.l1, evaluation.dead_fraction) == (0.0, 0.0, 1.0)


def test_images_without_labels_have_no_class_profile(images: Images) -> None:
    trainer = trained("l1", images, steps=2)
    job = CensusJob(trainer.model, images.test, None, 0)
    assert job.finish().class_mean.shape == (24, 0)


def test_a_slice_of_a_wide_model_ends_in_time() -> None:
    """1,024 latents on 28 × 28 pixels: the median slice stays below 10 ms (a single one may be interrupted)."""
    random = np.random.default_rng(0)
    x = random.random((1_000, 784), np.float32)
    wide = Images.of("noise", x, None, x, None, image_shape=(28, 28))
    job = SnapshotJob(Trainer(Config(n_latents=1_024, batch_size=64), wide))
    spent = []
    for _ in range(20):
        began = time.perf_counter()
        last = job.slice()
        spent.append(time.perf_counter() - began)
        if last:
            break
    assert np.median(spent) < 0.010
