"""Penstroke's other processes: spawned, never forked, and spoken to through their stdin and stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import sae_core

__all__ = ["own_group", "start_helper"]


def start_helper(
    module: str, arguments: Sequence[str], errors: IO[bytes] | int, more: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """``python -m module arguments`` with this same Penstroke, wherever it was imported from; it ends when its stdin
    does, if it listens. ``errors`` is where it writes its stderr to; ``more`` goes into its environment.

    Raises:
        OSError: no process can be started.
    """
    package = str(Path(sae_core.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env={**os.environ, **(more or {}), "PYTHONPATH": path},
        close_fds=True,
        **own_group(),
    )


def own_group() -> dict[str, Any]:
    """What keeps this terminal's Ctrl-C, and on Windows a console window, away from a process."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}
