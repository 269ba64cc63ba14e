"""What one latent means: selectivity, the input that fires it most, its likes, its life, its place on a map."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sae_core.lens.answers import Life
from sae_core.lens.latents import maximal_input, nearest, selectivity, unit_rows
from sae_core.lens.lives import twins
from sae_core.lens.maps import arrange, roughness
from sae_core.lens.stories import births, happenings
from sae_core.metrics.match import match


def test_selectivity_is_morcos_index() -> None:
    """All for one class: 1; all alike: 0; 3 against a mean of 1: (3 − 1)/(3 + 1)."""
    means = np.array([[0, 2, 0], [1, 1, 1], [3, 1, 1], [0, 0, 0]], np.float32)
    best, index = selectivity(means)
    assert best.tolist()[:3] == [1, 0, 0]
    assert index.tolist() == pytest.approx([1, 0, 0.5, 0])


def test_the_best_input_by_hand() -> None:
    """3:4 within norm 1 is .6:.8; negative weights get no ink; a larger norm fills the stronger pixel first."""
    weights = np.array([3, 4, -5], np.float32)
    np.testing.assert_allclose(maximal_input(weights, 1.0), [0.6, 0.8, 0], atol=1e-6)
    np.testing.assert_allclose(maximal_input(weights, 1.3), [np.sqrt(0.69), 1, 0], atol=1e-6)
    np.testing.assert_allclose(maximal_input(weights, 9.0), [1, 1, 0])
    assert not maximal_input(np.array([-1.0, 0.0], np.float32), 1.0).any()


@given(arrays(np.float32, 9, elements=st.floats(-1, 1, width=32)), st.floats(0.1, 3.5), st.integers(0, 99))
def test_no_allowed_input_fires_it_more(weights, norm: float, seed: int) -> None:
    """Whatever is drawn from the box and the ball."""
    best = maximal_input(weights, norm).astype(np.float64)
    assert best.min() >= 0
    assert best.max() <= 1
    assert np.linalg.norm(best) <= norm + 1e-4
    other = np.random.default_rng(seed).random(9)
    other *= min(1.0, norm / np.linalg.norm(other))
    assert weights @ best >= weights @ other - 1e-4


def test_likes_and_opposites_leave_the_latent_itself_out() -> None:
    """By cosine, whatever the norms; a row of zeros is like nothing."""
    unit = unit_rows(np.array([[2, 0], [1, 1], [-3, 0], [0, 0]], np.float32))
    alike, cosine, opposite, opposite_cosine = nearest(unit, 0, 2)
    assert alike.tolist() == [1, 3]
    assert cosine.tolist() == pytest.approx([np.sqrt(0.5), 0])
    assert (opposite[0], opposite_cosine[0]) == (2, -1)
    other, how = twins(unit)
    assert other.tolist()[:2] == [1, 0]
    assert how[0] == pytest.approx(np.sqrt(0.5))


def life_of(likeness: list[float], dead: list[int], twin: list[float]) -> Life:
    """One latent through four snapshots, at steps 1, 10, 100, 1000."""
    steps = np.array([1, 10, 100, 1000])
    column = {name: np.array(values, np.float32)[:, None] for name, values in (("likeness", likeness), ("twin", twin))}
    zeros = np.zeros((4, 1), np.float32)
    return Life(
        steps=steps,
        images=steps * 256,
        n_images=np.full(4, 1_000),
        fvu=zeros[:, 0],
        l0=zeros[:, 0],
        density=np.where(np.array(dead)[:, None], 0.0, 0.1).astype(np.float32),
        strength=zeros,
        likeness=column["likeness"],
        twin=np.full((4, 1), 7),
        twin_cosine=column["twin"],
        dead=np.array(dead, np.uint8)[:, None],
    )


def told(life: Life) -> list[tuple[int, str]]:
    return [(one.step, one.what) for one in happenings(life, 0)]


def test_a_life_is_told_in_order() -> None:
    """Static at first, silent for a while, a duplicate at the end."""
    life = life_of([0.1, 0.8, 0.9, 1], [0, 1, 0, 0], [0, 0, 0.2, 0.95])
    assert told(life) == [(10, "born"), (10, "died"), (100, "revived"), (1000, "duplicated")]
    assert happenings(life, 0)[-1].other == 7


def test_silence_on_few_images_says_little() -> None:
    """Last seen on 1 of 1,000: two silent looks at 1,000 are chance, five are not; then a single image revives it."""
    life = life_of([1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0])
    rare = dataclasses.replace(life, density=np.array([[0.001], [0], [0], [0.001]], np.float32))
    assert told(rare) == [(1, "born")]
    looked = dataclasses.replace(rare, n_images=np.array([1_000, 1_000, 4_000, 1_000]))
    assert told(looked) == [(1, "born"), (100, "died"), (1000, "revived")]


def test_who_ends_dead_was_never_born() -> None:
    """And one that was what it is from the start was born at the start."""
    assert told(life_of([1, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0])) == [(1000, "died")]
    assert told(life_of([1, 1, 1, 1], [0, 0, 0, 0], [0.95, 0.95, 0, 0])) == [
        (1, "born"),
        (1, "duplicated"),
        (100, "parted"),
    ]


def test_a_filter_that_strayed_was_born_when_it_came_back() -> None:
    """Not when it first looked as it does now."""
    assert births(life_of([0.9, 0.2, 0.9, 1], [0] * 4, [0] * 4)).tolist() == [2]


def test_on_the_map_neighbours_look_alike() -> None:
    """Bumps along a line: a permutation, the same each time, far smoother than their own order."""
    random = np.random.default_rng(0)
    at = random.random((120, 2))
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 8)), -1).reshape(-1, 2)
    vectors = np.exp(-(((at[:, None] - grid) ** 2).sum(-1)) / 0.05).astype(np.float32)
    order = arrange(vectors, 12)
    assert sorted(order) == list(range(120))
    assert order.tolist() == arrange(vectors, 12).tolist()
    assert roughness(vectors, order, 12) < 0.5 * roughness(vectors, np.arange(120), 12)


def test_matched_positions_survive_fifty_snapshots() -> None:
    """Filters that drift a little from snapshot to snapshot, each time shuffled: matching finds every one again."""
    random = np.random.default_rng(1)
    filters = random.normal(size=(48, 30)).astype(np.float32)
    names = np.arange(48)
    for _ in range(50):
        shuffle = random.permutation(48)
        later = (filters + 0.15 * random.normal(size=filters.shape).astype(np.float32))[shuffle]
        order = match(filters, later).order
        assert (shuffle[order] == names).all()
        filters = later[order]
