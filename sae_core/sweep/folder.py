"""A sweep on the disk: ordinary runs, and beside them what ties them together.

    RUNS/.sweeps/<sweep>/
      sweep.json       the plan, written once: schema, created, plan
      trials.jsonl     append-only: {"trial", "values"} as soon as a trial is decided on, {"trial", "run"} when it has
                       a run; the last line of a trial counts. {"run", "reason"} says why a run was stopped
      lock             an OS lock of whoever drives the sweep
      table.csv, table.parquet     one row a finished trial
    RUNS/<sweep>-007/  the run of trial 7, like any other; results.json in it says that the trial is done, and how

So nothing is lost with whoever drives: a trial with results is done, one with a run goes on from its checkpoint, one
without begins.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import (
    LineWriter,
    RunError,
    RunWriteError,
    from_json,
    lock_of,
    read_lines,
    to_json,
    write_atomically,
    write_sentence,
)
from sae_core.runs.folder import Runs
from sae_core.sweep.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RESULTS", "SweepFolder", "Trial", "results_of", "sweeps"]

SCHEMA = 1
RESULTS = "results.json"
"""In a run's folder: what it came to, as ``train --json`` says it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One of a sweep's runs: the knobs it differs in, and its run where it has one."""

    index: int
    values: dict[str, Any]
    run: str | None = None


def results_of(path: Path) -> dict[str, Any] | None:
    """The results in a run's folder; None where it has none yet."""
    try:
        return from_json((path / RESULTS).read_bytes())
    except OSError:
        return None


class SweepFolder:
    """A sweep by its files.

    Raises:
        RunError: there is none of that name, it is damaged, or a newer Penstroke made it.
    """

    def __init__(self, runs: Runs, sweep_id: str) -> None:
        self.runs, self.id = runs, sweep_id
        self.path = runs.root / ".sweeps" / sweep_id
        self._lock: FileLock | None = None
        try:
            data = from_json((self.path / "sweep.json").read_bytes())
        except FileNotFoundError:
            raise RunError(f"There is no sweep {sweep_id!r} in {runs.root}.") from None
        except OSError as error:
            raise RunError(f"The sweep {sweep_id} cannot be read: {error.strerror or error}.") from None
        if data is None or not isinstance(data.get("schema"), int):
            raise RunError(f"The sweep {sweep_id} is damaged: its sweep.json is not readable.")
        if data["schema"] > SCHEMA:
            raise RunError(f"A newer Penstroke made the sweep {sweep_id}: update this one.")
        self.created = str(data.get("created", ""))
        self.plan = Plan.from_json(to_json(data.get("plan")).decode())

    @classmethod
    def begin(cls, runs: Runs, plan: Plan, name: str | None = None) -> Self:
        """The sweep of this plan: a new one, or the one that was begun before.

        Raises:
            RunError: another plan has that name, or it cannot be a name.
            RunWriteError: the folder cannot be written.
        """
        sweep_id = _id_of(name) if name is not None else f"sweep-{plan.digest}"
        path = runs.root / ".sweeps" / sweep_id
        if not (path / "sweep.json").exists():
            created = datetime.now().astimezone().isoformat(timespec="seconds")
            about = {"schema": SCHEMA, "created": created, "plan": from_json(plan.to_json().encode())}
            try:
                path.mkdir(parents=True, exist_ok=True)
                write_atomically(path / "sweep.json", to_json(about), sync=True)
            except OSError as error:
                raise RunWriteError(write_sentence(error, path / "sweep.json")) from error
        found = cls(runs, sweep_id)
        if found.plan != plan:
            raise RunError(f"There is another sweep {sweep_id!r}, with another plan: choose another name.")
        return found

    def hold(self) -> None:
        """Be the one who drives it.

        Raises:
            RunError: someone else does.
        """
        lock = lock_of(self.path / "lock")
        try:
            lock.acquire(timeout=1.0)
        except Timeout:
            raise RunError(f"The sweep {self.id} is already under way in another process.") from None
        except OSError as error:
            raise RunWriteError(write_sentence(error, self.path / "lock")) from error
        self._lock = lock

    def release(self) -> None:
        """Let someone else drive it."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def under_way(self) -> bool:
        """Whether someone drives it."""
        from sae_core.runs.files import is_locked

        return is_locked(self.path / "lock")

    def trials(self) -> list[Trial]:
        """Those decided on so far, in order."""
        values: dict[int, dict[str, Any]] = {}
        runs: dict[int, str] = {}
        for _, line in read_lines(self.path / "trials.jsonl")[0]:
            match from_json(line):
                case {"trial": int(index), "values": dict(chosen)}:
                    values[index] = chosen
                case {"trial": int(index), "run": str(run)}:
                    runs[index] = run
        return [Trial(index, values[index], runs.get(index)) for index in sorted(values)]

    def decide(self, trials: list[Trial]) -> None:
        """Write new trials down, before any is begun."""
        self._append([{"trial": trial.index, "values": trial.values} for trial in trials])

    def note(self, run_id: str, reason: str) -> None:
        """Write down why a run is being stopped."""
        self._append([{"run": run_id, "reason": reason}])

    def run_of(self, trial: Trial) -> RunDirectory:
        """The trial's run: the one it has, or a new one, not started.

        Raises:
            RunWriteError: it cannot be made.
        """
        config, name = self.plan.config(trial.values), f"{self.id}-{trial.index:03d}"
        for known in filter(None, (trial.run, name)):
            with suppress(RunError):  # deleted, or half made when its maker was killed: then it gets another
                run = self.runs.open(known)
                if run.config == config:
                    if trial.run != known:
                        self._append([{"trial": trial.index, "run": run.id}])
                    return run
        run = self.runs.create(config, name=name, origin="cli")
        self._append([{"trial": trial.index, "run": run.id}])
        return run

    def results(self) -> dict[int, dict[str, Any]]:
        """What the finished trials came to, by index."""
        reasons = self._reasons()
        found = {}
        for trial in self.trials():
            if trial.run is not None and (result := results_of(self.runs.root / trial.run)) is not None:
                why = {"reason": reasons[trial.run]} if trial.run in reasons else {}
                found[trial.index] = {**result, **why}
        return found

    def table(self) -> pd.DataFrame:
        """One row a finished trial: its index, the knobs the sweep varies, and all that ``train --json`` says."""
        import pandas as pd

        done = self.results()
        rows = [{"trial": t.index, **t.values, **done[t.index]} for t in self.trials() if t.index in done]
        return pd.DataFrame(rows)

    def write_table(self) -> pd.DataFrame:
        """Write table.csv and table.parquet, each in one move.

        Raises:
            RunWriteError: they cannot be written.
        """
        table = self.table()
        try:
            write_atomically(self.path / "table.csv", table.to_csv(index=False).encode())
            write_atomically(self.path / "table.parquet", table.to_parquet(index=False))
        except OSError as error:
            raise RunWriteError(write_sentence(error, self.path / "table.csv")) from error
        return table

    def _reasons(self) -> dict[str, str]:
        lines = (from_json(line) for _, line in read_lines(self.path / "trials.jsonl")[0])
        return {line["run"]: line["reason"] for line in lines if line and {"run", "reason"} <= line.keys()}

    def _append(self, records: list[dict[str, Any]]) -> None:
        path = self.path / "trials.jsonl"
        try:
            with LineWriter(path) as file:
                file.append(records)
                file.sync()
        except OSError as error:
            raise RunWriteError(write_sentence(error, path)) from error


def sweeps(runs: Runs) -> list[SweepFolder]:
    """All sweeps of a runs folder that can be read, newest first."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(runs.root / ".sweeps") as entries:
        for entry in entries:
            with suppress(RunError):
                found.append(SweepFolder(runs, entry.name))
    return sorted(found, key=lambda sweep: (sweep.created, sweep.id), reverse=True)


def _id_of(name: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip()).strip("-._")[:56].rstrip(".")
    if not stem:
        raise RunError(f"The name {name!r} leaves nothing for a sweep's name: use letters, digits, dots and dashes.")
    return stem
