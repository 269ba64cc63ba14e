"""What a test waits for: things seen in a run's files."""

from __future__ import annotations

from collections.abc import Callable

from sae_core.runs import RunDirectory

__all__ = ["last", "state", "trained"]


def state(run: RunDirectory, *states: str) -> Callable[[], bool]:
    """Whether the run is in one of these states."""
    return lambda: run.status().state in states


def trained(run: RunDirectory, attempt: int, step: int) -> Callable[[], bool]:
    """Whether that worker of the run (not the one before it) has come so far."""

    def check() -> bool:
        status = run.status()
        return status.state == "training" and status.attempt == attempt and status.step > step

    return check


def last(run: RunDirectory, kind: str) -> Callable[[], object]:
    """The newest applied record of a kind."""
    return lambda: next((record for record in reversed(run.applied()[0]) if record.kind == kind), None)
