"""The course's cost, by hand and by differences, and its patches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core.data import DataError
from sae_core.data.patches import normalise, photographs, sample, whiten
from sae_core.textbook.cost import Knobs, Weights, cost, cost_and_gradient, kl, start
from sae_core.textbook.numerical import EPSILON, TOLERANCE, gradient_check, numerical_gradient, relative_difference


def test_with_zero_weights_everything_is_a_half():
    """σ(0) = ½: J = ½ Σ (½ − x)² / m + β n_hidden KL(ρ ‖ ½), with no decay to pay."""
    weights = Weights(np.zeros((3, 2)), np.zeros((2, 3)), np.zeros(3), np.zeros(2))
    x = np.array([[0.5, 0.5], [0.5, 1.0], [0.0, 0.5], [0.5, 0.5]])
    terms, gradient = cost_and_gradient(weights, x, Knobs(rho=0.25, decay=7.0, beta=2.0))
    assert terms.reconstruction == pytest.approx(0.5 * (0.25 + 0.25) / 4)
    assert terms.decay == 0.0
    assert terms.sparsity == pytest.approx(2.0 * 3 * (0.25 * math.log(0.5) + 0.75 * math.log(1.5)))
    assert terms.cost == sum(terms)
    # δ3 = (½ − x)/4 on average: pixel 1 has errors 0, 0, ½, 0 and pixel 2 has 0, −½, 0, 0
    assert gradient.b2 == pytest.approx([0.5 / 4 / 4, -0.5 / 4 / 4])
    # δ2 = β (−¼/½ + ¾/½) / 4
    assert gradient.b1 == pytest.approx([2.0 * 1.0 / 4] * 3)


def test_kl_is_zero_where_the_mean_is_the_target():
    assert kl(0.2, np.array([0.2])) == pytest.approx([0.0])


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 6), st.integers(2, 20))
def test_the_gradient_is_the_numerical_one(seed: int, n_visible: int, n_hidden: int, m: int):
    """Relative difference below 1e-9, as the course asks, for any shape and any knobs.

    Two steps, of ε and 2ε, take the differences' own error of order ε² out (Richardson): on three examples it alone
    can come to 1.2e-9.
    """
    random = np.random.default_rng(seed)
    weights = Weights(*(part + 0.3 * random.standard_normal(part.shape) for part in start(n_visible, n_hidden, seed)))
    knobs = Knobs(rho=float(random.uniform(0.05, 0.5)), decay=float(random.uniform(0, 0.1)), beta=3.0)
    x = random.uniform(0.1, 0.9, (m, n_visible))
    theta = weights.flat()
    where = np.arange(len(theta))

    def at(moved: np.ndarray) -> float:
        return cost(Weights.unflat(moved, n_visible, n_hidden), x, knobs).cost

    near, far = (numerical_gradient(at, theta, where, epsilon) for epsilon in (EPSILON, 2 * EPSILON))
    _, gradient = cost_and_gradient(weights, x, knobs)
    assert relative_difference(gradient.flat(), (4 * near - far) / 3) < TOLERANCE


def test_the_courses_own_check_passes():
    """64 pixels and 25 hidden units, as in its first exercise."""
    x = np.random.default_rng(0).uniform(0.1, 0.9, (100, 64))
    assert gradient_check(start(64, 25, seed=0), x, Knobs()) < TOLERANCE


def test_the_numerical_gradient_of_a_parabola():
    """d/dx Σ x² = 2x, exactly but for rounding."""
    found = numerical_gradient(lambda x: float(x @ x), np.array([1.0, -2.0, 3.0]), np.array([0, 2]))
    assert found == pytest.approx([2.0, 6.0], rel=1e-9)


def test_the_relative_difference_of_opposites_is_infinite():
    assert relative_difference(np.zeros(2), np.zeros(2)) == 0.0
    assert relative_difference(np.ones(2), -np.ones(2)) == math.inf
    assert relative_difference(np.array([3.0]), np.array([1.0])) == 0.5


@pytest.mark.parametrize("order", ["F", "C"])
def test_flattening_and_back(order: str):
    """F goes down the columns: W1 = [[1, 2], [3, 4]] begins 1, 3."""
    weights = Weights(
        np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 6], [7, 8]]), np.array([9.0, 10]), np.array([11.0, 12])
    )
    flat = weights.flat(order)
    assert flat[:2].tolist() == ([1, 3] if order == "F" else [1, 2])
    for part, back in zip(weights, Weights.unflat(flat, 2, 2, order), strict=True):
        assert np.array_equal(part, back)


def test_photographs_are_whitened():
    """Neighbours in a natural image correlate above .9; after whitening hardly, and the variance is 0.1."""
    for image in photographs():
        assert image.var() == pytest.approx(0.1)
        assert abs(np.corrcoef(image[:, :-2].ravel(), image[:, 2:].ravel())[0, 1]) < 0.3


def test_patches_are_normalised_each_for_itself():
    """Means of patches go, ±3 standard deviations end at .1 and .9, and 0 is at ½."""
    patches = sample([np.arange(400.0).reshape(20, 20)], n=50, side=4, seed=3)
    assert patches.shape == (50, 16)
    x = normalise(patches + np.arange(50.0)[:, None])
    assert np.allclose(x, normalise(patches))
    assert x.mean(axis=1) == pytest.approx(np.full(50, 0.5))
    wild = np.zeros((100, 4))
    wild[0] = [-9, 9, 0, 0]
    assert sorted(set(normalise(wild).ravel().round(9))) == [0.1, 0.5, 0.9]


def test_what_cannot_be_patches_is_refused():
    with pytest.raises(DataError, match="all its pixels are the same"):
        whiten(np.ones((16, 16)))
    with pytest.raises(DataError, match="no room for 8×8 patches"):
        sample([np.zeros((4, 30))])
    with pytest.raises(DataError, match="constant"):
        normalise(np.ones((5, 4)))
