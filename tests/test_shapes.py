"""Shapes stand in signatures, and the suite holds every call to them."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from sae_core.config import Config
from sae_core.model import SparseAutoencoder


@pytest.mark.parametrize("x", [torch.zeros(784), torch.zeros(2, 3, 4), torch.zeros(1, 4, dtype=torch.int64)])
def test_what_is_no_batch_of_images_is_refused(x: torch.Tensor):
    """One dimension, three, and whole numbers, before any arithmetic is done."""
    with pytest.raises(TypeCheckError):
        SparseAutoencoder(Config(n_latents=3), 4).encode(x)
