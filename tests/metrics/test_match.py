"""Matching filters of two dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sae_core.metrics.match import cosines, match, stability


def dictionary(seed: int, n_latents: int = 24, n_pixels: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n_latents, n_pixels), dtype=np.float32)


def test_cosines_are_signed_and_a_row_of_zeros_is_like_nothing():
    first = np.array([[3.0, 4.0], [0.0, 0.0]])
    second = np.array([[6.0, 8.0], [-3.0, -4.0], [4.0, -3.0]])
    assert cosines(first, second) == pytest.approx(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]))


def test_the_sum_is_what_is_maximised_not_each_row_by_itself():
    """Row 0 gives its favourite up, because row 1 has no other: .8 + .96 beats 1.0 + .28."""
    first = np.array([[1.0, 0.0], [0.96, -0.28]])
    second = np.array([[1.0, 0.0], [0.8, 0.6]])
    matching = match(first, second)
    assert matching.order.tolist() == [1, 0]
    assert matching.cosine == pytest.approx([0.8, 0.96])


@given(st.integers(0, 2**32 - 1))
def test_a_shuffled_dictionary_is_put_back_in_order(seed: int):
    """And its stability with itself is 1, whatever the order."""
    rows = dictionary(seed)
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    assert (match(rows, shuffled).arrange(shuffled) == rows).all()
    found = stability(rows, shuffled)
    assert (found.shared, found.mean_cosine) == (1.0, pytest.approx(1.0))


def test_two_random_dictionaries_have_the_stability_of_the_baseline():
    """Within what drawing others gives: three standard errors of a matched cosine's mean."""
    found = stability(dictionary(1, 200, 300), dictionary(2, 200, 300))
    assert found.mean_cosine == pytest.approx(found.baseline_cosine, abs=0.01)
    assert found.shared == found.baseline_shared == 0.0


def test_the_baseline_knows_where_the_ink_is():
    """Filters on few pixels are alike by chance more than filters on many; the baseline is so too."""
    few, many = dictionary(3, 64, 300), dictionary(4, 64, 300)
    few[:, 12:] = 0.0
    assert stability(few, few).baseline_cosine > 3 * stability(many, many).baseline_cosine


def test_a_narrow_dictionary_leaves_places_empty():
    rows = dictionary(5)
    matching = match(rows, rows[:10])
    assert sorted(matching.order[matching.order >= 0]) == list(range(10))
    assert (matching.arrange(rows[:10])[matching.order < 0] == 0).all()
    assert stability(rows, rows[:10]).shared == pytest.approx(10 / 24)


def test_rows_may_be_left_out():
    rows = dictionary(6)
    alive = np.arange(24) % 2 == 0
    assert set(match(rows, rows, alive=alive).order) == {-1, *range(0, 24, 2)}


def test_filters_of_other_sizes_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="60 and of 64 pixels"):
        match(dictionary(0), dictionary(0, n_pixels=64))
