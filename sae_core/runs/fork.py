"""Forks: going on from any step of any run, with other knobs, as a run of its own.

A fork needs nothing of its parent once it is made: its config.json and applied.jsonl are the parent's up to that step,
so that it replays bit for bit although the parent has been deleted, and its first checkpoint is the parent's moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import torch

from sae_core.data import load_images
from sae_core.runs.data import check_data
from sae_core.runs.directory import RunDirectory, Status, write_status
from sae_core.runs.events import Applied, check_set, config_after, effective
from sae_core.runs.files import LineWriter, RunError, RunWriteError, write_atomically, write_sentence
from sae_core.runs.folder import Runs
from sae_core.runs.worker.archive import kept_checkpoint, nearest_checkpoint, sealed
from sae_core.runs.worker.transport import pending
from sae_core.train import Action, Checkpoint, Set, Step, Want, stream, total_steps

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["fork", "main", "moment"]

Progress = Callable[[int, int], None]
"""Told the step, and the last one."""


def fork(
    runs: Runs,
    parent: RunDirectory,
    step: int,
    changes: Mapping[str, float] | None = None,
    *,
    images: Images,
    epochs: float | None = None,
    steps: int | None = None,
    endless: bool = False,
    name: str | None = None,
    origin: Literal["page", "cli"] = "cli",
    progress: Progress | None = None,
) -> RunDirectory:
    """A run that stands where ``parent`` stood after ``step`` steps, not started; ``changes`` act from there on.

    It is bit for bit the run whose knobs were changed live at that step. ``epochs`` or ``steps``, counted from the
    parent's beginning, say when it ends, ``endless`` that it does not; else it ends when the parent does.

    Raises:
        ConfigError: a knob that does not act on a running model, or a value out of bounds.
        RunError: the parent has not come to that step, or has no steps left after it.
        RunWriteError: the runs folder cannot be written.
    """
    _check_reached(parent, step)
    first = parent.config
    if endless or epochs is not None or steps is not None:
        first = first.with_changes(epochs=epochs, steps=steps)
    changed = {knob: getattr(check_set(first, knob, value), knob) for knob, value in (changes or {}).items()}
    last = total_steps(first, len(images.train))
    if last is not None and last <= step:
        raise RunError(
            f"The fork would end at step {last:,}, which is not after its beginning: give more epochs or steps."
        )
    before = [r for r in effective(parent.applied()[0]) if r.kind == "set" and r.step < step]
    checkpoint = moment(parent, step, images, progress)
    run = runs.create(first, name=name or parent.id, parent=parent.id, parent_step=step, origin=origin)
    now = [
        Applied(position=-1, step=step, kind="set", offset=0, name=knob, value=value, time=time.time())
        for knob, value in changed.items()
    ]
    try:
        with LineWriter(run.path / "applied.jsonl") as log:
            log.append(replace(record, offset=0, event=-1, drag=None).record() for record in before)
            known = log.size
            log.append(record.record() for record in now)
            log.sync()
        start = replace(checkpoint, config=config_after(first, [replace(r, position=0) for r in before]))
        write_atomically(run.path / "checkpoint.safetensors", sealed(start, known), sync=True)
        reason = f"Forked from {parent.id} at step {step:,}; not started yet."
        write_status(run.path / "status.json", Status("paused", reason, step, checkpoint.images, time.time()))
    except OSError as error:
        raise RunWriteError(write_sentence(error, run.path)) from error
    return run


def moment(run: RunDirectory, step: int, images: Images, progress: Progress | None = None) -> Checkpoint:
    """The run after ``step`` steps, before anything was changed there: read where it is kept, else replayed.

    Raises:
        RunError: the run has not come so far, or its data has changed.
    """
    _check_reached(run, step)
    if (kept := kept_checkpoint(run.path, step)) is not None:
        return kept
    check_data(run, images)
    torch.set_num_threads(run.config.threads or 1)
    start = nearest_checkpoint(run.path, step)
    for message in stream(run.config, images, _actions(run, start, step, progress), start):
        if isinstance(message, Checkpoint):
            return message
        raise RunError(f"Step {step:,} of {run.id} cannot be reached again: {message}")
    raise AssertionError("the last action asks for a checkpoint")


def _check_reached(run: RunDirectory, step: int) -> None:
    done = run.status().step
    if not 0 <= step <= done:
        raise RunError(f"step is {step}, but the run {run.id} has come to step {done:,} so far.")


def _actions(run: RunDirectory, start: Checkpoint | None, last: int, progress: Progress | None) -> Iterator[Action]:
    first, known = (start.step, int(start.extra.get("applied", 0))) if start is not None else (0, 0)
    changes = pending(effective(run.applied()[0]), first, known)
    for step in range(first, last):
        while changes and changes[0].step == step:
            change = changes.pop(0)
            if isinstance(change.value, int | float):
                yield Set(str(change.name), change.value)
        yield Step()
        if progress is not None and step % 16 == 0:
            progress(step - first, last - first)
    yield Want.CHECKPOINT


def main(arguments: list[str] | None = None) -> int:
    """``python -m sae_core.runs.fork``: fork for a process without torch, and say the new run's id, or why not."""
    parser = argparse.ArgumentParser(prog="python -m sae_core.runs.fork")
    parser.add_argument("--root", required=True, help="the runs folder")
    parser.add_argument("--run", required=True)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE")
    asked = parser.parse_args(arguments)
    runs = Runs(asked.root)
    try:
        parent = runs.open(asked.run)
        changes = {name: float(value) for name, _, value in (one.partition("=") for one in asked.set)}
        images = load_images(parent.config.dataset)
        answer = {"run": fork(runs, parent, asked.step, changes, images=images, endless=True, origin="page").id}
    except (ValueError, OSError) as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
