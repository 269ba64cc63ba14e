"""Starting workers, each in a process of its own that outlives whoever started it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError, RunWriteError, from_json, write_sentence
from sae_core.runs.folder import Runs
from sae_core.runs.helper import start_helper
from sae_core.runs.worker.timing import Timing

__all__ = ["Launcher"]

TAKEOVER_TIME = 2.0
"""Seconds to wait for the worker of a run that is about to end; a cold start takes longer."""

LEFT_ALONE = 120.0
"""Seconds for which a run has the machine to itself at most, where that was asked for."""

ANSWER_TIME = 60.0
"""Seconds a worker has to say that it holds its run's lock; a cold start on a slow disk takes a few."""


class Launcher:
    """Starts workers for the runs of one folder, from a warm spare where there is one.

    A worker has no socket or handle of this process, is in a process group of its own (Ctrl-C does not reach it)
    and goes on when this process ends, however it ends; the spare ends with it. ``dataset`` is what the spare
    loads. Every method may be called from any thread.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        spare: bool = True,
        dataset: str = "mnist",
        timing: Timing | None = None,
        slots: int | None = None,
    ) -> None:
        self.runs = Runs(root)
        self._options = ["--timing", timing.to_json()] if timing is not None else []
        self._options += ["--slots", str(slots)] if slots is not None else []
        self._timing = timing or Timing()
        self._wants_spare, self._dataset = spare, dataset
        self._changed = threading.Condition()
        self._spares: list[_Process] = []
        self._busy: dict[_Process, str] = {}
        """Workers and their runs."""
        self._closed = False
        if spare:
            self._prepare_spare()

    def start(self, run_id: str, *, after: str | None = None, alone: bool = False) -> None:
        """Give the run a worker, and return once it holds the run's lock. What the run then does, its events say.

        ``after`` is a run that is about to end, whose worker may take this one over. While a run that shall be left
        ``alone`` trains, no new spare warms up: its own worker is the next one.

        Raises:
            RunError: there is no such run, or it has a worker already; or the worker could not start.
        """
        run = self.runs.open(run_id)
        if run.alive():
            raise RunError(f"The run {run.id} already has a worker, which goes on with it.")
        process = self._take_spare(after)
        if process is None or not process.assign(run.id):
            process = self._spawn(["--run", run.id], run.path / "worker.log")
        with self._changed:
            self._busy[process] = run.id
        answer = process.answer()
        if "error" in answer:
            process.close_orders()
            self._replace_spare()
            raise RunError(str(answer["error"]))
        threading.Thread(target=self._replace_spare, args=(run, alone), name="spare", daemon=True).start()

    def resume(self, run_id: str) -> None:
        """`start`: a run goes on from its newest checkpoint."""
        self.start(run_id)

    def prepare(self, count: int) -> None:
        """See that so many spares are there or on their way, for who is about to start several runs at once."""
        for _ in range(count):
            self._prepare_spare(count)

    def close(self) -> None:
        """Let the spares go; workers go on, and end with their runs."""
        with self._changed:
            spares, self._spares, self._closed = self._spares, [], True
            busy = list(self._busy)
        for process in busy:
            process.close_orders()
        for spare in spares:
            spare.dismiss()

    def _take_spare(self, after: str | None) -> _Process | None:
        """A spare; where none is warm yet, the worker of ``after`` as soon as that is free."""

        def settled() -> bool:
            return any(spare.warm for spare in self._spares) or after not in self._busy.values()

        with self._changed:
            self._changed.wait_for(settled, timeout=TAKEOVER_TIME)
            self._spares.sort(key=lambda spare: not spare.warm)
            return self._spares.pop(0) if self._spares else None

    def _freed(self, process: _Process) -> None:
        """A worker's run has ended well: it is the spare, in place of one still warming up, or one too many."""
        with self._changed:
            self._busy.pop(process, None)
            surplus: _Process | None = process
            if self._wants_spare and not self._closed and not any(spare.warm for spare in self._spares):
                surplus = self._spares.pop() if self._spares else None
                self._spares.append(process)
            self._changed.notify_all()
        if surplus is not None:
            surplus.close_orders()

    def _warmed(self) -> None:
        """The spare has become warm, unless it has been given a run meanwhile."""
        with self._changed:
            self._changed.notify_all()

    def _ended(self, process: _Process) -> None:
        with self._changed:
            self._busy.pop(process, None)
            if process in self._spares:
                self._spares.remove(process)
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _replace_spare(self, busy: RunDirectory | None = None, alone: bool = False) -> None:
        """A new spare: when the run just started has had its first seconds, which everyone watches, to itself."""
        deadline = time.monotonic() + (LEFT_ALONE if alone else self._timing.spare_after)
        while busy is not None and time.monotonic() < deadline and not self._closed and busy.alive():
            time.sleep(0.25)
        self._prepare_spare()

    def _prepare_spare(self, count: int = 1) -> None:
        with self._changed, suppress(RunError):
            if self._wants_spare and not self._closed and len(self._spares) < count:
                self._spares.append(self._spawn(["--spare", self._dataset], self.runs.root / ".slots" / "spare.log"))

    def _spawn(self, which: list[str], log: Path) -> _Process:
        arguments = ["--root", str(self.runs.root), *which, *self._options]
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            return _Process(arguments, log, self._warmed, self._freed, self._ended)
        except OSError as error:
            raise RunWriteError(write_sentence(error, log)) from error


class _Process:
    """A worker as its starter sees it: a line to tell it its run, a line of answer, a line when it is free again."""

    def __init__(
        self,
        arguments: list[str],
        log: Path,
        on_warm: Callable[[], None],
        on_free: Callable[[_Process], None],
        on_end: Callable[[_Process], None],
    ) -> None:
        with log.open("ab") as errors:
            self._popen = start_helper("sae_core.runs.worker", arguments, errors)
        self._log, self._on_warm, self._on_free, self._on_end = log, on_warm, on_free, on_end
        self.warm = False
        """Whether it has torch and images at hand."""
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="worker", daemon=True).start()

    def _listen(self) -> None:
        """Read what it says until it ends, and see it off, so that no dead process is left behind."""
        assert self._popen.stdout is not None
        with self._popen.stdout as stdout:
            for line in stdout:
                match from_json(line.strip()):
                    case {"warm": True}:
                        self.warm = True
                        self._on_warm()
                    case {"free": True}:
                        self.warm = True
                        self._on_free(self)
                    case _:
                        self._answers.put(line)
        self._answers.put(b"")
        self.close_orders()
        self._popen.wait()
        self._on_end(self)

    def assign(self, run_id: str) -> bool:
        """Tell a spare its run; False where it is no longer there."""
        if self._popen.poll() is not None:
            return False
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(run_id.encode() + b"\n")
            self._popen.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def answer(self) -> dict[str, Any]:
        """What it says to its run."""
        try:
            line = self._answers.get(timeout=ANSWER_TIME)
            answer = json.loads(line)
        except (queue.Empty, ValueError):
            answer = {"error": f"The worker did not start; {self._log} says why."}
        return answer if isinstance(answer, dict) else {}

    def dismiss(self) -> None:
        """Let a spare go, and see it off."""
        self.close_orders()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=5.0)
            return
        self._popen.kill()

    def close_orders(self) -> None:
        """It shall have no other run; what it has, it ends."""
        assert self._popen.stdin is not None
        with suppress(OSError):
            self._popen.stdin.close()
