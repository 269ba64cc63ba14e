"""A worker in a process of its own: ``python -m sae_core.runs.worker --root RUNS (--run ID | --spare)``.

It answers on stdout with lines of JSON: ``{"ok": true}`` once it holds its run's lock, or ``{"error": sentence}``, and
``{"free": true}`` when it is warm and could take a run, or the next. It then waits on stdin for a line with the id of
that run, and ends when stdin does: with whoever started it. A spare begins by waiting, having imported torch, loaded
the default data set and trained a few steps of nobody's. What a run prints goes to its worker.log.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from sae_core import kernels
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.worker.timing import Timing
from sae_core.runs.worker.work import holding, load_kept, work_holding

__all__ = ["main"]

IDLE = 3.0
"""Seconds that a spare, once warm, leaves to whoever presses Play at once."""

LOG_LIMIT = 262_144
"""Bytes of worker.log that a new worker keeps at most, the newest."""


def main(arguments: list[str] | None = None) -> int:
    """Work on one run after another; returns the exit status: 0 when the last ended as it should, 1 when not."""
    asked = _parse(arguments)
    starter, run_id = Starter(), asked.run
    if asked.spare:
        _warm_up(asked.spare)
        starter.say({"warm": True})
    while run_id := run_id or _wait(starter):
        try:
            run = Runs(asked.root).open(run_id)
            with holding(run, asked.timing):
                starter.say({"ok": True})
                _write_to(run.path / "worker.log")
                status = _work(run, asked.timing, asked.slots)
            _write_to(Path(os.devnull))
            if status is not None:
                return status
            starter.say({"free": True})
        except (ValueError, OSError) as error:
            starter.say({"error": str(error)})
            if asked.run:
                return 1
        run_id = None
    return 0


def _wait(starter: Starter) -> str:
    """The id of the next run; who waits for long has the time to load what only a wide one needs."""
    idle = threading.Timer(IDLE, _load_more)
    idle.daemon = True
    idle.start()
    try:
        return starter.next_run()
    finally:
        idle.cancel()


def _load_more() -> None:
    """First what the default precision needs."""
    from sae_core.training.device import cpu_has_bfloat16

    kernels.prepare(low=False)
    if cpu_has_bfloat16():
        kernels.prepare(low=True)


class Starter:
    """Whoever started this process, at the other end of its first stdin and stdout."""

    def __init__(self) -> None:
        self._orders = os.fdopen(os.dup(0), "rb")
        self._answers = os.dup(1)

    def next_run(self) -> str:
        """The id of the next run; empty when there will be none."""
        return self._orders.readline().decode("utf-8", "replace").strip()

    def say(self, message: dict[str, Any]) -> None:
        """One line; whoever started us may be gone, and the run goes on."""
        with suppress(OSError):
            os.write(self._answers, json.dumps(message).encode() + b"\n")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sae_core.runs.worker")
    parser.add_argument("--root", type=Path, required=True, help="the runs folder")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", help="the run's id")
    which.add_argument("--spare", metavar="DATASET", help="load this data set and wait for a run")
    parser.add_argument("--timing", type=Timing.from_json, default=Timing(), help="JSON of Timing")
    parser.add_argument("--slots", type=int, default=None, help="how many workers may train at once")
    return parser.parse_args(arguments)


def _work(run: RunDirectory, timing: Timing, slots: int | None) -> int | None:
    """None when the process is fit for another run; else its exit status."""
    interrupted = threading.Event()
    try:
        work_holding(run, timing=timing, slots=slots, interrupted=interrupted)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - its status says it in a sentence, its log in full
        traceback.print_exc()
        sys.stderr.flush()
        return 1  # whatever went wrong in this process, no other run shall meet it
    return 0 if interrupted.is_set() else None


def _warm_up(dataset: str) -> None:
    """What a first step would wait for: torch, the images, and torch's own first uses."""
    from sae_core.config import Config
    from sae_core.train import Action, Sketch, Step, Want, stream

    with suppress(ValueError, OSError):  # no spare is worse than a cold one: the run itself will say what is wrong
        actions: list[Action] = [Step(), Step(), Want.ROW, Want.SKETCH, Want.CENSUS, Want.CHECKPOINT]
        for message in stream(Config(dataset=dataset, threads=1), load_kept(dataset), actions):
            if isinstance(message, Sketch):
                message.frame()


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
