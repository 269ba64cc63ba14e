"""`penstroke train` and what a terminal can see of a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sae_core.config import Config
from sae_core.runs import Runs
from tests.cli.conftest import SMALL, Penstroke

KEYS = (
    *("run", "dataset", "method", "latents", "penalty_weight", "steps", "images", "seconds", "images_per_second"),
    *("fvu", "l0", "l1", "dead_fraction", "seed"),
)


def test_json_is_the_last_line_and_has_every_key(penstroke: Penstroke):
    """Seven steps of 64 images are 448."""
    said = penstroke("train", *SMALL, "--steps", 7, "--seed", 5, "--penalty-weight", 0.2, "--json")
    assert said.status == 0
    assert set(KEYS) <= set(said.record)
    assert {name: said.record[name] for name in ("dataset", "method", "latents", "penalty_weight", "seed")} == {
        "dataset": "digits", "method": "l1", "latents": 16, "penalty_weight": 0.2, "seed": 5,
    }  # fmt: skip
    assert (said.record["steps"], said.record["images"]) == (7, 448)
    assert 0 < said.record["fvu"] < 2
    assert 0 < said.record["l0"] <= 16


def test_nothing_but_the_result_is_on_stdout(penstroke: Penstroke):
    """The progress bar is on stderr, so that a pipe gets the answer alone."""
    said = penstroke("train", *SMALL, "--steps", 3, "--json")
    assert len(said.out.splitlines()) == 1
    assert "images/s" in said.err


def test_epochs_count_whole_batches(penstroke: Penstroke):
    """1,437 digits are 22 batches of 64; half an epoch is 11."""
    assert penstroke("train", *SMALL, "--epochs", 0.5, "--json").record["steps"] == 11


def test_a_run_in_a_terminal_ends_by_itself(penstroke: Penstroke):
    """Without epochs and steps there are three epochs: 66 steps."""
    assert penstroke("train", *SMALL, "--json").record["steps"] == 66


def test_the_same_seed_gives_the_same_weights(penstroke: Penstroke):
    """Bit for bit; another seed does not."""
    digests = [
        penstroke("train", *SMALL, "--steps", 5, "--seed", seed, "--json").record["digest"] for seed in (1, 1, 2)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_name_becomes_the_id_where_it_is_free(penstroke: Penstroke):
    """The second run of that name gets a number."""
    ids = [penstroke("train", *SMALL, "--steps", 1, "--name", "mine", "--json").record["run"] for _ in range(2)]
    assert ids == ["mine", "mine-2"]


@pytest.mark.parametrize(
    ("method", "options", "dial"),
    [("none", (), None), ("kl", ("--beta", 0.2, "--rho", 0.1), "beta"), ("topk", ("--k", 3), "k")],
)
def test_every_method_trains(penstroke: Penstroke, method: str, options: tuple[object, ...], dial: str | None):
    """Each with its own knob in the result; TopK lights exactly k."""
    record = penstroke("train", *SMALL, "--steps", 4, "--method", method, *options, "--json").record
    assert record["method"] == method
    if dial:
        assert record[dial] == options[1]
    if method == "topk":
        assert record["l0"] == pytest.approx(3, abs=0.01)


def test_people_get_a_sentence(penstroke: Penstroke):
    """The plain word first, the term behind it."""
    said = penstroke("train", *SMALL, "--steps", 2, "--name", "plain")
    assert said.out.startswith("plain: 2 steps in ")
    assert "explained (FVU" in said.out
    assert "lit per image (L0)" in said.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--dataset", "mist"), "There is no data set 'mist'; there are mnist,"),
        (("--latents", "0"), "n_latents is '0', but it should be greater than or equal to 1."),
        (("--latents", "1000000000"), "n_latents is '1000000000', but it should be less than or equal to 65536."),
        (("--latents", "many"), "n_latents is 'many', but it should be a valid integer"),
        (("--lr", "nan"), "learning_rate is 'nan', but it should be a finite number."),
        (("--lr", "0"), "learning_rate is '0', but it should be greater than 0."),
        (("--method", "topk", "--k", "300"), "k is 300, but there are only 256 latents"),
        (("--method", "l2"), "There is no sparsity method 'l2'; there are none, l1, topk,"),
        (("--method", "kl", "--activation", "relu"), "The method kl cannot use activation 'relu': "),
        (("--method", "topk", "--penalty-weight", "0.3"), "penalty_weight belongs to the method"),
        (("--epochs", "1", "--steps", "1"), "Give epochs or steps, not both"),
        (("--name", "///"), "The name '///' leaves nothing for a run's id"),
        (("--dataset", "digits", "--batch-size", "5000"), "batch_size"),
    ],
)
def test_bad_input_is_one_sentence(penstroke: Penstroke, options: tuple[str, ...], sentence: str):
    """On stderr, without a traceback, with status 1."""
    said = penstroke(
        "train", "--steps" if "--epochs" not in options and "--steps" not in options else "--seed", 1, *options
    )
    assert said.status == 1
    assert sentence in said.err
    assert said.out == ""


def test_bad_input_leaves_no_run_behind(penstroke: Penstroke):
    """What was refused never began."""
    penstroke("train", "--dataset", "mist")
    penstroke("train", "--lr", "nan")
    assert Runs().list() == []


def test_an_unknown_option_is_one_sentence(penstroke: Penstroke):
    """With status 2, as everywhere, and with a guess at what was meant."""
    said = penstroke("train", "--latent", 3)
    assert said.status == 2
    assert said.err.startswith("No such option: --latent")
    assert len(said.err.splitlines()) == 1


def test_a_runs_folder_that_is_a_file_is_one_sentence(penstroke: Penstroke, tmp_path: Path):
    """Named, with the reason."""
    (tmp_path / "runs").write_text("")
    said = penstroke("train", *SMALL, "--steps", 1, "--runs", tmp_path / "runs")
    assert said.status == 1
    assert len(said.err.splitlines()) == 1
    assert str(tmp_path / "runs") in said.err


def test_a_data_set_without_a_network_is_one_sentence(penstroke: Penstroke, monkeypatch: pytest.MonkeyPatch):
    """And no run begins."""
    from sae_core.data import DataError, downloads

    def unreachable(*_: object) -> None:
        raise DataError("KMNIST is not on this machine.")

    monkeypatch.setattr(downloads.Archive, "fetch", unreachable)
    said = penstroke("train", "--dataset", "kmnist")
    assert (said.status, said.err) == (1, "KMNIST is not on this machine.\n")
    assert Runs().list() == []


def test_a_download_has_a_progress_bar(penstroke: Penstroke, monkeypatch: pytest.MonkeyPatch):
    """With the file's name; the run follows at once."""
    from sae_core.cli import terminal
    from sae_core.data import load_images

    def slowly(name: str, *, progress=None):
        if progress:
            progress("train-images-idx3-ubyte.gz", 5, 10)
            progress("train-images-idx3-ubyte.gz", 10, 10)
        return load_images("digits")

    monkeypatch.setattr(terminal, "load_images", slowly)
    said = penstroke("train", *SMALL, "--dataset", "kmnist", "--steps", 1)
    assert said.status == 0
    assert "train-images-idx3-ubyte.gz" in said.err
    assert "10/10 bytes" in said.err


def test_every_knob_is_an_option(penstroke: Penstroke):
    """Made from the declarations, so that none is forgotten."""
    shown = penstroke("train", "--help").out
    for name in Config.knobs():
        short = {"n_latents": "latents", "learning_rate": "lr"}.get(name, name)
        assert f"--{short.replace('_', '-')}" in shown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to another process there")
def test_ctrl_c_saves_and_says_how_to_go_on(penstroke: Penstroke, tmp_path: Path):
    """Steered from here while it trains there, interrupted, resumed: the same weights as uninterrupted."""
    options = ["train", *SMALL, "--steps", "6000", "--runs", str(tmp_path)]
    begun = subprocess.Popen(
        [sys.executable, "-m", "sae_core.cli", *options, "--name", "broken", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    run = _wait_for_steps(tmp_path, "broken", 200)
    said = penstroke("set", "broken", "penalty_weight=0.3", "learning_rate=0.002", "--runs", tmp_path)
    assert said.out.strip() == "broken: penalty_weight = 0.3, learning_rate = 0.002, from the next step on."
    deadline = time.monotonic() + 20
    while not any(record.kind == "set" for record in run.applied()[0]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "already has a worker" in penstroke("resume", "broken", "--runs", tmp_path).err
    assert "has a worker" in penstroke("delete", "broken", "--runs", tmp_path).err
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate(timeout=60)
    assert begun.returncode == 1
    assert f"`penstroke resume broken --runs {tmp_path}` goes on from there." in err
    assert json.loads(out.splitlines()[-1])["state"] == "paused"

    resumed = penstroke("resume", "broken", "--runs", tmp_path, "--json")
    assert (resumed.status, resumed.record["steps"]) == (0, 6000)
    assert resumed.record["penalty_weight"] == 0.3
    replayed = penstroke("replay", "broken", "--runs", tmp_path, "--json")
    assert (replayed.status, replayed.record["same"]) == (0, True)
    assert replayed.record["digest"] == resumed.record["digest"]


def _wait_for_steps(folder: Path, run_id: str, steps: int):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / run_id / "config.json").exists():
            run = Runs(folder).open(run_id)
            if run.status().step >= steps:
                return run
        time.sleep(0.02)
    raise AssertionError("it did not start")


def test_the_textbook_is_a_run_like_any_other(penstroke: Penstroke) -> None:
    """By its preset, whose knobs can be replaced; it goes on where it stopped, and replays bit for bit."""
    said = penstroke("train", "--preset", "textbook", "--steps", 6, "--name", "course", "--json", "--threads", 1)
    record = said.record
    assert said.status == 0
    assert (record["dataset"], record["method"], record["latents"], record["steps"]) == ("patches", "textbook", 25, 6)
    assert record["beta"] == 3.0
    assert penstroke("replay", "course").status == 0
    assert "no preset" in penstroke("train", "--preset", "lecture").err
