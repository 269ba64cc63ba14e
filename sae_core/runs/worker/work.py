"""Working on a run in this process: what the command line does, and what spawned workers do."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from filelock import Timeout

from sae_core.runs.data import record_data
from sae_core.runs.directory import RunDirectory, Status, write_status
from sae_core.runs.files import RunError, RunWriteError, lock_of, write_sentence
from sae_core.runs.path_file import read_path, read_points
from sae_core.runs.worker.timing import Timing

if TYPE_CHECKING:
    from sae_core.data import Images
    from sae_core.runs.worker.conductor import Conductor
    from sae_core.runs.worker.desk import Desk
    from sae_core.runs.worker.observer import Progress

__all__ = ["holding", "load_kept", "work", "work_holding"]


def work(
    run: RunDirectory,
    progress: Progress | None = None,
    *,
    play: bool = True,
    speed: Literal["ramp", "slow", "full"] = "full",
    images: Images | None = None,
    timing: Timing | None = None,
    slots: int | None = None,
) -> Status:
    """Train the run in this process until it ends, and say how.

    It ends when it is finished or stopped; paused and unwatched for a minute; or interrupted: the first Ctrl-C (or
    SIGTERM) saves a checkpoint and returns ``paused``, a second one raises KeyboardInterrupt. With ``play`` it is
    set going as the Play button would; ``images`` are loaded by the config's ``dataset`` where they are not given.

    Raises:
        RunError: another worker has the run.
        ValueError, OSError: it could not start (a sentence), which its status says too.
    """
    with holding(run, timing or Timing()):
        if play:
            run.append_event("play", speed=speed)
        return work_holding(run, progress, images=images, timing=timing, slots=slots)


@contextmanager
def holding(run: RunDirectory, timing: Timing) -> Iterator[None]:
    """Hold the run's lock, which says that it has a living worker.

    Raises:
        RunError: another worker holds it.
    """
    lock = lock_of(run.path / "lock")
    try:
        lock.acquire(timeout=timing.patience, poll_interval=0.02)
    except Timeout:
        raise RunError(f"The run {run.id} already has a worker, which goes on with it.") from None
    except OSError as error:
        raise RunWriteError(write_sentence(error, run.path / "lock")) from error
    try:
        yield
    finally:
        lock.release()


def work_holding(
    run: RunDirectory,
    progress: Progress | None = None,
    *,
    images: Images | None = None,
    timing: Timing | None = None,
    slots: int | None = None,
    interrupted: threading.Event | None = None,
) -> Status:
    """`work` for who holds the lock already; ``interrupted`` is set where a signal ended it."""
    try:
        return _work(run, progress, images, timing or Timing(), slots, interrupted or threading.Event())
    except BaseException as error:
        _say_failed(run, error)
        raise


def _work(
    run: RunDirectory,
    progress: Progress | None,
    images: Images | None,
    timing: Timing,
    slots: int | None,
    interrupted: threading.Event,
) -> Status:
    from sae_core.runs.worker.desk import Desk

    try:
        desk = Desk(run)
        desk.say("starting", step=(known := run.status()).step, images=known.images)
    except OSError as error:
        raise RunWriteError(write_sentence(error, run.path)) from error
    try:
        import torch

        from sae_core.data import is_own, load_images
        from sae_core.train import stream

        torch.set_num_threads(run.config.threads or 1)
        images = images or (load_images if is_own(run.config.dataset) else load_kept)(run.config.dataset)
        record_data(run, images)
        conductor, start = _assemble(desk, images, timing, slots, progress)
        with closing(conductor), _signals(conductor, interrupted):
            for message in stream(run.config, images, conductor.actions(), start):
                conductor.receive(message)
        return desk.status
    finally:
        desk.close()


@lru_cache(maxsize=1)
def load_kept(dataset: str) -> Images:
    """The images, kept for the next run of this process: most are of the same data set."""
    from sae_core.data import load_images

    return load_images(dataset)


def _assemble(
    desk: Desk, images: Images, timing: Timing, slots: int | None, progress: Progress | None
) -> tuple[Conductor, Any]:
    """The conductor, and the checkpoint it starts from."""
    from sae_core.runs.worker.archive import Archive, newest_checkpoint
    from sae_core.runs.worker.budget import Budget
    from sae_core.runs.worker.conductor import Conductor
    from sae_core.runs.worker.observer import Observer
    from sae_core.runs.worker.scene import Scene
    from sae_core.runs.worker.slots import Slots
    from sae_core.runs.worker.transport import pending, taken_up
    from sae_core.train import total_steps

    run = desk.run
    start, note = newest_checkpoint(run.path)
    step, known = (start.step, int(start.extra.get("applied", 0))) if start is not None else (0, 0)
    epoch_steps = max(1, run.config.epoch_steps(len(images.train)))
    scene = Scene(
        config=start.config if start is not None else run.config,
        step=step,
        epoch_steps=epoch_steps,
        total=total_steps(run.config, len(images.train)),
        transport=taken_up(desk.records, step, epoch_steps),
        slots=Slots(run.path.parent, run.id, slots),
        pending=deque(pending(desk.records, step, known)),
        **_landmarks(run, step),
    )
    budget = Budget(timing.budget)
    archive = Archive(run.path, desk.log, budget)
    if note:  # else the damaged one would become .previous, in place of the good one
        with suppress(FileNotFoundError):
            (run.path / "checkpoint.safetensors").replace(run.path / "checkpoint.safetensors.damaged")
    elif start is not None:
        archive.saved = step
    archive.forget_after(step)
    observer = Observer(scene, desk, archive, budget, timing=timing, progress=progress)
    return Conductor(observer, note), start


def _landmarks(run: RunDirectory, step: int) -> dict[str, Any]:
    """What a path still has to keep: points beyond ``step``, and that one where its file is not there."""
    plan = read_path(run.path)
    if plan is None:
        return {}
    there = {point.step for point in read_points(run.path)}
    return {"landmarks": {s for s in plan.steps if s > step or (s == step and s not in there)}, "path_knob": plan.knob}


@contextmanager
def _signals(conductor: Conductor, interrupted: threading.Event) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and (on Windows) Ctrl-Break end the run at its next step; again, at once."""

    def interrupt(*_: object) -> None:
        if conductor.interrupted:
            raise KeyboardInterrupt
        conductor.interrupted = True
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    before = {}
    for name in names:
        if (number := getattr(signal, name, None)) is not None:
            with suppress(ValueError, OSError):
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_failed(run: RunDirectory, error: BaseException) -> None:
    """The last word of a worker that broke: a sentence; the traceback goes to whoever catches it."""
    known = run.status()
    lines = str(error).splitlines()
    sentence = lines[0] if lines else type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        sentence = "Interrupted at once; Resume goes on from the last checkpoint."
    elif not isinstance(error, ValueError | OSError):
        sentence = f"The worker broke ({type(error).__name__}: {sentence}); Resume goes on from the last checkpoint."
    state: Literal["paused", "failed"] = "paused" if isinstance(error, KeyboardInterrupt) else "failed"
    with suppress(OSError):
        write_status(
            run.path / "status.json", replace(known, state=state, reason=sentence, updated=time.time(), pid=os.getpid())
        )
