"""Probes under way: each in a process of its own, so that no page waits and the server needs neither torch nor time."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import from_json
from sae_core.runs.helper import start_helper

__all__ = ["Probing", "probing", "start_probing"]


@dataclass(slots=True)
class Probing:
    """One probe's progress, read by pages while its process writes."""

    done: int = 0
    total: int = 0
    what: str = "starting"
    error: str = ""
    """Why it failed, in one sentence."""
    running: bool = True

    @property
    def share(self) -> float:
        """Of 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


Task = Literal["probe", "curve"]
"""The whole probe of the newest step, or a light one of every kept step."""

_all: dict[tuple[Path, Task], Probing] = {}
_lock = threading.Lock()


def probing(run: RunDirectory, task: Task = "probe") -> Probing | None:
    """The run's probe under way, or the last one; None where this server has started none."""
    return _all.get((run.path, task))


def start_probing(run: RunDirectory, task: Task = "probe") -> Probing:
    """Start it, unless one is under way."""
    with _lock:
        known = _all.get((run.path, task))
        if known is not None and known.running:
            return known
        found = _all[run.path, task] = Probing()
    try:
        process = _process(run.path, task)
    except OSError as problem:
        found.error, found.running = f"The probe could not be started: {problem.strerror or problem}.", False
    else:
        threading.Thread(target=_follow, args=(process, found), name="probing", daemon=True).start()
    return found


def _process(path: Path, task: Task) -> subprocess.Popen[bytes]:
    threads = str(max(1, (os.cpu_count() or 2) - 1))  # pages and training go on beside it
    limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    return start_helper("sae_core.probe.work", [str(path), task], subprocess.DEVNULL, limits)


def _follow(process: subprocess.Popen[bytes], found: Probing) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    finished = False
    with process.stdout as lines, process.stdin:
        for line in lines:
            said = from_json(line) or {}
            finished = finished or bool(said.get("finished"))
            found.error = str(said.get("error", found.error))
            if "what" in said:
                found.done, found.total, found.what = int(said["done"]), int(said["total"]), str(said["what"])
    process.wait()
    if not finished and not found.error:
        found.error = "The probe ended before it had finished: start it again."
    found.running = False
