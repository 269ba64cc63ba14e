"""Which trials need not go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.rows import drop_superseded
from sae_core.sweep.folder import SweepFolder

__all__ = ["Judge", "rows_of", "why_hopeless"]

LEARNS_NOTHING = 0.95
"""An FVU from here on is hardly better than showing the mean image, which scores 1."""

CLEARLY = 0.8
"""Another trial is clearly better that has at most this share of the FVU and of the L0 at the same step."""

NOT_BEFORE = 0.5
"""Share of its steps a trial is given: the penalty's warm-up ends earlier."""

Rows = Sequence[Mapping[str, Any]]


def why_hopeless(rows: Rows, share: float, others: Mapping[str, Rows]) -> str:
    """A sentence where the trial with these rows should stop, empty where it should go on.

    After half of its steps (``share`` of them are done) a trial is hopeless if it explains next to nothing, or if one
    of the ``others`` (finished trials' rows by run) was clearly better at the same step both in FVU and in L0.
    """
    if not rows or share < NOT_BEFORE:
        return ""
    now = rows[-1]
    step, fvu, l0 = now["step"], now.get("fvu"), now.get("l0")
    if not isinstance(fvu, float) or not isinstance(l0, float):
        return ""
    if fvu >= LEARNS_NOTHING:
        return f"It explained next to nothing (FVU {fvu:.2f} at step {step:,}), so the sweep stopped it."
    for run, theirs in others.items():
        then = next((row for row in reversed(theirs) if row["step"] <= step), None)
        if (
            then is not None
            and then["step"] >= 0.9 * step
            and then["fvu"] <= CLEARLY * fvu
            and then["l0"] <= CLEARLY * l0
        ):
            return (
                f"{run} explained more with fewer lit at step {step:,} (FVU {then['fvu']:.2f} against {fvu:.2f}, "
                f"L0 {then['l0']:.0f} against {l0:.0f}), so the sweep stopped it."
            )
    return ""


class Judge:
    """Looks at trials under way, and stops the hopeless ones."""

    def __init__(self, folder: SweepFolder) -> None:
        self._folder = folder
        self._finished: dict[str, Rows] = {}
        self._told: set[str] = set()

    def look(self, under_way: Sequence[tuple[RunDirectory, Rows, float]], results: Iterable[Mapping[str, Any]]) -> None:
        """Once; ``under_way`` are runs with their rows and the share of their steps that is done."""
        for result in results:
            if result.get("state") == "finished" and result["run"] not in self._finished:
                with suppress(RunError):
                    self._finished[result["run"]] = rows_of(self._folder.runs.open(result["run"]))
        for run, rows, share in under_way:
            if run.id not in self._told and (reason := why_hopeless(rows, share, self._finished)):
                self._told.add(run.id)
                self._folder.note(run.id, reason)
                run.append_event("stop", by="sweep")


def rows_of(run: RunDirectory) -> Rows:
    """The rows that hold."""
    return drop_superseded(run.rows()[0])
