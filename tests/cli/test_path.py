"""`penstroke resume` on a path that two runs share: it is the path that goes on, whichever half is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sae_core import Config, load_images
from sae_core.runs import RunDirectory, Runs
from sae_core.runs.worker import work
from sae_core.sweep.path import begin_path
from sae_core.sweep.whole import WholePath
from tests.cli.conftest import Penstroke

VALUES = (0.003, 0.01, 0.03, 0.1, 0.3, 0.6)


@pytest.fixture
def begun(tmp_path: Path) -> RunDirectory:
    """A path of six points, three in each half, not trained."""
    config = Config(dataset="digits", n_latents=16, batch_size=64, steps=30, threads=1)
    return begin_path(Runs(tmp_path), config, values=VALUES, workers=2, name="path")


@pytest.mark.parametrize("half", ["path", "path-dense"])
def test_either_half_resumes_the_whole_path(penstroke: Penstroke, begun: RunDirectory, half: str):
    """One half is done already: naming it goes on with the other, and naming the other repeats nothing."""
    work(begun, images=load_images("digits"))
    before = [point.seconds for _, point in WholePath.open(begun).points()]
    assert len(before) == 3

    said = penstroke("resume", half, "--runs", begun.path.parent, "--json")

    assert said.status == 0, said.err
    assert [point["value"] for point in said.record["points"]] == sorted(VALUES)
    assert {point["run"] for point in said.record["points"]} == {"path", "path-dense"}
    path = WholePath.open(begun)
    assert path.unfinished == []
    assert [point.seconds for run, point in path.points() if run.id == "path"] == before


def test_a_finished_path_is_not_resumed(penstroke: Penstroke, begun: RunDirectory):
    """It says so of the path, whichever half is named."""
    for run in WholePath.open(begun).runs:
        work(run, images=load_images("digits"))
    said = penstroke("resume", "path-dense", "--runs", begun.path.parent)
    assert (said.status, said.err.strip()) == (1, "The path path is finished: it has all its 6 points.")


def test_a_half_whose_other_was_deleted_resumes_alone(penstroke: Penstroke, begun: RunDirectory):
    Runs(begun.path.parent).delete("path-dense")
    said = penstroke("resume", "path", "--runs", begun.path.parent, "--json")
    assert [point["value"] for point in said.record["points"]] == [0.1, 0.3, 0.6]
