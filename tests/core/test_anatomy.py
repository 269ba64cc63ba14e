"""An image as a sum, edits of its codes, mixtures, and the plane of code space."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core.anatomy import Edit, edited, interpolated, plane, sum_of

FILTERS = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
BIAS = np.array([0.1, 0.1, 0.1])


def test_the_sum_begins_at_the_bias_and_takes_the_strongest_first():
    """Code 2 on a filter of norm 2 is stronger than code 3 on one of norm 1; a silent latent adds nothing."""
    found = sum_of(np.array([3.0, 2.0, 0.0]), FILTERS, BIAS)
    assert found.order.tolist() == [1, 0]
    assert found.amounts.tolist() == [2.0, 3.0]
    assert found.partial.tolist() == [[0.1, 0.1, 0.1], [0.1, 4.1, 0.1], [3.1, 4.1, 0.1]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_the_partial_sums_end_at_the_reconstruction(seed: int, n_latents: int, n_pixels: int):
    """Whatever the codes: to the last bits of float64, and to those of float32 beside a model's own product."""
    random = np.random.default_rng(seed)
    codes = np.maximum(random.normal(size=n_latents), 0).astype(np.float32)
    filters = random.normal(size=(n_latents, n_pixels)).astype(np.float32)
    bias = random.random(n_pixels).astype(np.float32)
    found = sum_of(codes, filters, bias)
    assert len(found.partial) == (codes > 0).sum() + 1
    exact = codes.astype(np.float64) @ filters.astype(np.float64) + bias
    np.testing.assert_allclose(found.x_hat, exact, atol=1e-12, rtol=1e-12)
    np.testing.assert_allclose(found.x_hat, codes @ filters + bias, atol=2e-5)


def test_handles_ablate_scale_clamp_and_add():
    """Scaling by 0 leaves a latent out; clamping lights one that was silent."""
    edits = [Edit(0, "scale", 0.0), Edit(1, "scale", 0.5), Edit(2, "clamp", 4.0)]
    assert edited(np.array([3.0, 2.0, 0.0]), edits).tolist() == [0.0, 1.0, 4.0]
    assert edited(np.array([3.0]), []).tolist() == [3.0]


def test_a_latent_that_does_not_exist_is_refused_with_a_sentence():
    """Which one was meant, and which there are."""
    with pytest.raises(ValueError, match="no latent 3: there are 3, counted from 0"):
        edited(np.zeros(3), [Edit(3, "clamp", 1.0)])


def test_an_edit_changes_the_reconstruction_by_its_filter():
    """Ablating latent 1 takes 2 × its filter away, and nothing else."""
    codes = np.array([3.0, 2.0, 0.0])
    before, after = (sum_of(c, FILTERS, BIAS).x_hat for c in (codes, edited(codes, [Edit(1, "scale", 0)])))
    np.testing.assert_allclose(before - after, 2 * FILTERS[1])


def test_between_two_images_lie_their_codes():
    """A quarter of the way is three quarters of the one and a quarter of the other."""
    assert interpolated(np.array([4.0, 0.0]), np.array([0.0, 8.0]), 0.25).tolist() == [3.0, 2.0]


def test_the_plane_of_two_latents_is_their_codes():
    """No rotation, no centring; the shares are those of the variance."""
    codes = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    places, shares = plane(codes)
    assert places.tolist() == codes.tolist()
    assert shares.tolist() == [1.0, 0.0]


def test_the_plane_of_many_latents_is_spanned_by_the_main_directions():
    """Codes that only vary along one diagonal lie on a line, at their distances."""
    codes = np.outer([0.0, 3.0, 9.0], np.full(4, 0.5))
    places, shares = plane(codes)
    assert np.ptp(places[:, 0]) == pytest.approx(9.0)
    assert np.abs(places[:, 1]).max() < 1e-6
    assert shares[0] == pytest.approx(1.0)


@pytest.mark.parametrize("codes", [np.zeros((5, 8)), np.ones((1, 8)), np.ones((2, 1))])
def test_where_nothing_varies_every_image_lies_at_one_place(codes: np.ndarray):
    """All latents dead, or one image: no error, no nonsense."""
    places, shares = plane(codes)
    assert places.shape == (len(codes), 2)
    assert np.ptp(places, axis=0).tolist() == [0.0, 0.0]
    assert shares.tolist() == [0.0, 0.0]
