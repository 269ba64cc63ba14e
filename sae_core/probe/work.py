"""``python -m sae_core.probe.work RUN_FOLDER [curve]``: probe a run for a page, in a process of its own.

With ``curve`` it is the light probe of every kept step that still lacks it, else the whole probe of the newest.
Says where it stands in lines of JSON, ``{"done", "total", "what"}``, at last ``{"finished": true}`` or
``{"error": one sentence}``. It ends when its stdin does: when the page's server has gone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

__all__ = ["main"]


def main(folder: str, what: str = "probe") -> int:
    """Probe, and say how it goes; returns the exit status."""
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    from sae_core.data import load_images
    from sae_core.probe.run import extend_curve, probe_run
    from sae_core.runs.directory import RunDirectory

    _say(done=0, total=0, what="reading the images")
    try:
        run = RunDirectory(Path(folder))
        images = load_images(run.config.dataset, download=False)
        work = extend_curve if what == "curve" else probe_run
        work(run, images, progress=lambda done, total, now: _say(done=done, total=total, what=now))
    except (ValueError, OSError) as problem:
        _say(error=str(problem))
        return 1
    _say(finished=True)
    return 0


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _end_with_the_server() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
