"""Workers on this machine: `concurrent.futures` threads, each with a process that trains one trial after another."""

from __future__ import annotations

import queue
import subprocess
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sae_core.runs.files import RunError, from_json, to_json
from sae_core.runs.helper import start_helper

__all__ = ["LocalPool", "Pool", "WorkerLost"]


class WorkerLost(RunError):
    """The process, or the machine, that trained a run has gone; another may go on with it."""


class Pool(Protocol):
    """Whoever trains the trials: this machine's processes, or a cluster's."""

    size: int
    """How many trials are worth having under way."""

    def submit(self, run_id: str) -> Future[str]:
        """Have a run trained; the future is how it ended, or a `RunError`."""
        ...

    def close(self) -> None:
        """Interrupt what is under way, its checkpoints saved, and end the workers."""
        ...


class LocalPool:
    """``size`` worker processes on this machine, started as they are needed.

    The processes are not children of a fork and unpickle nothing: they are told ids on their stdin, and end, their
    checkpoint saved, when it closes.
    """

    def __init__(self, root: Path, size: int, *, accuracy: bool = False) -> None:
        self.size = size
        self._root, self._accuracy = root, accuracy
        self._threads = ThreadPoolExecutor(size, "trial")
        self._own = threading.local()
        self._processes: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._closed = False

    def submit(self, run_id: str) -> Future[str]:
        """Have a run trained by the next process that is free."""
        return self._threads.submit(self._train, run_id)

    def _train(self, run_id: str) -> str:
        if self._closed:
            return "paused"
        worker = getattr(self._own, "worker", None)
        if worker is None or not worker.alive:
            worker = self._own.worker = _Worker(self._root)
            self._processes.put(worker)
        answer = worker.ask({"run": run_id, "accuracy": self._accuracy})
        if answer is None:
            raise WorkerLost(f"The worker of {run_id} ended unexpectedly; {worker.log} may say why.")
        if "error" in answer:
            raise RunError(str(answer["error"]))
        return str(answer["ended"])

    def close(self) -> None:
        """Let every process save what it is at, and end."""
        self._closed = True
        workers = []
        with suppress(queue.Empty):
            while True:
                workers.append(self._processes.get_nowait())
        for worker in workers:
            worker.let_go()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in workers:
            worker.see_off()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Worker:
    """A process of `sae_core.sweep.trial`."""

    def __init__(self, root: Path) -> None:
        log = root / ".sweeps" / "worker.log"
        with log.open("ab") as errors:
            self._popen = start_helper("sae_core.sweep.trial", ["--root", str(root)], errors)
        self.log = log

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def ask(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """What it says to an order; None where it has gone."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        with suppress(OSError, ValueError):
            self._popen.stdin.write(to_json(order) + b"\n")
            self._popen.stdin.flush()
        answer = from_json(self._popen.stdout.readline())
        if answer is None:
            self.let_go()
            self._popen.wait()
        return answer

    def let_go(self) -> None:
        assert self._popen.stdin is not None
        with suppress(OSError):
            self._popen.stdin.close()

    def see_off(self) -> None:
        """Wait for its last checkpoint."""
        assert self._popen.stdout is not None
        try:
            self._popen.wait(timeout=30.0)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen.stdout.close()
