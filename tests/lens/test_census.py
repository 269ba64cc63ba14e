"""The census of the Explore pages, against plain loops on a case small enough to loop over."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sae_core.config import Config
from sae_core.lens.answers import LatentCensus
from sae_core.lens.census import take_census
from sae_core.model import SparseAutoencoder
from tests.core.conftest import make_images

N_CLASSES = 3


def random_model(config: Config, n_pixels: int = 36) -> SparseAutoencoder:
    """Nothing zero, nothing at norm 1: no symmetry to hide a mistake behind."""
    generator = torch.Generator().manual_seed(3)
    model = SparseAutoencoder(config, n_pixels).requires_grad_(False)
    for tensor in model.tensors.values():
        tensor.copy_(0.4 * torch.randn(tensor.shape, generator=generator))
    return model


@pytest.fixture(scope="module", params=["relu", "topk", "kl", "gated"])
def scene(request: pytest.FixtureRequest) -> tuple[SparseAutoencoder, LatentCensus, NDArray[np.float64]]:
    """A model, its census, and its codes (60, 12), the last latent silenced."""
    knobs = {
        "relu": {"method": "l1"},
        "topk": {"method": "topk", "k": 3},
        "kl": {"method": "kl", "activation": "sigmoid"},
        "gated": {"method": "gated"},
    }[request.param]
    model = random_model(Config(n_latents=12, dataset="small", **knobs))
    model.b_enc[-1] = -1e3
    images = make_images()
    census = take_census(model, images.test, images.test_labels, N_CLASSES, step=7)
    return model, census, model.encode(torch.tensor(images.test)).double().numpy()


def test_what_is_counted_is_what_a_loop_counts(scene) -> None:
    """Density, mean, largest, strength, and the same per class, image by image."""
    _, census, codes = scene
    labels = make_images().test_labels
    assert labels is not None
    for j in range(12):
        fired = [code for code in codes[:, j] if code > census.threshold]
        assert census.density[j] == pytest.approx(len(fired) / 60)
        assert census.mean[j] == pytest.approx(sum(codes[:, j]) / 60, abs=1e-6)
        assert census.max[j] == pytest.approx(max(fired, default=0.0), rel=1e-6)
        assert census.strength[j] == pytest.approx(sum(fired) / len(fired) if fired else 0.0, rel=1e-5)
        assert census.histogram[j].sum() == len(fired)
        for c in range(N_CLASSES):
            mine = [code for code, label in zip(codes[:, j], labels, strict=True) if label == c]
            assert census.class_mean[j, c] == pytest.approx(sum(mine) / len(mine), abs=1e-6)
            assert census.class_density[j, c] == pytest.approx(np.mean([code > census.threshold for code in mine]))


def test_a_dead_latent_has_nothing(scene) -> None:
    """Silenced: no image, no class, no company, no worth."""
    _, census, _ = scene
    assert census.density[-1] == 0
    assert census.best_class[-1] == -1
    assert census.selectivity[-1] == 0
    assert (census.top_images[-1] == -1).all()
    assert (census.random_images[-1] == -1).all()
    assert (census.together[-1] == -1).all()
    assert census.removal[-1] == pytest.approx(0, abs=1e-7)


def test_removing_a_latent_costs_what_a_recomputation_says(scene) -> None:
    """Its codes set to 0, everything decoded again: the FVU of all images, and of each class."""
    model, census, codes = scene
    images = make_images()
    x, labels = images.test.astype(np.float64), images.test_labels
    dictionary, b_dec = model.dictionary.double().numpy(), model.b_dec.double().numpy()
    spread = ((x - x.mean(0)) ** 2).sum(1)
    errors = ((x - codes @ dictionary - b_dec) ** 2).sum(1)
    assert census.fvu == pytest.approx(errors.sum() / spread.sum(), rel=1e-5)
    for j in range(12):
        without = codes.copy()
        without[:, j] = 0
        rise = ((x - without @ dictionary - b_dec) ** 2).sum(1) - errors
        assert census.removal[j] == pytest.approx(rise.sum() / spread.sum(), rel=1e-3, abs=1e-5)
        for c in range(N_CLASSES):
            mine = labels == c
            assert census.class_removal[j, c] == pytest.approx(
                rise[mine].sum() / spread[mine].sum(), rel=1e-3, abs=1e-5
            )


def test_pictures_hang_in_the_order_of_their_codes(scene) -> None:
    """The top ones are the strongest; quantiles fall from band to band; random ones fire it, none twice."""
    _, census, codes = scene
    for j in range(12):
        order = np.sort(codes[codes[:, j] > census.threshold, j])[::-1]
        shown = census.top_codes[j][census.top_images[j] >= 0]
        np.testing.assert_allclose(shown, order[: len(shown)], rtol=1e-5)
        assert len(shown) == min(16, len(order))
        for images, values in (
            (census.top_images[j], census.top_codes[j]),
            (census.quantile_images[j].ravel(), census.quantile_codes[j].ravel()),
            (census.random_images[j], census.random_codes[j]),
        ):
            there = images >= 0
            np.testing.assert_allclose(values[there], codes[images[there], j], rtol=1e-5)
            assert len(set(images[there])) == there.sum()
            assert (np.diff(values[there]) <= 1e-7).all()


def test_company_is_the_correlation_of_firing(scene) -> None:
    """φ as numpy correlates two columns of zeros and ones; the largest first, the smallest first."""
    _, census, codes = scene
    fires = codes > census.threshold
    for j in range(12):
        for others, values, sign in (
            (census.together[j], census.together_phi[j], 1),
            (census.apart[j], census.apart_phi[j], -1),
        ):
            for other, value in zip(others[others >= 0], values[others >= 0], strict=True):
                assert value == pytest.approx(np.corrcoef(fires[:, j], fires[:, other])[0, 1], abs=1e-5)
                assert sign * value > 0
            assert (np.diff(sign * values[others >= 0]) <= 0).all()


def test_the_number_of_threads_changes_no_bit() -> None:
    """Chunks are summed in the images' order, whoever was ready first."""
    from sae_core.lens.census.firing import look

    images = make_images(n_test=1700)
    model = random_model(Config(n_latents=12, dataset="small"))
    one, four = (look(model, images.test, images.test_labels, N_CLASSES, threads) for threads in (1, 4))
    for name in ("sums", "fires", "removal", "errors"):
        assert getattr(one, name).tobytes() == getattr(four, name).tobytes()
    assert (one.codes != four.codes).nnz == 0


@pytest.mark.parametrize("labels", [None, np.zeros(60, np.int64)])
def test_images_without_labels_and_of_one_class_have_a_census(labels) -> None:
    """Nothing is selective then."""
    model = random_model(Config(n_latents=12, dataset="small"))
    census = take_census(model, make_images().test, labels, 0 if labels is None else 1)
    assert (census.selectivity == 0).all()
    assert census.class_mean.shape == (12, 0 if labels is None else 1)
    assert np.isfinite(census.removal).all()


def test_a_census_travels_whole() -> None:
    """Through an answer and back, every field the same."""
    census = take_census(random_model(Config(n_latents=5, dataset="small")), make_images().test, None, 0)
    again = LatentCensus.from_answer(census.to_answer())
    np.testing.assert_equal(census.removal, again.removal)
    assert (again.step, again.fvu, again.n_images) == (census.step, census.fvu, 60)
