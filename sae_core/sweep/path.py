"""The path of one knob: how a model changes as sparsity rises, each point warm-started from its neighbour.

    for point in train_path(values=[0.01, 0.03, 0.1], epochs=1):
        print(point.value, point.l0, point.fvu, point.accuracy)

Every latent keeps its place along the path, because it *is* the same latent, trained on, as a hand drags the dial.
A path is an ordinary run (`sae_core.runs.path_file`): it can be watched, paused, killed, resumed, replayed, forked and
deleted like any other.

With two cores it is two such runs, which go outwards from the middle: one to the sparse end, one to the dense. Both
begin with the same third of a stretch at the value between the two middle ones, bit for bit the same on one machine,
so that a latent of the one is the latent of the other at the same place; and each point has as many steps as with one.
Measured on two cores, two processes of one thread train almost twice as many images a second as one, and one process
of two threads fewer than one of one thread as soon as anything else runs.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from sae_core.config import Config, ConfigError
from sae_core.data import label_of
from sae_core.runs.directory import RunDirectory, Status
from sae_core.runs.events import Applied, check_set
from sae_core.runs.files import LineWriter, RunError, RunWriteError, write_sentence
from sae_core.runs.folder import Runs
from sae_core.runs.launch import Launcher
from sae_core.runs.path_file import PathPlan, PathPoint, write_path
from sae_core.sweep.whole import ENDED, WholePath

__all__ = ["MOST_POINTS", "PATHS", "begin_path", "default_values", "follow", "set_going", "train_path", "with_defaults"]

PATHS: dict[str, tuple[float, float]] = {
    "penalty_weight": (0.003, 0.6),
    "beta": (0.003, 1.0),
    "rho": (0.3, 0.005),
    "k": (128, 2),
}
"""Where a path begins and ends unless told: from no effect to nearly nothing left, on MNIST at width 256."""

MOST_POINTS = 60

FEWEST_OF_TWO = 4
"""Points from which on two runs share a path."""

COMMON_SHARE = 3
"""Both halves of a path have this part of their first stretch in common: one epoch of three."""

Progress = Callable[[Status], None]


def default_values(knob: str, points: int = 12, n_latents: int = 256) -> tuple[float, ...]:
    """So many values of the knob, from dense to sparse, evenly spaced on a logarithmic scale; whole ones for k.

    Raises:
        ConfigError: the knob has no path, or so many points are not to be had.
    """
    if not 2 <= points <= MOST_POINTS:
        raise ConfigError(f"The number of points is {points}, but it should be from 2 to {MOST_POINTS}.")
    knobs = Config.knobs()
    if knob not in knobs or not knobs[knob].live:
        live = ", ".join(name for name, one in knobs.items() if one.live)
        raise ConfigError(f"{knob} has no path; {live} have one.")
    first, last = PATHS.get(knob) or knobs[knob].dial or (0.001, 1.0)
    if knobs[knob].integer:
        first = min(first, n_latents / 2)
    values = [float(f"{value:.3g}") for value in np.geomspace(first, last, points)]
    if knobs[knob].integer:
        values = [float(round(value)) for value in values]
    return tuple(dict.fromkeys(values))


def begin_path(
    runs: Runs,
    config: Config,
    *,
    knob: str | None = None,
    values: Sequence[float] | None = None,
    points: int = 12,
    workers: int | None = None,
    name: str | None = None,
    origin: Literal["page", "cli"] = "cli",
    n_images: int = 60_000,
) -> RunDirectory:
    """A path, not started. ``config``'s own epochs or steps are those of each point.

    ``workers`` is 1 or 2, as many as there is room for unless given; two train a path of four points or more.
    Returns the run that gives the path its name; `WholePath.open` finds the other.

    Raises:
        ConfigError: a knob or a value that cannot be had; RunError, RunWriteError: as for any new run.
    """
    knob = knob or config.dial
    if knob is None:
        raise ConfigError(f"The method {config.method} has no dial to make a path of.")
    if values is None:
        values = default_values(knob, points, config.n_latents)
    if not 2 <= len(values) <= MOST_POINTS:
        raise ConfigError(f"A path has 2 to {MOST_POINTS} values; these are {len(values)}.")
    checked = [getattr(check_set(config, knob, value), knob) for value in values]
    each = config.total_steps(n_images) or 0
    if each < 1:
        raise ConfigError("A path needs to know how long each of its points is trained: give epochs or steps.")
    workers = _workers(config) if workers is None else workers
    if workers not in {1, 2}:
        raise ConfigError(f"workers is {workers}, but a path has one or two.")
    two = workers == 2 and len(checked) >= FEWEST_OF_TWO
    if config.threads is None and two:
        config = config.with_changes(threads=max(1, ((os.cpu_count() or 1) - 1) // 2))
    stem = name or f"path-{label_of(config.dataset)}-{config.method}-{config.n_latents}"

    def half(own: Sequence[float], name: str, start: float | None) -> _Half:
        return _Half.create(runs, config, knob, own, each, start, name, origin)

    if not two:
        alone = half(checked, stem, None)
        alone.write()
        return alone.run
    middle = len(checked) // 2
    start = getattr(check_set(config, knob, _between(checked[middle - 1], checked[middle], knob)), knob)
    first = half(checked[middle:], stem, start)
    second = half(checked[:middle][::-1], f"{first.run.id}-dense", start)
    second.write(other=first.run.id, second=True)
    first.write(other=second.run.id)
    return first.run


@dataclass(frozen=True, slots=True)
class _Half:
    """One run of a path: its plan, and the moves of its knob."""

    run: RunDirectory
    plan: PathPlan
    moves: list[Applied]

    @classmethod
    def create(
        cls,
        runs: Runs,
        config: Config,
        knob: str,
        values: Sequence[float],
        each: int,
        start: float | None,
        name: str,
        origin: Literal["page", "cli"],
    ) -> Self:
        stops = tuple(each * (at + 1) for at in range(len(values)))
        begins = [max(1, each // COMMON_SHARE) if start is not None else 0, *stops[:-1]]
        first = values[0] if start is None else start
        whole = config.with_changes(**{knob: first}, epochs=None, steps=stops[-1])
        moves = [
            Applied(position=-1, step=step, kind="set", offset=0, name=knob, value=value, time=time.time())
            for step, value in zip(begins, values, strict=True)
            if step
        ]
        return cls(runs.create(whole, name=name, origin=origin), PathPlan(knob, tuple(values), stops), moves)

    def write(self, other: str = "", *, second: bool = False) -> None:
        try:
            with LineWriter(self.run.path / "applied.jsonl") as log:
                log.append(move.record() for move in self.moves)
            write_path(self.run.path, replace(self.plan, other=other, second=second))
        except OSError as error:
            raise RunWriteError(write_sentence(error, self.run.path)) from error


def _workers(config: Config) -> int:
    """Two where each has a core of its own: their steps do not wait for one another, as those of two threads do."""
    cores = os.cpu_count() or 1
    return 2 if config.device == "cpu" and cores >= 2 and (config.threads or 1) <= cores // 2 else 1


def _between(low: float, high: float, knob: str) -> float:
    """The value halfway: on a logarithmic scale where there is one, a whole one where it has to be."""
    middle = math.sqrt(low * high) if low > 0 and high > 0 else (low + high) / 2
    return float(round(middle)) if Config.knobs()[knob].integer else float(f"{middle:.3g}")


def with_defaults(knobs: Mapping[str, Any]) -> dict[str, Any]:
    """A path's knobs: three epochs a point and, where the processor has them, bfloat16 products, unless given.

    They train a path half as fast again, and end within a hundredth of the FVU (`python -m tests.bench path`).
    """
    ends = {} if knobs.keys() & {"epochs", "steps"} else {"epochs": 3.0}
    return {"precision": "bfloat16", **ends, **knobs}


def follow(run: RunDirectory, progress: Progress | None = None, *, every: float = 0.2) -> Iterator[PathPoint]:
    """The path's points as they come, until its workers have ended.

    Raises:
        RunError: it is no path, or it ended before its last point (a sentence).
    """
    path = WholePath.open(run)
    told: set[tuple[str, int]] = set()
    while True:
        status, left = path.status(), path.unfinished
        over = [one for one in left if _over(one)]
        for half, point in sorted(path.points(), key=lambda held: held[1].step):
            if (half.id, point.step) not in told:
                told.add((half.id, point.step))
                yield point
        if progress is not None:
            progress(status)
        if len(told) == len(path.values):
            return
        for half in over:
            if half in left and (now := half.status()).state != "finished":
                raise RunError(now.reason or f"The path {half.id} is {now.state} at step {now.step:,}.")
        time.sleep(every)


def _over(run: RunDirectory) -> bool:
    """Whether nobody trains it any more; a worker that has not said its first word yet is at work."""
    status = run.status()
    just_begun = run.alive() and status.state == "paused" and status.pid == 0
    return status.state in ENDED and not just_begun


def train_path(
    values: Iterable[float] | None = None,
    *,
    knob: str | None = None,
    points: int = 12,
    workers: int | None = None,
    name: str | None = None,
    runs: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **knobs: Any,
) -> Iterator[PathPoint]:
    """Train a path in worker processes, and yield its points as they come.

    ``knobs`` are those of `Config`; ``epochs`` (3 unless given) or ``steps`` are those of each point.

    Raises:
        ConfigError: a knob or a value that cannot be had; RunError: the path ended early (a sentence).
    """
    config = Config(**with_defaults(knobs))
    given = None if values is None else tuple(values)
    run = begin_path(
        Runs(runs),
        config,
        knob=knob,
        values=given,
        points=points,
        workers=workers,
        name=name,
        n_images=_n_images(config.dataset),
    )
    with Launcher(run.path.parent, spare=False) as launcher:
        set_going(launcher, WholePath.open(run), by="script")
        yield from follow(run, progress)


def set_going(launcher: Launcher, path: WholePath, by: str) -> None:
    """Let what is unfinished of a path play, each run with a worker of its own; returns when they have one.

    Raises:
        RunError: a worker could not start (a sentence).
    """
    idle = [run for run in path.unfinished if not run.alive()]
    for run in path.unfinished:
        run.append_event("play", by=by)

    def start(run: RunDirectory) -> None:
        try:
            launcher.start(run.id)
        except RunError:
            if not run.alive() and run.status().state != "finished":  # else somebody else was quicker
                raise

    with ThreadPoolExecutor(max(1, len(idle)), "start") as threads:
        list(threads.map(start, idle))


def _n_images(dataset: str) -> int:
    from sae_core.data import load_images

    return len(load_images(dataset).train)
