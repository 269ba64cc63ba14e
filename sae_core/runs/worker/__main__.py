"""A worker in a process of its own: ``python -m sae_core.runs.worker --root RUNS (--run ID | --spare)``.

It answers on stdout with one line of JSON, ``{"ok": true}`` once it holds the run's lock or ``{"error": sentence}``,
and from then on writes to the run's worker.log alone. A spare imports torch, loads the default data set and trains a
few steps of nobody's, then waits on stdin for a line with the id of its run; when stdin ends first, so does it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.worker.timing import Timing
from sae_core.runs.worker.work import holding, work_holding

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["main"]

LOG_LIMIT = 262_144
"""Bytes of worker.log that a new worker keeps at most, the newest."""


def main(arguments: list[str] | None = None) -> int:
    """Run one worker; returns the exit status: 0 when the run ended as it should, 1 when not."""
    asked = _parse(arguments)
    runs, images = Runs(asked.root), None
    run_id = asked.run
    if asked.spare:
        images = _warm_up(asked.spare)
        run_id = sys.stdin.readline().strip()
        if not run_id:
            return 0
    try:
        run = runs.open(run_id)
        with holding(run, asked.timing):
            _answer({"ok": True})
            _write_to(run.path / "worker.log")
            at_hand = images if images is not None and images.name == run.config.dataset else None
            return _work(run, at_hand, asked.timing, asked.slots)
    except (ValueError, OSError) as error:
        _answer({"error": str(error)})
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sae_core.runs.worker")
    parser.add_argument("--root", type=Path, required=True, help="the runs folder")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", help="the run's id")
    which.add_argument("--spare", metavar="DATASET", help="load this data set and wait for a run")
    parser.add_argument("--timing", type=Timing.from_json, default=Timing(), help="JSON of Timing")
    parser.add_argument("--slots", type=int, default=None, help="how many workers may train at once")
    return parser.parse_args(arguments)


def _work(run: RunDirectory, images: Images | None, timing: Timing, slots: int | None) -> int:
    try:
        work_holding(run, images=images, timing=timing, slots=slots)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - its status says it in a sentence, its log in full
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


def _warm_up(dataset: str) -> Images | None:
    """What a first step would wait for: torch, the images, and torch's own first uses."""
    from sae_core.config import Config
    from sae_core.data import load_images
    from sae_core.train import Action, Step, Want, stream

    with suppress(ValueError, OSError):  # no spare is worse than a cold one: the run itself will say what is wrong
        images = load_images(dataset)
        actions: list[Action] = [Step(), Step(), Want.ROW, Want.FRAME, Want.CENSUS, Want.CHECKPOINT]
        for _ in stream(Config(dataset=dataset, threads=1), images, actions):
            pass
        return images
    return None


def _answer(message: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):  # whoever started us may be gone; the run goes on
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def _write_to(path: Path) -> None:
    """Let stdout and stderr, torch's included, end up in the run's log, cut to its newest part."""
    with suppress(OSError):
        if path.stat().st_size > LOG_LIMIT:
            path.write_bytes(path.read_bytes()[-LOG_LIMIT // 2 :])
    try:
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        log = os.open(os.devnull, os.O_WRONLY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(stream, number)
    os.close(log)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
