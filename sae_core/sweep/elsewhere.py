"""``python -m sae_core.sweep.elsewhere --root RUNS --sweep ID``: drive a sweep in a process of its own.

What the page starts. A file ``stop`` in the sweep's folder ends it, every trial's checkpoint saved.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from sae_core.runs.folder import Runs
from sae_core.sweep.drive import Outcome, drive, open_pool
from sae_core.sweep.folder import SweepFolder

__all__ = ["main", "stop_file"]


def stop_file(folder: SweepFolder) -> Path:
    """Whose being there ends whoever drives the sweep."""
    return folder.path / "stop"


def main(arguments: list[str] | None = None) -> int:
    """Drive it until it is done or to be stopped."""
    parser = argparse.ArgumentParser(prog="python -m sae_core.sweep.elsewhere")
    parser.add_argument("--root", required=True, help="the runs folder")
    parser.add_argument("--sweep", required=True)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--stop-hopeless", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        return _drive(SweepFolder(Runs(asked.root), asked.sweep), asked.workers, stop_hopeless=asked.stop_hopeless)
    except (ValueError, OSError) as error:  # the page shows the last line
        sys.stdout.write(f"{error}\n")
        return 1


def _drive(folder: SweepFolder, workers: int | None, *, stop_hopeless: bool) -> int:
    stop_file(folder).unlink(missing_ok=True)

    def look(_: Outcome) -> None:
        if stop_file(folder).exists():
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        outcome = drive(folder, open_pool(folder, workers), look, stop_hopeless=stop_hopeless)
        sys.stdout.writelines(f"{sentence}\n" for sentence in outcome.troubles)
    return 0


if __name__ == "__main__":
    sys.exit(main())
