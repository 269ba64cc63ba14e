"""Beginning a path, or a run from one of its points, from the page: what takes long is done by other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from threading import Thread
from typing import Any

from dashboard.live import hub
from sae_core.config import Config
from sae_core.data import load_images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError, from_json
from sae_core.runs.folder import Runs
from sae_core.runs.launch import Launcher
from sae_core.sweep.path import begin_path

__all__ = ["fork_run", "paths", "start_path", "wake"]

PATIENCE = 120.0
"""Seconds a fork may take: importing torch, and replaying where the step is not kept."""


def paths(runs: Runs) -> list[str]:
    """The ids of the paths there are, newest first."""
    try:
        files = [(file.stat().st_mtime, file.parent.name) for file in runs.root.glob("*/path.json")]
    except OSError:
        return []
    return [run_id for _, run_id in sorted(files, reverse=True)]


def start_path(runs: Runs, values: Mapping[str, Any], points: int) -> RunDirectory:
    """A path, on its way. It may have every core: nothing else is to be watched meanwhile.

    Raises:
        ConfigError, DataError, RunError: it cannot be had, or no worker could be started.
    """
    config = Config(**{"threads": os.cpu_count() or 1, **values})
    run = begin_path(runs, config, points=points, n_images=len(load_images(config.dataset).train))
    wake(runs, run)
    return run


def wake(runs: Runs, run: RunDirectory) -> None:
    """Let a run play, with a worker if it has none. Starting one takes seconds, so nobody waits for it."""
    run.append_event("play", by="page")
    if run.alive():
        return
    server = hub.current()
    launcher = server.launcher if server is not None else None

    def start() -> None:
        try:
            (launcher or Launcher(runs.root, spare=False)).start(run.id)
        except (ValueError, OSError):
            return  # its status says why

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
