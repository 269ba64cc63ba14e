"""The course's photographs as data of one's own: IMAGES.mat is cut into patches, whatever its size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from sae_core.data import DataError, load_images
from sae_core.data.patches import normalise, sample, whiten


def photographs(n: int = 3, side: int = 40) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([whiten(random.random((side, side))) for _ in range(n)], axis=2)


def test_images_mat_becomes_patches(tmp_path: Path):
    """10,000 to learn from, as the course's seed 0 cuts them, 2,000 to judge by; its numbers are left as they are."""
    there = photographs()
    savemat(tmp_path / "IMAGES.mat", {"IMAGES": there})
    images = load_images(str(tmp_path / "IMAGES.mat"))
    assert images.image_shape == (8, 8)
    assert (len(images.train), len(images.test)) == (10_000, 2_000)
    wanted = normalise(sample([there[..., i] for i in range(3)]))
    np.testing.assert_allclose(images.train, wanted, atol=1e-6)


def test_photographs_without_room_are_a_sentence(tmp_path: Path):
    savemat(tmp_path / "IMAGES.mat", {"IMAGES": photographs(side=6)})
    with pytest.raises(DataError, match="no room for 8×8 patches"):
        load_images(str(tmp_path / "IMAGES.mat"))


def test_constant_photographs_are_a_sentence(tmp_path: Path):
    savemat(tmp_path / "IMAGES.mat", {"IMAGES": np.ones((20, 20, 2))})
    with pytest.raises(DataError, match="constant"):
        load_images(str(tmp_path / "IMAGES.mat"))
