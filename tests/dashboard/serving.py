"""A real server in a process of its own, whose launcher starts stand-in workers (see `writer`).

``python serving.py RUNS [ARGUMENTS OF THE DASHBOARD]``
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from dashboard.binding import bind
from dashboard.server import serve
from sae_core.runs.directory import RunDirectory

WRITER = Path(__file__).with_name("writer.py")


class StandIns:
    """Does what a launcher does, with workers that train nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def start(self, run_id: str, *, after: str | None = None) -> None:
        run = RunDirectory(self.root / run_id)
        subprocess.Popen(
            [sys.executable, str(WRITER), str(run.path)], stdout=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 10
        while not run.alive() and time.monotonic() < deadline:
            time.sleep(0.01)

    resume = start

    def close(self) -> None:
        pass


def main(root: str, host: str = "localhost", port: str = "0", *names: str) -> None:
    bound = bind((host, *names), int(port), Path(root))
    about = {"port": bound.port, "token": bound.guard.token, "cookie": bound.guard.cookie, "url": bound.url}
    serve(
        bound,
        lambda: print(json.dumps(about), flush=True),
        lambda paused: print(json.dumps({"paused": paused}), flush=True),
        StandIns(Path(root)),  # type: ignore[arg-type]  # stands in for a Launcher
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
