"""The README keeps its word: its commands, examples, files and figures are those of the program."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from sae_core.cli import main
from sae_core.config import Config
from sae_core.runs import Runs
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    """Every `penstroke …` of the README, in blocks and between backticks, as words."""
    inline = re.findall(r"`(penstroke [^`]*)`", README)
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("penstroke ")]
    return [shlex.split(text, comments=True) for text in [*inline, *lines]]


def test_each_of_the_two_commands_stands_there_once():
    """`.ci/run` takes the second from here."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python3 -m venv ")]
    assert [line.rpartition("/")[2] for line in lines] == ["penstroke dashboard", "pytest -n 2"]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_its_commands_and_options_exist(words: list[str], capsys: pytest.CaptureFixture[str]):
    """Each is known to the program's own help."""
    _, command, *rest = words
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for option in (word for word in rest if word.startswith("--")):
        assert f" {option} " in shown


@pytest.mark.slow
def test_its_example_runs(capsys: pytest.CaptureFixture[str]):
    """With twenty steps instead of three epochs it says something after 0, 1, 2, 4, 8, 16 and 20."""
    example = blocks("python")[0]
    assert "epochs=3" in example
    exec(compile(example.replace("epochs=3", "steps=20, threads=1"), "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "4", "8", "16", "20"]
    assert lines[-1].endswith("lit per image")


def test_its_steering_example_runs():
    """On a run that is there: curves, a model, and a control in events.jsonl."""
    options = ["--dataset", "digits", "--latents", "16", "--threads", "1", "--steps", "3"]
    assert main(["train", *options, "--name", "my-run"]) == 0
    names: dict[str, object] = {}
    exec(compile(blocks("python")[1], "README.md", "exec"), names)
    assert len(names["curves"]) > 0
    assert Runs().open("my-run").events()[0][-1].value == 0.3


def test_its_links_and_files_exist():
    """Pictures, folders and modules that it names."""
    named = [*re.findall(r"\]\(([^)h][^)]*)\)", README), *re.findall(r"`((?:assets|sae_core)/[\w./]*)`", README)]
    assert len(named) > 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_its_run_directory_is_the_real_one():
    """Every file of its table is in a run that has finished, but for the picture nobody asked for."""
    assert main(["train", "--dataset", "digits", "--latents", "16", "--threads", "1", "--steps", "3"]) == 0
    [run] = Runs().list()
    table = README.partition("## The run directory")[2].partition("## ")[0]
    for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for file in set(re.findall(r"`([^`]*)`", row)) - {"frame.bin"}:
            assert (run.path / file).exists(), file


@pytest.mark.slow
@pytest.mark.parametrize("row", re.findall(r"^\| penalty .*", README, re.MULTILINE), ids=lambda row: row[2:15])
def test_its_figures_are_measured(row: str, capsys: pytest.CaptureFixture[str]):
    """The command beside each, with one thread, gives them to the digits shown."""
    explained, fvu, l0, command = re.findall(r"\| (\d+)% \((\.\d+)\) \| (\d+) of 256 \| `(.*?)`", row)[0]
    assert main([*shlex.split(command)[1:], "--threads", "1"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["latents"] == Config().n_latents
    assert record["fvu"] == pytest.approx(float(fvu), abs=0.0015)
    assert 100 * (1 - record["fvu"]) == pytest.approx(float(explained), abs=0.6)
    assert record["l0"] == pytest.approx(float(l0), abs=1)
