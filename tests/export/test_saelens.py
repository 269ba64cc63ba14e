"""SAELens' folder: there and back, and in SAELens itself where that is installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sae_core.config import Config
from sae_core.export import ExportError, export
from sae_core.export.opening import open_saelens
from sae_core.export.saelens import penalty_elsewhere, read_saelens
from sae_core.lens.shelf import model_of
from sae_core.model import SparseAutoencoder
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs
from tests.core.conftest import make_images
from tests.lens.house import trained_run

METHODS = {
    "none": {},
    "l1": {"subtract_b_dec": False},
    "topk": {"k": 3},
    "batch-topk": {"k": 3},
    "jumprelu": {},
    "gated": {},
    "wta": {},
}


def a_run(root: Path, method: str) -> RunDirectory:
    """Eight steps of it: every tensor has moved from where it began."""
    knobs = METHODS.get(method, {})
    config = Config(dataset="small", method=method, n_latents=12, steps=8, batch_size=32, threads=1, **knobs)
    return trained_run(root, config, images=make_images())


@pytest.mark.parametrize("method", METHODS)
def test_what_is_exported_comes_back_as_the_same_model(method: str, tmp_path: Path) -> None:
    """The same codes and reconstructions from the folder's tensors alone."""
    run = a_run(tmp_path, method)
    folder = export(run, "saelens", tmp_path / "folder")
    config, tensors = read_saelens(folder)
    again = SparseAutoencoder(config, 36).requires_grad_(False)
    for name, tensor in again.tensors.items():
        tensor.copy_(torch.from_numpy(np.array(tensors[name])))
    snapshot = run.snapshot()
    assert snapshot is not None
    model, x = model_of(snapshot), torch.tensor(make_images().test)
    torch.testing.assert_close(again.encode(x), model.encode(x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again(x), model(x), atol=1e-5, rtol=1e-4)
    assert model.encode(x).any()


def test_a_folder_opens_as_a_run(tmp_path: Path) -> None:
    """Measured on images of its size, and refused for others."""
    config = Config(dataset="digits", method="topk", k=4, n_latents=16, steps=4, threads=1)
    run = trained_run(tmp_path, config)
    folder = export(run, "saelens", tmp_path / "folder")
    opened = open_saelens(folder, Runs(tmp_path), dataset="digits", name="opened")
    there, here = run.snapshot(), opened.snapshot()
    assert there is not None
    assert here is not None
    assert opened.status().state == "finished"
    np.testing.assert_allclose(here.census.density, there.census.density, atol=1e-3)
    assert here.census.fvu == pytest.approx(there.census.fvu, rel=1e-4)
    with pytest.raises(RunError, match="looks at 64 numbers, but an image of mnist has 784 pixels"):
        open_saelens(folder, Runs(tmp_path), dataset="mnist")


def test_sigmoid_codes_are_refused_with_the_reason(tmp_path: Path) -> None:
    """And what to do instead."""
    with pytest.raises(ExportError, match="no architecture for the method kl with sigmoid codes"):
        export(a_run(tmp_path, "kl"), "saelens", tmp_path / "folder")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"normalize_activations": "layer_norm"}, "normalize_activations is 'layer_norm'"),
        ({"rescale_acts_by_decoder_norm": True}, "fold_W_dec_norm"),
        ({"architecture": "temporal"}, "cannot be opened"),
    ],
)
def test_what_cannot_be_expressed_here_is_refused(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    """One sentence, no traceback."""
    folder = export(a_run(tmp_path, "topk"), "saelens", tmp_path / "folder")
    about = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({**about, **change}))
    with pytest.raises(RunError, match=sentence):
        read_saelens(folder)
    (folder / "sae_weights.safetensors").write_bytes(b"torn")
    with pytest.raises(RunError):
        read_saelens(folder)
    with pytest.raises(RunError, match="no folder that SAELens saved"):
        read_saelens(tmp_path / "nowhere")


def test_the_penalty_weight_in_their_units() -> None:
    """V·J has the L1 coefficient λ√V: on data of variance 4, .1 is .2 there."""
    assert penalty_elsewhere(0.1, 4.0) == pytest.approx(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.filterwarnings("ignore")
def test_saelens_loads_it_and_gives_the_same(method: str, tmp_path: Path) -> None:
    """The installed sae-lens (extra [bench]), to 1e-5."""
    sae_lens = pytest.importorskip("sae_lens")
    run = a_run(tmp_path, method)
    sae = sae_lens.SAE.load_from_disk(export(run, "saelens", tmp_path / "folder"))
    snapshot = run.snapshot()
    assert snapshot is not None
    model, x = model_of(snapshot), torch.tensor(make_images().test)
    with torch.no_grad():
        codes = sae.encode(x)
        torch.testing.assert_close(codes, model.encode(x), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(sae.decode(codes), model(x), atol=1e-5, rtol=1e-5)
