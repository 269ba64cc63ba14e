"""The path of one knob: how a model changes as sparsity rises, each point warm-started from its neighbour.

    for point in train_path(values=[0.01, 0.03, 0.1], epochs=1):
        print(point.value, point.l0, point.fvu, point.accuracy)

Every latent keeps its place along the path, because it *is* the same latent, trained on: from dense to sparse, as a
hand drags the dial. A path is an ordinary run (`sae_core.runs.path_file`): it can be watched, paused, killed,
resumed, replayed, forked and deleted like any other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from sae_core.config import Config, ConfigError
from sae_core.data import label_of
from sae_core.runs.directory import RunDirectory, Status
from sae_core.runs.events import Applied, check_set
from sae_core.runs.files import LineWriter, RunError, RunWriteError, write_sentence
from sae_core.runs.folder import Runs
from sae_core.runs.path_file import PathPlan, PathPoint, read_path, read_points, write_path

__all__ = ["MOST_POINTS", "PATHS", "begin_path", "default_values", "follow", "train_path"]

PATHS: dict[str, tuple[float, float]] = {
    "penalty_weight": (0.003, 0.6),
    "beta": (0.003, 1.0),
    "rho": (0.3, 0.005),
    "k": (128, 2),
}
"""Where a path begins and ends unless told: from no effect to nearly nothing left, on MNIST at width 256."""

MOST_POINTS = 60

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
    name: str | None = None,
    origin: Literal["page", "cli"] = "cli",
    n_images: int = 60_000,
) -> RunDirectory:
    """A path, not started. ``config``'s own epochs or steps are those of each point.

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
    stops = tuple(each * (at + 1) for at in range(len(values)))
    whole = config.with_changes(**{knob: checked[0]}, epochs=None, steps=stops[-1])
    run = runs.create(
        whole, name=name or f"path-{label_of(config.dataset)}-{config.method}-{config.n_latents}", origin=origin
    )
    moves = [
        Applied(position=-1, step=step, kind="set", offset=0, name=knob, value=value, time=time.time())
        for step, value in zip(stops[:-1], checked[1:], strict=True)
    ]
    try:
        with LineWriter(run.path / "applied.jsonl") as log:
            log.append(move.record() for move in moves)
        write_path(run.path, PathPlan(knob, tuple(checked), stops))
    except OSError as error:
        raise RunWriteError(write_sentence(error, run.path)) from error
    return run


def follow(run: RunDirectory, progress: Progress | None = None, *, every: float = 0.2) -> Iterator[PathPoint]:
    """The path's points as they come, until its worker has ended.

    Raises:
        RunError: it is no path, or it ended before its last point (a sentence).
    """
    plan = read_path(run.path)
    if plan is None:
        raise RunError(f"The run {run.id} is no path.")
    told: set[int] = set()
    while True:
        status = run.status()
        for point in read_points(run.path):
            if point.step not in told:
                told.add(point.step)
                yield point
        if progress is not None:
            progress(status)
        if told >= set(plan.steps):
            return
        if status.state in {"paused", "finished", "stopped", "failed", "lost"} and not _just_begun(run, status):
            raise RunError(status.reason or f"The path {run.id} is {status.state} at step {status.step:,}.")
        time.sleep(every)


def _just_begun(run: RunDirectory, status: Status) -> bool:
    """Whether its worker has not said its first word yet."""
    return run.alive() and status.state == "paused" and status.pid == 0


def train_path(
    values: Iterable[float] | None = None,
    *,
    knob: str | None = None,
    points: int = 12,
    name: str | None = None,
    runs: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **knobs: Any,
) -> Iterator[PathPoint]:
    """Train a path in a worker process, and yield its points as they come.

    ``knobs`` are those of `Config`; ``epochs`` (3 unless given) or ``steps`` are those of each point.

    Raises:
        ConfigError: a knob or a value that cannot be had; RunError: the path ended early (a sentence).
    """
    from sae_core.runs.launch import Launcher

    ends = {} if knobs.keys() & {"epochs", "steps"} else {"epochs": 3.0}
    config = Config(**{**ends, **knobs})
    given = None if values is None else tuple(values)
    run = begin_path(
        Runs(runs), config, knob=knob, values=given, points=points, name=name, n_images=_n_images(config.dataset)
    )
    run.append_event("play", by="script")
    with Launcher(run.path.parent, spare=False) as launcher:
        launcher.start(run.id)
        yield from follow(run, progress)


def _n_images(dataset: str) -> int:
    from sae_core.data import load_images

    return len(load_images(dataset).train)
