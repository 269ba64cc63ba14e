"""A path seen as one, whether one run trains it or two."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from sae_core.runs.directory import RunDirectory, Status
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs
from sae_core.runs.path_file import PathPlan, PathPoint, read_path, read_points

__all__ = ["WholePath", "path_ids"]

ENDED = frozenset({"paused", "finished", "stopped", "failed", "lost"})


@dataclass(frozen=True, slots=True)
class WholePath:
    """Both halves of a path, or the one there is."""

    run: RunDirectory
    """The one that gives the path its name."""
    plan: PathPlan
    second: RunDirectory | None = None
    second_plan: PathPlan | None = None

    @classmethod
    def open(cls, run: RunDirectory) -> Self:
        """The path that this run is, or is a half of; a half whose other has been deleted stands alone.

        Raises:
            RunError: it is no path.
        """
        plan = read_path(run.path)
        if plan is None:
            raise RunError(f"The run {run.id} is no path.")
        other, other_plan = _other(run, plan)
        if other is None or other_plan is None:
            return cls(run, plan)
        return cls(other, other_plan, run, plan) if plan.second else cls(run, plan, other, other_plan)

    @property
    def runs(self) -> tuple[RunDirectory, ...]:
        """Every run there is of it."""
        return (self.run,) if self.second is None else (self.run, self.second)

    @property
    def values(self) -> tuple[float, ...]:
        """All planned values, in the order of the path: the second half, trained the other way, comes first."""
        return (*reversed(self.second_plan.values), *self.plan.values) if self.second_plan else self.plan.values

    @property
    def last_step(self) -> int:
        """Steps of all there is to train."""
        return self.plan.steps[-1] + (self.second_plan.steps[-1] if self.second_plan else 0)

    def points(self) -> list[tuple[RunDirectory, PathPoint]]:
        """Those there are, in the order of the path, each with the run that holds it."""
        own = [(self.run, point) for point in read_points(self.run.path)]
        if self.second is None:
            return own
        return [*reversed([(self.second, point) for point in read_points(self.second.path)]), *own]

    def status(self) -> Status:
        """How it stands: at work while one of its halves is, its steps those of both."""
        first, *others = (run.status() for run in self.runs)
        for other in others:
            leading = other if first.state in ENDED and other.state not in ENDED - {first.state} else first
            reason = leading.reason or first.reason or other.reason
            first = replace(leading, step=first.step + other.step, images=first.images + other.images, reason=reason)
        return first

    @property
    def stands(self) -> bool:
        """Whether it was interrupted: nobody trains a half that has points to come."""
        return any(run.status().state in {"paused", "stopped", "lost", "failed"} for run in self.unfinished)

    @property
    def unfinished(self) -> list[RunDirectory]:
        """The runs that have points to come."""
        plans = (self.plan, self.second_plan)
        return [
            run
            for run, plan in zip(self.runs, plans, strict=False)
            if plan is not None and len(read_points(run.path)) < len(plan.values)
        ]


def path_ids(runs: Runs) -> list[str]:
    """The ids of the paths there are, newest first; halves count once."""
    found = []
    with suppress(OSError):
        for file in runs.root.glob("*/path.json"):
            with suppress(RunError, OSError):
                plan = read_path(file.parent)
                if plan is not None and not (plan.second and (runs.root / plan.other / "path.json").exists()):
                    found.append((file.stat().st_mtime, file.parent.name))
    return [run_id for _, run_id in sorted(found, reverse=True)]


def _other(run: RunDirectory, plan: PathPlan) -> tuple[RunDirectory | None, PathPlan | None]:
    if plan.other:
        with suppress(RunError):
            other = Runs(run.path.parent).open(plan.other)
            return other, read_path(other.path)
    return None, None
