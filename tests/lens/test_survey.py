"""The survey of a test set beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sae_core import Config, load_images
from sae_core.lens.survey import BINS, take_survey
from sae_core.model import SparseAutoencoder
from sae_core.probe import Classifier


@pytest.mark.parametrize(("method", "threshold"), [("l1", 0.0), ("kl", 0.1)])
def test_every_image_is_counted_as_one_at_a_time_would(method: str, threshold: float):
    """Errors, latents that fire and the probe's answers of each image; all codes that fire are in the histogram."""
    images = load_images("digits")
    model = SparseAutoencoder.from_config(Config(method=method, n_latents=10, dataset="digits"), images)
    model.requires_grad_(False)
    random = np.random.default_rng(0)
    probe = Classifier(random.normal(size=(10, 10)), random.normal(size=10), np.ones(10))
    found = take_survey(model, images, probe)
    fired = 0
    for i in range(0, len(images.test), 37):
        x = images.test[i]
        codes = model.encode(torch.from_numpy(x[None]))
        x_hat = model.decode(codes).numpy()[0]
        codes = codes.numpy()[0]
        assert found["l0"][i] == (codes > threshold).sum()
        assert found["fvu"][i] == pytest.approx(((x - x_hat) ** 2).sum() / ((x - images.mean) ** 2).sum(), rel=1e-4)
        assert found["answers"][i] == (probe.weights @ codes + probe.bias).argmax()
        fired += 1
    assert fired > 5
    assert found["counts"].sum() == found["l0"].sum()
    assert len(found["counts"]) == BINS
    assert found["places"].shape == (len(images.test), 2)


def test_dead_latents_survey_to_zeros():
    """Nothing fires: no codes, no plane, no division by zero."""
    images = load_images("digits")
    model = SparseAutoencoder.from_config(Config(n_latents=6, dataset="digits"), images).requires_grad_(False)
    model.b_enc.fill_(-1e6)
    found = take_survey(model, images)
    assert not found["l0"].any()
    assert not found["counts"].any()
    assert not found["places"].any()
    assert found["shares"].tolist() == [0.0, 0.0]
    assert len(found["answers"]) == 0
