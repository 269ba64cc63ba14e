"""Every measure on numbers done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sae_core.metrics import DENSITY_EDGES, densities, density_histogram, fvu, image_fvu, mean_l0, mean_l1

CODES = np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 3.0]], np.float32)


def test_the_mean_predictor_leaves_all_variance_unexplained() -> None:
    x = np.random.default_rng(0).random((50, 7))
    assert fvu(x, np.broadcast_to(x.mean(axis=0), x.shape)) == pytest.approx(1.0)


def test_a_perfect_copy_leaves_none() -> None:
    x = np.random.default_rng(0).random((50, 7))
    assert fvu(x, x) == 0.0


def test_fvu_by_hand() -> None:
    """Pixels 0 and 2 lie 1 from their mean, Σ = 2; answers ½ and 2 are off by ½ and 0, Σ = ¼: FVU = ⅛."""
    assert fvu(np.array([[0.0], [2.0]]), np.array([[0.5], [2.0]])) == pytest.approx(0.125)


def test_an_images_own_fvu_is_against_the_training_mean() -> None:
    """The image (1, 0) is √2 from the mean (0, 1); the answer (1, 1) misses by 1: ½."""
    result = image_fvu(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]), np.array([0.0, 1.0]))
    assert result.tolist() == [0.5]


def test_an_image_that_is_the_mean_does_not_divide_by_zero() -> None:
    assert np.isfinite(image_fvu(np.ones((1, 2)), np.zeros((1, 2)), np.ones(2))).all()


def test_l0_l1_and_density_by_hand() -> None:
    """Two and one latents lit: 1½ an image; sums 3 and 3; the latents fire on 0, ½ and all of the images."""
    assert mean_l0(CODES) == 1.5
    assert mean_l0(CODES, threshold=1.5) == 1.0
    assert mean_l1(CODES) == 3.0
    assert densities(CODES).tolist() == [0.0, 0.5, 1.0]


def test_the_density_histogram_keeps_never_apart() -> None:
    """Four latents: never, 1 (the last bin), .1 (the one that begins at −1), and 1 in a million (the lowest)."""
    density = np.array([0.0, 1.0, 0.1001, 1e-6], np.float32)
    histogram = density_histogram(density, density == 0)
    filled = {round(float(DENSITY_EDGES[i]), 2): float(c) for i, c in enumerate(histogram.counts) if c}
    assert filled == {-5.25: 1.0, -5.0: 1.0, -1.0: 1.0, -0.25: 1.0}
    assert len(histogram.edges) == len(histogram.counts) + 1
