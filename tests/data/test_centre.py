"""Ink framed as a data set frames its own images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core import load_images
from sae_core.data.centre import Framing, box_average, centred, framing_of

MNIST = framing_of("mnist", (28, 28))


def frame_of(image: np.ndarray) -> tuple[int, int]:
    """Height and width of the ink."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_averages_are_over_areas():
    """Three pixels into two: each takes one and a half."""
    assert box_average(3, 2) * 3 == pytest.approx(np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]))
    assert box_average(2, 4).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_a_bar_fills_twenty_pixels_with_its_mass_in_the_middle():
    """A bar of 40×10 becomes 20×5, its centre of mass at pixel (14, 14): rows 4 to 23 or one later, by rounding."""
    ink = np.zeros((100, 100))
    ink[50:90, 20:30] = 1.0
    image = centred(ink, (28, 28), MNIST).reshape(28, 28)
    assert frame_of(image) == (20, 5)
    rows, columns = np.nonzero(image)
    assert abs(rows.mean() - 14) <= 0.5
    assert columns.mean() == 14
    assert set(np.unique(image)) == {0.0, 1.0}


def test_the_heavy_side_goes_to_the_middle():
    """An L's mass is not in the middle of its frame, and it is the mass that counts for MNIST alone."""
    ink = np.zeros((40, 40))
    ink[:40, :6] = ink[34:, :20] = 1.0
    by_mass = centred(ink, (28, 28), MNIST).reshape(28, 28)
    by_frame = centred(ink, (28, 28), Framing(20, by_mass=False)).reshape(28, 28)
    mass = (by_mass.sum(axis=0) @ np.arange(28)) / by_mass.sum()
    assert abs(mass - 14) <= 0.5
    assert np.flatnonzero(by_frame.any(axis=0))[[0, -1]].tolist() == [9, 18]


def test_mnist_itself_comes_out_as_it_went_in():
    """Test images, enlarged sevenfold and put anywhere, are framed as they were: the rule is the data set's own."""
    test = load_images("mnist").test[:60].reshape(-1, 28, 28)
    same = 0
    for image in test:
        ink = np.pad(np.kron(image, np.ones((7, 7))), ((30, 5), (3, 60)))
        found = centred(ink, (28, 28), MNIST).reshape(28, 28)
        same += bool(np.abs(found - image).max() < 1e-6)
    assert same == 60


def test_bare_paper_is_a_black_image():
    """Nothing drawn: zeros, not a division by zero."""
    assert not centred(np.zeros((50, 50)), (28, 28), MNIST).any()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_ink_gives_an_image(data: st.DataObject):
    """Any size and proportion, a single dot included: finite, in [0, 1], and something is there."""
    height, width = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    dots = data.draw(st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), min_size=1, max_size=9))
    name, shape = data.draw(
        st.sampled_from([("mnist", (28, 28)), ("emnist", (28, 28)), ("digits", (8, 8)), ("planted", (20, 30))])
    )
    ink = np.zeros((height, width))
    for row, column in dots:
        ink[row, column] = 1.0
    image = centred(ink, shape, framing_of(name, shape))
    assert image.shape == (shape[0] * shape[1],)
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert 0 < image.max() <= 1
