"""Small images made on the spot, so that every number can be had by a plain loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from sae_core.data import Images
from sae_core.kernels import prepare


def make_images(seed: int = 0, n_train: int = 200, n_test: int = 60) -> Images:
    """6 × 6 pixels, three classes, each a row of light on noise."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n_train + n_test)
    x = 0.4 * random.random((n_train + n_test, 6, 6))
    x[np.arange(len(x)), 2 * labels, :] += 0.6
    x = x.reshape(len(x), 36).astype(np.float32)
    return Images.of(
        "small",
        x[:n_train],
        labels[:n_train],
        x[n_train:],
        labels[n_train:],
        image_shape=(6, 6),
        class_names=("top", "middle", "bottom"),
    )


@pytest.fixture(scope="session")
def images() -> Images:
    return make_images()


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Results follow from the number of threads; and two of them waiting for each other on busy cores take for ever."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def prepared() -> None:
    """So that no test is timed while it compiles."""
    for low in (False, True):
        prepare(low=low)
