"""The model by itself: its equations, its start, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sae_core.census import evaluate
from sae_core.config import Config
from sae_core.data import Images
from sae_core.model import SparseAutoencoder
from sae_core.tensorfile import TensorFileError, pack
from tests.core.methods import STEPPED, config_of


def test_encode_and_decode_by_hand() -> None:
    """Two pixels, two latents, x = (3, 1), b_dec = (1, 1): x − b_dec = (2, 0); rows (1, 0) and (−1, 0) give codes
    ReLU(2 + ½) = 2½ and ReLU(−2) = 0; 2½ · (0, 2) + b_dec = (1, 6).
    """
    model = SparseAutoencoder(Config(n_latents=2), n_pixels=2)
    with torch.no_grad():
        model.W_enc.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        model.b_enc.copy_(torch.tensor([0.5, 0.0]))
        model.dictionary.copy_(torch.tensor([[0.0, 2.0], [5.0, 5.0]]))
        model.b_dec.fill_(1.0)
    x = torch.tensor([[3.0, 1.0]])
    assert model.encode(x).tolist() == [[2.5, 0.0]]
    assert model(x).tolist() == [[1.0, 6.0]]
    assert torch.equal(model.decode(model.encode(x)), model(x))


@pytest.mark.parametrize("method", STEPPED)
def test_the_start(method: str, images: Images) -> None:
    """Unit-norm rows, encoder and dictionary tied, b_dec the training mean; KL's units begin at ρ."""
    config = config_of(method)
    model = SparseAutoencoder.from_config(config, images)
    torch.testing.assert_close(model.dictionary.norm(dim=1), torch.ones(24))
    assert torch.equal(model.W_enc, model.dictionary)
    assert (model.W_enc is model.dictionary) == config.tied
    np.testing.assert_array_equal(model.b_dec.detach().numpy(), images.mean)
    expected = config.rho if method == "kl" else 0.5
    torch.testing.assert_close(model.b_enc.detach().sigmoid(), torch.full((24,), expected))


@pytest.mark.parametrize("method", STEPPED)
def test_the_file_gives_back_the_model(method: str, images: Images, tmp_path: Path) -> None:
    """Its method's own tensors, too; and what it makes of an image."""
    model = SparseAutoencoder.from_config(config_of(method), images)
    with torch.no_grad():
        for tensor in model.tensors.values():
            tensor.uniform_(0.1, 0.9, generator=torch.Generator().manual_seed(3))
    model.save(tmp_path / "model.safetensors")
    again = SparseAutoencoder.load(tmp_path / "model.safetensors")
    assert again.config == model.config
    assert again.tensors.keys() == model.tensors.keys()
    assert all(torch.equal(tensor, model.tensors[name]) for name, tensor in again.tensors.items())
    assert (again.W_enc is again.dictionary) == model.config.tied
    x = torch.tensor(images.test)
    assert torch.equal(again(x), model(x))
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_other_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not a model")
    with pytest.raises(TensorFileError, match="is damaged or no file of ours"):
        SparseAutoencoder.load(path)
    path.write_bytes(pack({"W_enc": np.zeros((2, 2))}, {"config": Config().model_dump()}))
    with pytest.raises(TensorFileError, match="holds no model"):
        SparseAutoencoder.load(path)


def test_gradients_flow_through_the_model_as_through_any_module(images: Images) -> None:
    """People may train it their own way."""
    model = SparseAutoencoder.from_config(Config(method="topk", n_latents=24, k=5), images)
    model(torch.tensor(images.test)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("method", STEPPED)
def test_forward_is_encode_then_decode(method: str, images: Images) -> None:
    """Of any images, one at a time or together."""
    model = SparseAutoencoder.from_config(config_of(method), images)
    x = torch.tensor(images.test)
    with torch.no_grad():
        codes = model.encode(x)
        assert torch.equal(model(x), model.decode(codes))
        one_by_one = torch.cat([model.encode(row) for row in x.split(1)])
    torch.testing.assert_close(one_by_one, codes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", STEPPED)
def test_the_mean_predictor_has_an_fvu_of_1(method: str, images: Images) -> None:
    """With a dictionary of zeros, and b_dec the mean of the images it is judged by."""
    model = SparseAutoencoder.from_config(config_of(method), images)
    with torch.no_grad():
        model.dictionary.zero_()
        model.b_dec.copy_(torch.tensor(images.test.astype("float64").mean(axis=0)))
    assert evaluate(model, images).fvu == pytest.approx(1.0, abs=1e-6)


def test_inputs_are_centred_unless_told_otherwise(images: Images) -> None:
    """An image of b_dec itself has pre_codes b_enc where b_pre = b_dec."""
    centred = SparseAutoencoder.from_config(config_of("none"), images)
    plain = SparseAutoencoder.from_config(config_of("none", subtract_b_dec=False), images)
    x = torch.tensor(images.mean)[None]
    with torch.no_grad():
        assert torch.equal(centred.encode(x), torch.zeros(1, 24))
        torch.testing.assert_close(plain.encode(x), (x @ plain.W_enc.T).relu())


def test_filters_may_start_at_images(images: Images) -> None:
    """Each unit-norm row has most of its length along some image's direction from the mean; b_dec may start at 0."""
    model = SparseAutoencoder.from_config(config_of("l1", start="data", b_dec_start="zero"), images)
    away = images.train - images.mean
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    best = (model.dictionary.detach().numpy() @ away.T).max(axis=1)
    assert (best > 0.9).all()
    torch.testing.assert_close(model.dictionary.norm(dim=1), torch.ones(24))
    assert not model.b_dec.any()
