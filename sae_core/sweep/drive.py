"""Driving a sweep: which trial comes next, who trains it, which are hopeless, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs
from sae_core.sweep.folder import SweepFolder, Trial, results_of
from sae_core.sweep.hopeless import Judge, Rows, rows_of
from sae_core.sweep.plan import Plan, Range
from sae_core.sweep.pool import LocalPool, Pool, WorkerLost

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Outcome", "Progress", "default_workers", "drive", "make_plan", "open_pool", "share_done", "sweep"]

LOOK_EVERY = 0.5
"""Seconds between two looks at trials under way."""

TRIES = 3
"""How often a trial is begun again whose worker was lost."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sweep stands: as it is driven, and at its end."""

    done: int
    total: int
    under_way: tuple[tuple[str, float], ...] = ()
    """Runs being trained, each with the share of its steps that is done."""
    troubles: tuple[str, ...] = ()
    """Why trials have no results: a sentence each."""

    @property
    def share(self) -> float:
        """What is done of everything, trials under way by their steps."""
        begun = sum(share for _, share in self.under_way)
        return min(1.0, (self.done + begun) / max(1, self.total))


Progress = Callable[[Outcome], None]


def default_workers() -> int:
    """As many as there are cores: each trial has one thread."""
    return os.cpu_count() or 1


def open_pool(folder: SweepFolder, workers: int | None = None, ray: str | None = None) -> Pool:
    """Workers of this machine, or of the Ray cluster at ``ray``.

    Raises:
        RunError: there cannot be so many, or Ray is not installed or not there.
    """
    if ray is not None:
        from sae_core.sweep.cluster import RayPool

        return RayPool(folder.runs.root, ray, size=workers, accuracy=folder.plan.wants_accuracy)
    count = default_workers() if workers is None else workers
    if not 1 <= count <= 256:
        raise RunError(f"workers is {count}, but it should be from 1 to 256.")
    return LocalPool(folder.runs.root, count, accuracy=folder.plan.wants_accuracy)


def drive(folder: SweepFolder, pool: Pool, progress: Progress | None = None, *, stop_hopeless: bool = False) -> Outcome:
    """Train every trial that has no results yet; returns when all have, or cannot.

    Trials with results are not touched, those under way go on from their checkpoints: whatever interrupted a sweep,
    driving it again completes it.

    Raises:
        RunError: someone else drives it.
    """
    folder.hold()
    try:
        driver = _Driver(folder, pool, Judge(folder) if stop_hopeless else None)
        for outcome in driver.rounds():
            if progress is not None:
                progress(outcome)
        return driver.outcome()
    finally:
        pool.close()
        folder.write_table()
        folder.release()


class _Driver:
    """One driving of a sweep."""

    def __init__(self, folder: SweepFolder, pool: Pool, judge: Judge | None) -> None:
        self.folder, self.pool, self.judge = folder, pool, judge
        self._trials = {trial.index: trial for trial in folder.trials()}
        self._results = folder.results()
        self._flying: dict[Future[str], tuple[Trial, RunDirectory]] = {}
        self._tries: dict[int, int] = {}
        self._troubles: dict[int, str] = {}
        self._proposals = self._propose()

    def rounds(self) -> Iterator[Outcome]:
        """Keep everyone busy, look at what came of it, and say so, until nothing is left."""
        self._fill()
        while self._flying:
            landed, _ = wait(self._flying, timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
            for future in landed:
                self._land(future)
            self._fill()
            yield self.outcome()

    def outcome(self) -> Outcome:
        """How it stands; hopeless trials hear of it on the way."""
        under_way = [(run, rows, share_done(run, rows)) for run, rows in self._watched()]
        if self.judge is not None:
            self.judge.look(under_way, self._results.values())
        shares = tuple((run.id, share) for run, _, share in under_way)
        return Outcome(len(self._results), len(self.folder.plan), shares, tuple(self._troubles.values()))

    def _watched(self) -> Iterator[tuple[RunDirectory, Rows]]:
        for _, run in self._flying.values():
            with suppress(RunError):
                yield run, rows_of(run)

    def _fill(self) -> None:
        while len(self._flying) < self.pool.size and (trial := next(self._proposals, None)) is not None:
            self._launch(trial, self.folder.run_of(trial))

    def _launch(self, trial: Trial, run: RunDirectory) -> None:
        self._flying[self.pool.submit(run.id)] = (trial, run)

    def _land(self, future: Future[str]) -> None:
        trial, run = self._flying.pop(future)
        result = results_of(run.path)
        if result is not None:
            self._results[trial.index] = result
            self._troubles.pop(trial.index, None)
            return
        error = future.exception()
        if isinstance(error, WorkerLost) and self._tries.get(trial.index, 0) < TRIES:
            self._tries[trial.index] = self._tries.get(trial.index, 0) + 1
            self._launch(trial, run)
            return
        paused = f"{run.id} was paused; the same sweep goes on with it."
        self._troubles[trial.index] = f"{run.id}: {error}" if error is not None else paused

    def _propose(self) -> Iterator[Trial]:
        """Trials without results: those begun before come first."""
        for trial in list(self._trials.values()):
            if trial.index not in self._results:
                yield trial
        if self.folder.plan.kind == "search":
            from sae_core.sweep.search import Search

            yield from Search(self.folder.plan).proposals(self._trials, self._results, self.folder.decide)
            return
        new = [Trial(i, values) for i, values in enumerate(self.folder.plan.trials()) if i not in self._trials]
        if new:
            self.folder.decide(new)
        yield from new


def share_done(run: RunDirectory, rows: Rows) -> float:
    """The share of a run's steps that is done."""
    if not rows:
        return 0.0
    last = rows[-1]
    done = last["epoch"] / run.config.epochs if run.config.epochs else last["step"] / max(1, run.config.steps or 1)
    return min(1.0, float(done))


def sweep(
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    ranges: Mapping[str, tuple[float, float] | Sequence[Any] | Range] | None = None,
    random: int | None = None,
    search: int | None = None,
    objectives: Sequence[str] = ("fvu", "l0"),
    workers: int | None = None,
    ray: str | None = None,
    name: str | None = None,
    runs: str | os.PathLike[str] | None = None,
    seed: int = 0,
    stop_hopeless: bool = False,
    progress: Progress | None = None,
    **base: Any,
) -> pd.DataFrame:
    """Train many runs, and return one row for each: the knobs that differ, and what ``train --json`` says.

    ``grid`` gives lists of values, of which every combination is tried; ``random`` or ``search`` (Optuna's
    multi-objective search for ``objectives``) draw so many settings from ``ranges`` instead, for each combination of
    the grid. ``base`` are knobs that all share. Called again with the same arguments it goes on where it was
    interrupted, and repeats no finished trial.

    Raises:
        ConfigError: knobs that cannot be had; RunError: trials that could not be trained (a sentence).
    """
    plan = make_plan(grid, ranges, random=random, search=search, objectives=objectives, seed=seed, base=base)
    plan.check()
    folder = SweepFolder.begin(Runs(runs), plan, name)
    outcome = drive(folder, open_pool(folder, workers, ray), progress, stop_hopeless=stop_hopeless)
    if outcome.troubles:
        raise RunError(" ".join(outcome.troubles))
    return folder.table()


def make_plan(
    grid: Mapping[str, Sequence[Any]] | None,
    ranges: Mapping[str, Any] | None,
    *,
    random: int | None,
    search: int | None,
    objectives: Sequence[str],
    seed: int,
    base: Mapping[str, Any],
) -> Plan:
    """A plan from what people write.

    Raises:
        ConfigError: it does not go together.
    """
    from sae_core.config import Config, ConfigError

    if random is not None and search is not None:
        raise ConfigError("Give a number of random draws or of a search, not both.")
    kind: Literal["grid", "random", "search"] = "random" if random else "search" if search else "grid"
    found = {name: _as_range(Config.knobs(), name, one) for name, one in (ranges or {}).items()}
    return Plan(
        kind=kind,
        base=dict(base),
        grid={name: tuple(values) for name, values in (grid or {}).items()},
        ranges=found,
        count=random or search or 1,
        objectives=tuple(objectives) if search else (),
        seed=seed if kind != "grid" else 0,
    )


def _as_range(knobs: Mapping[str, Any], name: str, one: Any) -> Range:
    if isinstance(one, Range):
        return one
    knob = knobs.get(name)
    if isinstance(one, tuple) and len(one) == 2 and knob is not None and not isinstance(knob.default, str):
        return Range(one[0], one[1], log=knob.dial is not None and one[0] > 0, integer=knob.integer)
    return Range(choices=tuple(one))
