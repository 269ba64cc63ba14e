"""Sweeps driven by a process of their own, so that they outlive the page and the server that began them."""

from __future__ import annotations

import subprocess
import sys
import time

from sae_core.runs.files import RunWriteError, write_sentence
from sae_core.runs.helper import own_group
from sae_core.sweep.folder import SweepFolder

__all__ = ["asked_lately", "drive_elsewhere"]

STARTS_WITHIN = 60.0
"""Seconds after which a driver that has not taken the sweep up will not."""

_asked: dict[str, tuple[float, subprocess.Popen[bytes]]] = {}
"""By folder: when this server asked for it to be driven, and whom."""


def asked_lately(folder: SweepFolder) -> bool:
    """Whether this server has just started a driver that may still be on its way."""
    when, process = _asked.get(str(folder.path), (float("-inf"), None))
    return process is not None and process.poll() is None and time.monotonic() - when < STARTS_WITHIN


def drive_elsewhere(folder: SweepFolder, workers: int, *, stop_hopeless: bool = False) -> None:
    """Have a sweep driven, from wherever it stands, by ``python -m sae_core.sweep.elsewhere``.

    Raises:
        RunWriteError: its folder cannot be written.
    """
    command = [sys.executable, "-m", "sae_core.sweep.elsewhere", "--root", str(folder.runs.root), "--sweep", folder.id]
    command += ["--workers", str(workers), *(["--stop-hopeless"] if stop_hopeless else [])]
    log = folder.path / "drive.log"
    try:
        with log.open("wb") as said:
            driver = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, close_fds=True, **own_group()
            )
    except OSError as error:
        raise RunWriteError(write_sentence(error, log)) from error
    _asked[str(folder.path)] = (time.monotonic(), driver)
