"""Runs on data of one's own: resumed and replayed from the path, and a file that has changed is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sae_core.config import Config
from sae_core.data import load_images
from sae_core.runs import Runs
from tests.cli.conftest import Said
from tests.cli.conftest import penstroke as _penstroke

penstroke = _penstroke
SMALL = ("--latents", "8", "--batch-size", "16", "--threads", "1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """60 colour images of 5 × 7 in three classes."""
    random = np.random.default_rng(0)
    np.save(tmp_path / "mine.npy", random.integers(0, 256, (60, 5, 7, 3), dtype=np.uint8))
    np.save(tmp_path / "labels.npy", np.arange(60) % 3)
    return tmp_path / "mine.npy"


def change(file: Path) -> None:
    array = np.load(file)
    array[3, 2, 2, 1] ^= 1
    np.save(file, array)


def test_a_run_on_a_file_is_trained_evaluated_probed_and_replayed(
    penstroke: type[Said], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a relative path, and then from another folder; the run is called after the file."""
    monkeypatch.chdir(file.parent)
    trained = penstroke("train", *SMALL, "--dataset", "mine.npy", "--steps", 12, "--json")
    assert trained.status == 0, trained.err
    assert "60 images of 5×7×3 in 3 classes, 10 of them held out at random; numbers divided by 255." in trained.err
    run = trained.record["run"]
    assert run.startswith("mine-l1-8-")
    assert trained.record["dataset"] == str(file.resolve())
    monkeypatch.chdir("/")
    assert penstroke("evaluate", run, "--json").record["fvu"] == trained.record["fvu"]
    assert "every bit is the same" in penstroke("replay", run).out
    probed = penstroke("probe", run, "--labels", "5,all", "--repeats", "1", "--json").record
    assert probed["n_train"] == 50
    assert probed["class_names"] == ["0", "1", "2"]


def test_a_changed_file_is_noticed_in_a_sentence(penstroke: type[Said], file: Path) -> None:
    """By whoever goes on with the run or compares with it; the run is left as it was."""
    run = penstroke("train", *SMALL, "--dataset", file, "--steps", 12, "--json").record["run"]
    change(file)
    for command in ("evaluate", "replay", "probe"):
        said = penstroke(command, run)
        assert said.status == 1
        assert f"{file} is not what it was when the run {run} began: put it back as it was" in said.err
        assert "Traceback" not in said.err


def test_a_worker_refuses_a_changed_file(file: Path, tmp_path: Path) -> None:
    """Its status says why; with the file back as it was, it goes on."""
    from sae_core.runs import RunError, work

    config = Config(dataset=str(file), n_latents=8, batch_size=16, threads=1, steps=5)
    run = Runs(tmp_path / "runs").create(config, origin="cli")
    before = file.read_bytes()
    assert work(run).state == "finished"
    other = Runs(tmp_path / "runs").create(config.with_changes(steps=9), origin="cli")
    (other.path / "data.json").write_bytes((run.path / "data.json").read_bytes())
    change(file)
    with pytest.raises(RunError, match="is not what it was"):
        work(other)
    assert other.status().state == "failed"
    assert "is not what it was" in other.status().reason
    file.write_bytes(before)
    assert work(other).state == "finished"


def test_vectors_and_stored_images_train_like_any_other(tmp_path: Path) -> None:
    """What stays in its file gives the same weights, bit for bit, as what was loaded."""
    from sae_core import train
    from sae_core.data.own import load_own

    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).standard_normal((90, 20)))
    config = Config(dataset=str(tmp_path / "vectors.npy"), n_latents=8, batch_size=16, threads=1, steps=20)
    filters = [
        list(train(config, images))[-1].filters
        for images in (load_images(config.dataset), load_own(config.dataset, in_memory=0))
    ]
    assert np.array_equal(*filters)
    assert filters[0].shape == (8, 20)
