"""The model by itself: its equations, its start, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sae_core.config import Config
from sae_core.data import Images
from sae_core.model import PARAMETERS, SparseAutoencoder
from sae_core.sparsity import METHODS
from sae_core.tensorfile import TensorFileError, pack


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


@pytest.mark.parametrize("method", METHODS)
def test_the_start(method: str, images: Images) -> None:
    """Unit-norm rows, encoder and dictionary tied, b_dec the training mean; KL's units begin at ρ."""
    config = Config(method=method, n_latents=24, k=5) if method == "topk" else Config(method=method, n_latents=24)
    model = SparseAutoencoder.from_config(config, images)
    torch.testing.assert_close(model.dictionary.norm(dim=1), torch.ones(24))
    assert torch.equal(model.W_enc, model.dictionary)
    assert model.W_enc.data_ptr() != model.dictionary.data_ptr()
    np.testing.assert_array_equal(model.b_dec.detach().numpy(), images.mean)
    expected = config.rho if method == "kl" else 0.5
    torch.testing.assert_close(model.b_enc.detach().sigmoid(), torch.full((24,), expected))


def test_the_file_gives_back_the_model(images: Images, tmp_path: Path) -> None:
    model = SparseAutoencoder.from_config(Config(method="topk", n_latents=24, k=5), images)
    model.save(tmp_path / "model.safetensors")
    again = SparseAutoencoder.load(tmp_path / "model.safetensors")
    assert again.config == model.config
    assert all(torch.equal(getattr(again, name), getattr(model, name)) for name in PARAMETERS)
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
