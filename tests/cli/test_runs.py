"""`penstroke runs`, `set`, `evaluate`, `replay`, `resume` and `delete`, on runs that nobody trains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sae_core.config import Config
from sae_core.runs import Runs
from tests.cli.conftest import SMALL, Penstroke

Done = tuple[Path, str]


def test_runs_are_listed(penstroke: Penstroke, done: Done):
    """Id, state, model and dial, to people and to programs."""
    folder, run = done
    shown = penstroke("runs", "--runs", folder).out
    for words in (run, "finished", "digits l1 16", "penalty_weight 0.1", "40"):
        assert words in shown
    record = penstroke("runs", "--runs", folder, "--json").record
    assert [(one["run"], one["state"], one["step"]) for one in record["runs"]] == [("done", "finished", 40)]


def test_an_empty_folder_says_how_to_begin(penstroke: Penstroke, tmp_path: Path):
    """Nothing there is no error."""
    said = penstroke("runs", "--runs", tmp_path / "none")
    assert said.status == 0
    assert "`penstroke train`" in said.out


def test_a_damaged_run_is_mentioned_and_the_others_listed(penstroke: Penstroke, tmp_path: Path):
    """A torn config.json costs its own run only."""
    assert penstroke("train", *SMALL, "--steps", 1, "--runs", tmp_path, "--name", "good").status == 0
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "config.json").write_text('{"schema": 1, "conf')
    said = penstroke("runs", "--runs", tmp_path)
    assert "good" in said.out
    assert "torn cannot be read" in said.err


def test_evaluate_gives_what_training_gave(penstroke: Penstroke, tmp_path: Path):
    """The test set's figures are those of the last checkpoint."""
    trained = penstroke("train", *SMALL, "--steps", 5, "--runs", tmp_path, "--json").record
    measured = penstroke("evaluate", trained["run"], "--runs", tmp_path, "--json").record
    assert measured == {name: value for name, value in trained.items() if name != "state"}


def test_replay_finds_every_bit_again(penstroke: Penstroke, done: Done):
    """From the configuration alone, where no control was used."""
    folder, run = done
    said = penstroke("replay", run, "--runs", folder)
    assert said.status == 0
    assert said.out.strip() == "done: after 40 steps every bit is the same."


def test_replay_says_where_bits_differ(penstroke: Penstroke, tmp_path: Path):
    """Someone changed the seed in config.json: status 1."""
    assert penstroke("train", *SMALL, "--steps", 3, "--runs", tmp_path, "--name", "forged").status == 0
    path = tmp_path / "forged" / "config.json"
    config = json.loads(path.read_text())
    config["config"]["seed"] = 99
    path.write_text(json.dumps(config))
    said = penstroke("replay", "forged", "--runs", tmp_path)
    assert said.status == 1
    assert "the weights differ" in said.out


def test_a_finished_run_is_not_resumed(penstroke: Penstroke, done: Done):
    """It has done what it was asked for."""
    folder, run = done
    said = penstroke("resume", run, "--runs", folder)
    assert (said.status, said.err.strip()) == (
        1,
        "The run done is finished: it has done all the steps it was asked for.",
    )


def test_set_waits_for_a_run_without_a_worker(penstroke: Penstroke, tmp_path: Path):
    """The control stands in events.jsonl until someone goes on."""
    Runs(tmp_path).create(Config(dataset="digits"), name="still")
    said = penstroke("set", "still", "penalty-weight=0.25", "--runs", tmp_path)
    assert said.out.strip() == "still: penalty_weight = 0.25, when the run is resumed."
    event = Runs(tmp_path).open("still").events()[0][-1]
    assert (event.kind, event.name, event.value) == ("set", "penalty_weight", 0.25)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("penalty_weight", "is no change: write KNOB=VALUE"),
        ("penalty_weight=much", "penalty_weight is 'much', but it should be a number."),
        ("penalty_weight=nan", "penalty_weight is nan, but it should be a finite number."),
        ("penalty_weight=-1", "penalty_weight is -1.0, but it should be greater than or equal to 0."),
        ("n_latents=5", "n_latents cannot change in a running model; penalty_weight, "),
        ("lambda=5", "There is no knob 'lambda'; there are "),
    ],
)
def test_a_bad_change_is_one_sentence_and_no_event(penstroke: Penstroke, tmp_path: Path, change: str, sentence: str):
    """Also when a good one stands beside it: all or none."""
    run = Runs(tmp_path).create(Config(dataset="digits"), name="still")
    said = penstroke("set", "still", "learning_rate=0.002", change, "--runs", tmp_path)
    assert said.status == 1
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert run.events() == ([], 0)


def test_a_finished_run_cannot_be_steered(penstroke: Penstroke, done: Done):
    """Nothing would come of it, so it is said."""
    folder, run = done
    said = penstroke("set", run, "penalty_weight=0.2", "--runs", folder)
    assert (said.status, said.err.strip()) == (1, "The run done is finished, so no change can take effect in it.")


def test_delete_deletes(penstroke: Penstroke, tmp_path: Path):
    """One and several; what is not there is said."""
    for name in ("a", "b"):
        penstroke("train", *SMALL, "--steps", 1, "--runs", tmp_path, "--name", name)
    assert penstroke("delete", "a", "b", "--runs", tmp_path).status == 0
    assert Runs(tmp_path).list() == []
    said = penstroke("delete", "a", "--runs", tmp_path)
    assert (said.status, said.err.strip()) == (1, f"There is no run 'a' in {tmp_path}.")


@pytest.mark.parametrize("command", ["resume", "evaluate", "replay", "delete"])
@pytest.mark.parametrize("run", ["../..", "..", "a/b", "", "none", "con"])
def test_ids_that_are_none_are_one_sentence(penstroke: Penstroke, tmp_path: Path, command: str, run: str):
    """Whatever they would have pointed to is left alone."""
    outside = tmp_path / "outside.txt"
    outside.write_text("kept")
    said = penstroke(command, run, "--runs", tmp_path / "runs" / "deep")
    assert said.status == 1
    assert len(said.err.splitlines()) == 1
    assert outside.read_text() == "kept"


def test_a_run_of_a_newer_schema_is_one_sentence(penstroke: Penstroke, tmp_path: Path):
    """It is left alone for the program that understands it."""
    penstroke("train", *SMALL, "--steps", 1, "--runs", tmp_path, "--name", "newer")
    path = tmp_path / "newer" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    said = penstroke("evaluate", "newer", "--runs", tmp_path)
    assert said.status == 1
    assert said.err.startswith("A newer Penstroke made the run newer (schema 99")
