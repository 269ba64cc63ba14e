"""Going on from any step of any run, as a run of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sae_core import Config, load_images
from sae_core.cli import main
from sae_core.config import ConfigError
from sae_core.runs import RunDirectory, RunError, Runs
from sae_core.runs.fork import fork, moment
from sae_core.runs.replay import replay
from sae_core.runs.worker import Timing, work
from sae_core.runs.worker.archive import newest_checkpoint

SMALL = {"dataset": "digits", "n_latents": 24, "batch_size": 64, "threads": 1}
IMAGES = load_images("digits")
EPOCH = len(IMAGES.train) // 64
LEAVES = Timing(unwatched_exit=0.0)


def trained(root: Path, name: str, *, change_at: int | None = None) -> RunDirectory:
    """A run of three epochs; its penalty raised to .3 by a live control after ``change_at`` epochs."""
    run = Runs(root).create(Config(**SMALL, epochs=3.0), name=name)
    if change_at is not None:
        for _ in range(change_at):
            run.append_event("epoch")
        assert work(run, images=IMAGES, play=False, timing=LEAVES).step == change_at * EPOCH
        run.append_event("set", name="penalty_weight", value=0.3)
    assert work(run, images=IMAGES).state == "finished"
    return run


def digest(run: RunDirectory) -> str:
    checkpoint, _ = newest_checkpoint(run.path)
    assert checkpoint is not None
    return checkpoint.digest()


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return trained(tmp_path_factory.mktemp("forks"), "parent")


def test_a_fork_is_bit_for_bit_the_run_whose_penalty_was_changed_live_at_that_step(
    parent: RunDirectory, tmp_path: Path
):
    runs = Runs(parent.path.parent)
    child = fork(runs, parent, 2 * EPOCH, {"penalty_weight": 0.3}, images=IMAGES)
    assert (child.meta.parent, child.meta.parent_step) == ("parent", 2 * EPOCH)
    assert work(child, images=IMAGES).state == "finished"
    assert digest(child) == digest(trained(tmp_path, "live", change_at=2)) != digest(parent)


def test_a_fork_without_a_change_comes_to_the_same_end(parent: RunDirectory):
    """From an odd step, of which nothing was kept: it is replayed."""
    child = fork(Runs(parent.path.parent), parent, EPOCH + 7, images=IMAGES)
    work(child, images=IMAGES)
    assert digest(child) == digest(parent)


def test_a_fork_outlives_its_parent(tmp_path: Path):
    """It holds the parent's changes up to its step, so it replays although the parent has been deleted."""
    first = trained(tmp_path, "first", change_at=1)
    child = fork(Runs(tmp_path), first, 2 * EPOCH, {"learning_rate": 1e-2}, images=IMAGES)
    work(child, images=IMAGES)
    Runs(tmp_path).delete("first")
    outcome = replay(child, IMAGES)
    assert outcome.same
    assert outcome.digest == digest(child)
    assert child.current_config().penalty_weight == 0.3


def test_a_fork_of_a_fork_at_the_step_of_the_change(parent: RunDirectory):
    """Forking where something was changed means: before it was."""
    runs = Runs(parent.path.parent)
    child = fork(runs, parent, EPOCH, {"penalty_weight": 0.3}, images=IMAGES)
    work(child, images=IMAGES)
    assert moment(child, EPOCH, IMAGES).digest() == moment(parent, EPOCH, IMAGES).digest()
    grandchild = fork(runs, child, EPOCH, images=IMAGES)
    work(grandchild, images=IMAGES)
    assert digest(grandchild) == digest(parent)


def test_a_finished_run_goes_on_where_it_is_given_more(parent: RunDirectory):
    runs = Runs(parent.path.parent)
    with pytest.raises(RunError, match="give more epochs or steps"):
        fork(runs, parent, 3 * EPOCH, images=IMAGES)
    child = fork(runs, parent, 3 * EPOCH, images=IMAGES, epochs=4.0)
    assert work(child, images=IMAGES).step == 4 * EPOCH


@pytest.mark.parametrize(
    ("step", "changes", "kind", "sentence"),
    [
        (10**6, {}, RunError, "step is 1000000, but the run parent has come to step"),
        (-1, {}, RunError, "step is -1"),
        (5, {"seed": 1}, ConfigError, "seed cannot change in a running model"),
        (5, {"penalty_weight": -1.0}, ConfigError, "penalty_weight is -1.0"),
    ],
)
def test_what_cannot_be_forked_is_said_in_a_sentence_and_leaves_nothing(parent, step, changes, kind, sentence):
    runs = Runs(parent.path.parent)
    before = {run.id for run in runs.list()}
    with pytest.raises(kind, match=sentence):
        fork(runs, parent, step, changes, images=IMAGES)
    assert {run.id for run in runs.list()} == before


def test_penstroke_fork_trains_the_child_and_says_what_it_came_to(parent: RunDirectory, capsys):
    where = ["--runs", str(parent.path.parent)]
    assert main(["fork", "parent", "--step", str(EPOCH), "penalty_weight=.3", "--name", "child", *where, "--json"]) == 0
    assert '"penalty_weight": 0.3' in capsys.readouterr().out
    assert Runs(parent.path.parent).open("child").meta.parent == "parent"
