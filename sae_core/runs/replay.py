"""Config and applied events lead to the same weights again, bit for bit: the proof, and the means to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sae_core.runs.data import check_data
from sae_core.runs.directory import RunDirectory
from sae_core.runs.events import effective
from sae_core.runs.files import RunError
from sae_core.runs.folder import versions
from sae_core.runs.worker.archive import newest_checkpoint
from sae_core.runs.worker.transport import pending
from sae_core.train import Action, Checkpoint, Set, Step, Want, stream

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["Replay", "replay", "replay_to"]

Progress = Callable[[int, int], None]
"""Told the step, and the last one."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a replay."""

    step: int
    same: bool
    """Whether every bit of the weights, and of all that training carries along, is that of the run's checkpoint."""
    digest: str
    """A fingerprint of the replayed weights."""
    warning: str
    """Where another machine or version replays it, so that last bits may differ: a sentence; else empty."""


def replay(run: RunDirectory, images: Images | None = None, progress: Progress | None = None) -> Replay:
    """Train the run anew up to its newest checkpoint, and compare.

    Raises:
        RunError: it has no checkpoint that can be read.
    """
    saved, note = newest_checkpoint(run.path)
    if saved is None:
        raise RunError(f"The run {run.id} has no checkpoint to compare with. {note}".rstrip())
    again = replay_to(run, saved.step, images, progress)
    same = all((again.tensors[name] == saved.tensors[name]).all() for name in saved.tensors)
    return Replay(saved.step, bool(same), again.digest(), _warning(run))


def replay_to(
    run: RunDirectory, step: int, images: Images | None = None, progress: Progress | None = None
) -> Checkpoint:
    """The run after ``step`` steps, from its config and applied events alone."""
    if images is None:
        from sae_core.data import load_images

        images = load_images(run.config.dataset)
    check_data(run, images)
    torch.set_num_threads(run.config.threads or 1)
    for message in stream(run.config, images, _actions(run, step, progress)):
        if isinstance(message, Checkpoint):
            return message
        raise RunError(f"The replay of {run.id} stopped short: {message}")
    raise AssertionError("the last action asks for a checkpoint")


def _actions(run: RunDirectory, last: int, progress: Progress | None) -> Iterator[Action]:
    changes = pending(effective(run.applied()[0]), 0, 0)
    for step in range(last + 1):
        while changes and changes[0].step == step:
            change = changes.pop(0)
            if isinstance(change.value, int | float):
                yield Set(str(change.name), change.value)
        if step < last:
            yield Step()
        if progress is not None and step % 16 == 0:
            progress(step, last)
    yield Want.CHECKPOINT


def _warning(run: RunDirectory) -> str:
    here, there = versions(), run.meta.versions
    changed = [name for name in here if there.get(name) not in {None, here[name]}]
    differing = [f"{name} {there[name]} there, {here[name]} here" for name in changed]
    if not differing:
        return ""
    return f"It was made elsewhere ({'; '.join(differing)}), so the last bits may differ."
