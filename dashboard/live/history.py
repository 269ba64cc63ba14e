"""What a run's curves are drawn from: its points, and one marker for every drag of a dial."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sae_core.config import Config
from sae_core.runs.events import Applied, effective
from sae_core.runs.rows import COLUMNS

__all__ = ["History", "Markers"]

KEEP = 6_000
"""Points held for a run, however long it gets; the older half is thinned when there are more."""

Columns = dict[str, list[Any]]

WORDS = {
    "penalty_weight": "penalty",
    "beta": "β",
    "rho": "ρ",
    "k": "k",
    "lifetime": "lifetime share",
    "target_l0": "target L0",
    "target_rho": "target ρ̂",
    "noise": "input noise",
    "learning_rate": "learning rate",
    "weight_decay": "weight decay",
}
CAN_BE_OFF = frozenset({"penalty_weight", "beta", "weight_decay", "target_l0", "target_rho", "noise"})


class History:
    """The points of one run's curves, in order of step; each has a number of its own, so that pages can be behind."""

    def __init__(self, keep: int = KEEP) -> None:
        self.keep = keep
        self.newest = 0
        """The number of the last point taken in."""
        self._numbers: list[int] = []
        self._rows: list[tuple[Any, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in new points; one at a step already passed begins a new attempt, which supersedes what was there."""
        for row in rows:
            point = tuple(_number(row.get(name)) for name in COLUMNS)
            self._forget_from(int(row["step"]))
            self.newest += 1
            self._numbers.append(self.newest)
            self._rows.append(point)
        if len(self._rows) > self.keep:
            half = len(self._rows) // 2
            self._numbers[:half] = self._numbers[:half:2]
            self._rows[:half] = self._rows[:half:2]

    def after(self, number: int) -> Columns | None:
        """The points taken in after the one called ``number``; None where there are none."""
        start = bisect_right(self._numbers, number)
        return _columns(self._rows[start:]) if start < len(self._rows) else None

    def thinned(self, most: int) -> Columns:
        """At most ``most`` points, evenly chosen, the newest always among them."""
        rows = self._rows
        if len(rows) > most:
            last = len(rows) - 1
            rows = [rows[round(i * last / (most - 1))] for i in range(most)]
        return _columns(rows)

    def _forget_from(self, step: int) -> None:
        if self._rows and self._rows[-1][0] >= step:
            end = bisect_left(self._rows, step, key=lambda point: point[0])
            del self._rows[end:], self._numbers[end:]


def _number(value: Any) -> Any:
    """``value`` if it is a number JSON has a word for; whatever else stands in a damaged file is None."""
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _columns(rows: Sequence[tuple[Any, ...]]) -> Columns:
    return {name: [row[i] for row in rows] for i, name in enumerate(COLUMNS)}


class Markers:
    """Where a dial moved, one marker a drag: ``{"step", "images", "text", "drag"}``.

    A drag's marker stands where the drag began and names where it ended. ``config`` is the run's as created.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.newest = 0
        """The number of the last change; pages remember how far they have got."""
        self.rewritten = 0
        """How often some were taken back, by a run that went back to an earlier step."""
        self._records: list[Applied] = []
        self._start()

    def _start(self) -> None:
        self._values = self.config.model_dump()
        self._began: dict[str, Any] = {}
        self._found: dict[str, tuple[int, dict[str, Any]]] = {}

    def add(self, records: Sequence[Applied]) -> None:
        """Take in what was applied."""
        self._records += records
        if any(record.kind == "restore" for record in records):
            self._records = effective(self._records)
            self._start()
            self.rewritten += 1
            records = self._records
        for record in records:
            self._take(record)

    def after(self, number: int) -> list[dict[str, Any]]:
        """The markers that are new or have moved on since change ``number``; 0 for all."""
        return [marker for changed, marker in self._found.values() if changed > number]

    def _take(self, record: Applied) -> None:
        if record.kind == "restore":
            key, text = f"restore-{record.position}", f"back to step {record.step:,}"
        elif record.kind == "set" and record.name in self._values:
            name = str(record.name)
            key = f"{name}-{record.drag if record.drag is not None else f'at-{record.position}'}"
            began = _said(name, self._began.setdefault(key, self._values[name]))
            self._values[name] = record.value
            text = f"{WORDS.get(name, name)} {began}→{_said(name, record.value)}"
        else:
            return
        step = self._found[key][1]["step"] if key in self._found else record.step
        self.newest += 1
        images = step * self.config.batch_size
        self._found[key] = (self.newest, {"step": step, "images": images, "text": text, "drag": key})


def _said(name: str, value: Any) -> str:
    """A value as the dial shows it: off, .10, 0.001, 32."""
    if not value and name in CAN_BE_OFF:
        return "off"
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.2g}"
    if "e" not in text and 0 < value < 1:
        text = text.removeprefix("0")
        return text + "0" if len(text) == 2 else text
    return text
