"""Beginning a path, or a run from one of its points, from the page: what takes long is done by other processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import Any

from dashboard.live import hub
from sae_core.config import Config
from sae_core.data import DATASETS, load_images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError, from_json
from sae_core.runs.folder import Runs
from sae_core.runs.launch import Launcher
from sae_core.sweep.path import begin_path, with_defaults
from sae_core.sweep.whole import WholePath, path_ids

__all__ = ["fork_run", "go_on", "make_ready", "paths", "stands", "start_path", "wake"]

PATIENCE = 120.0
"""Seconds a fork may take: importing torch, and replaying where the step is not kept."""


STARTS_WITHIN = 20.0
"""Seconds after which a worker that has not begun will not."""

_woken: dict[Path, float] = {}
"""By run: when this server last asked for a worker."""


def paths(runs: Runs) -> list[str]:
    """The ids of the paths there are, newest first."""
    return path_ids(runs)


def make_ready() -> None:
    """Have a warm worker at hand for each half of a path, while its page is being read."""
    if (server := hub.current()) is not None and server.launcher is not None:
        launcher = server.launcher

        def prepare() -> None:
            launcher.prepare(2)
            _n_images("mnist")

        Thread(target=prepare, name="prepare", daemon=True).start()


def _n_images(dataset: str) -> int:
    """How many images there are to learn from; finding out takes half a second, so it is kept of named data sets."""
    return _of_named(dataset) if dataset in DATASETS else len(load_images(dataset).train)


@lru_cache(maxsize=8)
def _of_named(dataset: str) -> int:
    return len(load_images(dataset).train)


def start_path(runs: Runs, values: Mapping[str, Any], points: int) -> RunDirectory:
    """A path, on its way.

    Raises:
        ConfigError, DataError, RunError: it cannot be had, or no worker could be started.
    """
    config = Config(**with_defaults(values))
    run = begin_path(runs, config, points=points, n_images=_n_images(config.dataset))
    go_on(runs, run)
    return run


def go_on(runs: Runs, run: RunDirectory) -> None:
    """Let a path play on, both its halves. Starting workers takes seconds, so nobody waits for it."""
    for half in WholePath.open(run).unfinished:
        wake(runs, half, alone=True)


def stands(path: WholePath) -> bool:
    """Whether it was interrupted, and nobody is about to train it: a worker takes seconds to say its first word."""
    now = time.monotonic()
    return path.stands and not any(
        run.alive() or now - _woken.get(run.path, float("-inf")) < STARTS_WITHIN for run in path.unfinished
    )


def wake(runs: Runs, run: RunDirectory, *, alone: bool = False) -> None:
    """Let a run play, with a worker if it has none. Nobody waits for that either."""
    run.append_event("play", by="page")
    if run.alive():
        return
    server = hub.current()
    launcher = server.launcher if server is not None else None
    _woken[run.path] = time.monotonic()

    def start() -> None:
        try:
            (launcher or Launcher(runs.root, spare=False)).start(run.id, alone=alone)
        except (ValueError, OSError):
            _woken.pop(run.path, None)  # its status says why

    Thread(target=start, name="start", daemon=True).start()


def fork_run(runs: Runs, run_id: str, step: int, changes: Mapping[str, float]) -> str:
    """A fork of the run at that step, without an end, playing; returns its id.

    Raises:
        RunError: it cannot be had (a sentence).
    """
    command = [sys.executable, "-m", "sae_core.runs.fork", "--root", str(runs.root), "--run", run_id]
    command += ["--step", str(step), *(f"--set={name}={value!r}" for name, value in changes.items())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"The fork could not be made: {error}.") from None
    lines = done.stdout.splitlines()
    answer = from_json(lines[-1]) if lines else None
    if answer is None or "error" in answer:
        raise RunError(str(answer["error"]) if answer else "The fork could not be made: its process broke.")
    wake(runs, runs.open(answer["run"]))
    return str(answer["run"])
