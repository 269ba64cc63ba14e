"""Actions in, messages out; and the loop people write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from sae_core.checkpoint import Checkpoint
from sae_core.config import Config, ConfigError
from sae_core.data import Images
from sae_core.snapshot import Row, Snapshot
from sae_core.train import Action, Diverged, Restore, Set, Step, Want, stream, total_steps, train
from sae_core.training.sketch import Sketch
from sae_core.training.step import Trainer


def small(**values: object) -> Config:
    return Config(**{"n_latents": 24, "batch_size": 16, "warmup_steps": 5, **values})


def test_each_want_is_answered_by_its_message(images: Images) -> None:
    wants = [Step(), Want.ROW, Want.SKETCH, Want.CHECKPOINT]
    messages = list(stream(small(), images, wants))
    assert [type(message) for message in messages] == [Row, Sketch, Checkpoint]
    assert messages[1].frame("encoder").row == messages[0]


def test_the_next_action_is_asked_for_only_when_the_message_was_taken(images: Images) -> None:
    """So that whoever makes the actions can look at a message before deciding on the next."""
    heard: list[int] = []
    asked: list[int] = []

    def actions() -> Iterator[Action]:
        for i in range(3):
            asked.append(len(heard))
            yield Step()
            yield Want.ROW
            assert len(heard) == i + 1

    for message in stream(small(), images, actions()):
        assert isinstance(message, Row)
        heard.append(message.step)
    assert heard == [1, 2, 3]
    assert asked == [0, 1, 2]


def test_a_set_acts_from_the_next_step(images: Images) -> None:
    actions = [*[Step()] * 6, Set("penalty_weight", 0.5), Step(), Want.ROW, Want.CHECKPOINT]
    row, checkpoint = stream(small(), images, actions)
    assert isinstance(row, Row)
    assert isinstance(checkpoint, Checkpoint)
    assert row.terms.weight == row.penalty_weight == checkpoint.config.penalty_weight == 0.5


def test_a_refused_set_says_why_and_the_stream_goes_on(images: Images) -> None:
    refusal, row = stream(small(), images, [Set("penalty_weight", -1.0), Step(), Want.ROW])
    assert isinstance(refusal, ConfigError)
    assert isinstance(row, Row)
    assert row.step == 1


def test_a_divergence_is_a_message_and_a_restore_mends_it(images: Images) -> None:
    """A learning rate of 10 blows up within some steps; the checkpoint before it trains on at .001."""
    start = Trainer(small(), images).checkpoint()
    wild = [Set("learning_rate", 10.0), *[Step()] * 100]
    mend = [Restore(start), Step(), Want.ROW]
    messages = list(stream(small(), images, [*wild, *mend]))
    *failures, row = messages
    assert failures
    assert all(isinstance(message, Diverged) for message in failures)
    assert len({message.step for message in failures if isinstance(message, Diverged)}) == 1
    assert isinstance(row, Row)
    assert (row.step, row.fvu < 2) == (1, True)


def test_a_census_takes_as_many_slices_as_it_needs(images: Images) -> None:
    """Steps may come between; the snapshot is of the step at which it began."""

    def actions() -> Iterator[Action]:
        yield Step()
        for _ in range(200):
            yield Want.CENSUS
            yield Step()

    first = next(iter(stream(small(), images, actions())))
    assert isinstance(first, Snapshot)
    assert first.row.step == 1
    assert first.census.n_images == 60


def test_a_glance_is_taken_beside_a_census(images: Images) -> None:
    """Each of the step at which it began; the census goes on where it was."""
    actions = [Step(), Want.CENSUS, Step(), *[Want.GLANCE] * 50, *[Want.CENSUS] * 50]
    found = [message for message in stream(small(n_latents=24), images, actions) if isinstance(message, Snapshot)]
    assert found[0].row.step in {1, 2}
    assert {(snapshot.row.step, snapshot.census.n_images) for snapshot in found} == {(1, 60), (2, 60)}


def test_restoring_drops_a_census_under_way(images: Images) -> None:
    start = Trainer(small(), images).checkpoint()
    actions = [*[Step()] * 5, Want.CENSUS, Restore(start), *[Want.CENSUS] * 50]
    snapshots = [message for message in stream(small(n_latents=24), images, actions) if isinstance(message, Snapshot)]
    assert {snapshot.row.step for snapshot in snapshots} <= {0, 5}
    assert snapshots[-1].row.step == 0


def test_the_public_loop_shows_the_doublings_and_the_last_step(images: Images) -> None:
    steps = [snapshot.row.step for snapshot in train(small(steps=21), images)]
    assert steps == [0, 1, 2, 4, 8, 16, 21]


def test_every_n_steps_on_request(images: Images) -> None:
    assert [snapshot.row.step for snapshot in train(small(steps=20), images, every=8)] == [0, 8, 16, 20]


def test_epochs_end_a_run_too(images: Images) -> None:
    """200 images in batches of 16: 12 steps an epoch, so one and a half epochs are 18."""
    *_, last = train(small(epochs=1.5), images)
    assert (last.row.step, last.row.epoch) == (18, 1.5)


def test_a_loop_continues_from_a_checkpoint(images: Images) -> None:
    """And ends with the weights of the run that was never stopped."""
    *_, whole = train(small(steps=20), images)
    trainer = Trainer(small(), images)
    for _ in range(7):
        trainer.step()
    first, *_, last = train(small(steps=20), images, start=trainer.checkpoint())
    assert (first.row.step, last.row.step) == (7, 20)
    assert last.filters.tobytes() == whole.filters.tobytes()


def test_zero_steps_show_the_start(images: Images) -> None:
    assert [snapshot.row.step for snapshot in train(small(steps=0), images)] == [0]


@pytest.mark.parametrize(
    ("values", "expected"), [({}, None), ({"steps": 5}, 5), ({"epochs": 2.0}, 468), ({"epochs": 0.5}, 117)]
)
def test_total_steps(values: dict[str, float], expected: int | None) -> None:
    """60,000 images in batches of 256 are 234 steps an epoch."""
    assert total_steps(Config(**values), 60_000) == expected


def test_importing_the_core_does_not_import_torch() -> None:
    code = "import sys; from sae_core import Config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_core_offers_what_it_promises() -> None:
    import sae_core

    for name in ("Config", "train", "load_images", "SparseAutoencoder", "evaluate"):
        assert getattr(sae_core, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sae_core.nonsense  # noqa: B018 - the access is the test


ORDERS = """
import sys
import torch
for before in ("pass", "import sae_core.train", "from sae_core.train import stream"):
    for name in [name for name in sys.modules if name.partition(".")[0] == "sae_core"]:
        del sys.modules[name]
    exec(before + "; from sae_core import train; from sae_core.train import stream; assert callable(train), before", {})
"""


def test_train_is_the_function_whatever_was_imported_before() -> None:
    """The module has the same name. In one fresh process: what takes long is torch, and it stays imported."""
    assert subprocess.run([sys.executable, "-c", ORDERS], check=False).returncode == 0
