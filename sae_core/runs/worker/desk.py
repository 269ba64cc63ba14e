"""A worker's side of the run directory: its logs, its status, the controls that come in, and who watches."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sae_core.runs.directory import RunDirectory, State, Status, Weights, write_status
from sae_core.runs.events import Applied, EventReader, effective, read_applied
from sae_core.runs.files import LineWriter, sweep, to_json

__all__ = ["Desk", "Watch"]


class Desk:
    """The run's files as its worker writes them. Only whoever holds the run's lock may have one.

    Attributes:
        records: what has been applied and holds, in order.
        attempt: which worker of the run this is, from 1; going back to a checkpoint counts as another.
        status: what was last said.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        sweep(run.path)
        sweep(run.path / "history")
        self.log = LineWriter(run.path / "applied.jsonl")
        self._metrics = LineWriter(run.path / "metrics.jsonl")
        everything, _ = read_applied(run.path / "applied.jsonl")
        self.records = effective(everything)
        self.attempt = 1 + sum(record.kind in {"resume", "restore"} for record in everything)
        self.events = EventReader(run.path / "events.jsonl", everything[-1].offset if everything else 0)
        self.status = Status("starting")

    def record(self, *records: Applied) -> None:
        """Write down what takes effect, before it does: all records or none.

        Raises:
            OSError: the disk is full; none of them may take effect.
        """
        now = time.time()
        lines = [to_json(replace(record, time=now).record()) for record in records]
        positions = [self.log.size + sum(len(line) + 1 for line in lines[:i]) for i in range(len(lines))]
        self.log.append(replace(record, time=now).record() for record in records)
        self.records += [replace(record, position=at, time=now) for record, at in zip(records, positions, strict=True)]
        if any(record.kind == "restore" for record in records):
            self.records = effective(self.records)

    def own(self, kind: str, step: int, **fields: Any) -> Applied:
        """A record of the worker's own decision, which no event asked for."""
        return Applied(position=-1, step=step, kind=kind, offset=self.events.offset, **fields)

    def add_row(self, fields: Mapping[str, Any]) -> None:
        """Append a row of metrics."""
        self._metrics.append([{**fields, "attempt": self.attempt}])

    def say(self, state: State, reason: str = "", **fields: Any) -> None:
        """Say what the run is doing, unless that has been said already."""
        told = Status(state, reason, pid=os.getpid(), attempt=self.attempt, **fields)
        if told != replace(self.status, updated=0.0):
            self.status = replace(told, updated=time.time())
            write_status(self.run.path / "status.json", self.status)

    def close(self) -> None:
        """Let go of the files."""
        self.log.close()
        self._metrics.close()
        self.events.close()


class Watch:
    """The lease that watchers renew by touching a file; looked at a few times a second.

    Attributes:
        weights: the kind of filters they want to see.
        alone: seconds nobody has been watching; a sleeping laptop's sleep does not count.
    """

    def __init__(self, path: Path, lease: float, glance: float) -> None:
        self._path, self._lease, self._glance = path, lease, glance
        self.weights: Weights = "decoder"
        self.alone = 0.0
        self._seen: int | None = None
        self._until = self._looked = 0.0
        self._next = 0.0

    def grant(self, now: float) -> None:
        """Someone is certainly there: who asks for the ramp wants to see it."""
        self._until = max(self._until, now + self._lease)

    def fresh(self, now: float) -> bool:
        """Whether someone watches; ``now`` is of `time.perf_counter`."""
        if now >= self._next:
            self._next = now + self._glance
            self._look(now)
            self.alone = 0.0 if now < self._until else self.alone + min(now - self._looked, 1.0)
            self._looked = now
        return now < self._until

    def _look(self, now: float) -> None:
        """A lease counts from when the file is seen to change, so clocks need not agree; at first, by its age."""
        with suppress(OSError):
            changed = self._path.stat().st_mtime_ns
            if changed == self._seen:
                return
            age = 0.0 if self._seen is not None else max(0.0, time.time() - changed / 1e9)
            self._seen = changed
            self._until = max(self._until, now + self._lease - age)
            self.weights = "encoder" if self._path.read_bytes() == b"encoder" else "decoder"
