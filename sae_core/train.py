"""Training as a stream: actions in, messages out; and the loop that people call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import torch

from sae_core.census import GLANCE, SnapshotJob
from sae_core.checkpoint import Checkpoint
from sae_core.config import Config, ConfigError
from sae_core.probe.light import light_accuracy
from sae_core.snapshot import Row, Snapshot
from sae_core.sparsity import METHODS
from sae_core.training.sketch import Sketch
from sae_core.training.step import Diverged, Trainer
from sae_core.training.whole import WholeTrainer

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = [
    "Action",
    "Checkpoint",
    "Diverged",
    "Landmark",
    "Message",
    "Restore",
    "Set",
    "Sketch",
    "Step",
    "Trainer",
    "Want",
    "stream",
    "total_steps",
    "train",
    "trainer_of",
]


@dataclass(frozen=True, slots=True)
class Step:
    """Do one optimisation step."""


@dataclass(frozen=True, slots=True)
class Set:
    """Change a live knob from the next step on."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Restore:
    """Go to a checkpoint."""

    checkpoint: Checkpoint


class Want(Enum):
    """Something to be told: the message follows at once, a census after as many slices as it needs."""

    ROW = auto()
    SKETCH = auto()
    """A `Sketch` to draw a picture from, on whatever thread; it holds until the next is wanted."""
    CHECKPOINT = auto()
    CENSUS = auto()
    """One slice of at most 10 ms, of the census under way or a new one; a `Snapshot` when it is complete."""
    GLANCE = auto()
    """The same of a census over `census.GLANCE` test images: soon complete, and beside one that is under way."""
    LANDMARK = auto()
    """The `Landmark` of this moment, at once: it takes half a second."""


@dataclass(frozen=True, slots=True)
class Landmark:
    """All there is to say of one moment: its census, everything to go on from, and a light probe's accuracy."""

    snapshot: Snapshot
    checkpoint: Checkpoint
    accuracy: float


Action: TypeAlias = Step | Set | Restore | Want
Message: TypeAlias = Row | Sketch | Checkpoint | Snapshot | Landmark | Diverged | ConfigError


def train(
    config: Config, images: Images, every: int | None = None, start: Checkpoint | None = None
) -> Iterator[Snapshot]:
    """Train and show: a snapshot with its census every ``every`` steps, or after 0, 1, 2, 4, 8, … steps.

    The last snapshot is of the last step; without ``steps`` or ``epochs`` in the config there is no last.

    Raises:
        Diverged: the objective ran away; ConfigError: config and images do not go together.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    trainer = trainer_of(config, images, start)
    for stop in _stops(trainer.steps, total_steps(config, len(images.train)), every):
        while trainer.steps < stop:
            trainer.step()
        yield SnapshotJob(trainer).finish()


def stream(
    config: Config, images: Images, actions: Iterable[Action], start: Checkpoint | None = None
) -> Iterator[Message]:
    """Do what each action says, in order, and yield what it wants.

    Actions are taken one at a time, only when the message before has been received: whoever makes them can count
    steps and react. A step whose objective runs away yields `Diverged` and is not applied; a refused `Set` yields
    its `ConfigError` and changes nothing. Neither ends the stream.
    """
    trainer = trainer_of(config, images, start)
    jobs: dict[Want, SnapshotJob] = {}
    for action in actions:
        try:
            if isinstance(action, Step):
                trainer.step()
            elif isinstance(action, Set):
                trainer.set(action.name, action.value)
            elif isinstance(action, Restore):
                trainer.restore(action.checkpoint)
                jobs.clear()
            elif action is Want.CENSUS or action is Want.GLANCE:
                most = GLANCE if action is Want.GLANCE else None
                job = jobs[action] = jobs.get(action) or SnapshotJob(trainer, most)
                if job.slice():
                    yield job.snapshot()
                    del jobs[action]
            else:
                yield _answer(trainer, action)
        except (Diverged, ConfigError) as problem:
            yield problem


def trainer_of(config: Config, images: Images, start: Checkpoint | None = None) -> Trainer | WholeTrainer:
    """What trains this config: Adam on batches, or L-BFGS on everything.

    Raises:
        ConfigError: config and images do not go together.
    """
    if METHODS[config.method].whole:
        return WholeTrainer(config, images, start)
    return Trainer(config, images, start)


def total_steps(config: Config, n_images: int) -> int | None:
    """How many steps the run has; None for a run without end."""
    return config.total_steps(n_images)


def _answer(trainer: Trainer | WholeTrainer, want: Want) -> Message:
    if want is Want.ROW:
        return trainer.row()
    if want is Want.CHECKPOINT:
        return trainer.checkpoint()
    if want is Want.LANDMARK:
        accuracy = light_accuracy(trainer.model, trainer.images)
        return Landmark(SnapshotJob(trainer).finish(), trainer.checkpoint(), accuracy)
    return trainer.sketch()


def _stops(first: int, last: int | None, every: int | None) -> Iterator[int]:
    """Steps at which to show something: ``first``, then those due, then ``last``."""
    yield first
    due = count(every, every) if every else (2**i for i in count())
    end = math.inf if last is None else last
    for stop in due:
        if stop >= end:
            break
        if stop > first:
            yield stop
    if last is not None and last > first:
        yield last
