"""One trial, from wherever it stands to its results; and a process that does one trial after another.

``python -m sae_core.sweep.trial --root RUNS`` reads a line of JSON {"run", "accuracy"} from stdin, trains that run,
writes its results.json and answers {"ended": state} or {"error": sentence} on stdout. When its stdin closes, because
whoever started it is gone, however that came, it saves a checkpoint and ends.
"""

from __future__ import annotations

import _thread
import argparse
import os
import queue
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import from_json, to_json, write_atomically
from sae_core.runs.folder import Runs
from sae_core.runs.rows import finite
from sae_core.runs.worker.timing import Timing
from sae_core.sweep.folder import RESULTS, results_of

__all__ = ["TIMING", "finish_trial", "main"]

TIMING = Timing(unwatched_exit=0.0, patience=10.0)
"""A trial that pauses by itself has no one to wait for; one whose last worker has just died soon has its lock free."""


def finish_trial(root: Path | str, run_id: str, *, accuracy: bool = False, slots: int | None = None) -> str:
    """Train the run from wherever it stands, and write down what it came to; returns how it ended.

    ``finished``, ``stopped`` (as hopeless) and ``diverged`` are final; ``paused`` trials go on another time.

    Raises:
        RunError: another worker has the run; ValueError, OSError: it cannot start (a sentence).
    """
    from sae_core.runs.worker.work import load_kept, work

    run = Runs(root).open(run_id)
    if (known := results_of(run.path)) is not None:
        return str(known["state"])
    images = load_kept(run.config.dataset)
    status = run.status()
    if status.state not in {"finished", "stopped"}:
        status = work(run, images=images, timing=TIMING, slots=slots)
    state = "diverged" if status.state == "paused" and _diverged(run) else status.state
    if state != "paused":
        from sae_core.runs.results import results

        record = {**results(run, images), "state": state}
        if status.reason:
            record["reason"] = status.reason
        if accuracy:
            record["accuracy"] = _accuracy(run, images)
        data = to_json({name: finite(value) for name, value in record.items()})
        write_atomically(run.path / RESULTS, data, sync=True)
    return state


def _diverged(run: RunDirectory) -> bool:
    """Whether the run was taken back by its own worker, and has stood there since."""
    kinds = [record.kind for record in run.applied()[0] if record.kind in {"restore", "play", "set"}]
    return bool(kinds) and kinds[-1] == "restore"


def _accuracy(run: RunDirectory, images: Any) -> float:
    from sae_core.probe.light import light_accuracy
    from sae_core.runs.run import Run

    return light_accuracy(Run(run).model(), images)


def main(arguments: list[str] | None = None) -> int:
    """Do the trials that stdin names, until it closes."""
    parser = argparse.ArgumentParser(prog="python -m sae_core.sweep.trial")
    parser.add_argument("--root", type=Path, required=True, help="the runs folder")
    parser.add_argument("--slots", type=int, default=None, help="how many workers may train at once")
    asked = parser.parse_args(arguments)
    orders, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    _silence()
    desk = _Orders(orders)
    with suppress(KeyboardInterrupt):
        while (order := desk.take()) is not None:
            answer = _do(asked.root, order, asked.slots)
            desk.busy = False
            with suppress(OSError):
                os.write(answers, to_json(answer) + b"\n")
    return 0


class _Orders:
    """Lines of stdin as they come; when it closes in the middle of a trial, the trial is interrupted."""

    def __init__(self, stdin: Any) -> None:
        self._stdin = stdin
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.busy = False
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def _listen(self) -> None:
        for line in self._stdin:
            self._lines.put(line)
        self._lines.put(b"")
        if self.busy:
            _thread.interrupt_main()

    def take(self) -> dict[str, Any] | None:
        line = self._lines.get()
        self.busy = bool(line)
        return from_json(line) if line else None


def _do(root: Path, order: dict[str, Any], slots: int | None) -> dict[str, Any]:
    try:
        ended = finish_trial(root, str(order["run"]), accuracy=bool(order.get("accuracy")), slots=slots)
    except Exception as error:  # noqa: BLE001 - whoever drives the sweep hears it in a sentence
        traceback.print_exc()
        sentence = str(error).partition("\n")[0] or type(error).__name__
        return {"error": sentence}
    return {"ended": ended}


def _silence() -> None:
    """What torch may print belongs to nobody's conversation."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
