"""The lens as everyone but its helper sees it (the package's docstring says what it is for); no torch here."""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from sae_core.lens.answers import Answer, Encoding, LatentCensus, LensError
from sae_core.lens.pipes import receive, send
from sae_core.runs.files import to_json
from sae_core.runs.folder import Runs
from sae_core.runs.helper import start_helper
from sae_core.tensorfile import Arrays

__all__ = ["Lens"]

PATIENCE = 120.0
"""Seconds for an answer, the helper's start included: a data set may first have to be read."""

KEPT = 24
"""Answers in memory: a census of 1,024 latents is a megabyte."""

Key = tuple[Any, ...]


class Lens:
    """Answers questions about the runs of one folder. Starts its helper at the first question, again if it dies."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.runs = Runs(root)
        self._lock = threading.Lock()
        self._helper: _Helper | None = None
        self._kept: OrderedDict[Key, Future[Answer]] = OrderedDict()
        self._closed = False

    def warm(self) -> None:
        """Start the helper, without waiting for it."""
        with suppress(LensError):
            self._living()

    def encode(self, run: str, x: NDArray[np.floating[Any]], step: int | None = None) -> Encoding:
        """Codes and reconstructions of images ``x`` (n, n_pixels) in [0, 1].

        Raises:
            LensError: there is no such run or snapshot, or the images do not fit it.
        """
        arrays = {"x": np.ascontiguousarray(x, dtype=np.float32)}
        return Encoding.from_answer(self.ask("encode", run, step=step, arrays=arrays))

    def census(self, run: str, step: int | None = None) -> LatentCensus:
        """Every latent over the test set.

        Raises:
            LensError: there is no such run or snapshot, or its data set cannot be had.
        """
        return LatentCensus.from_answer(self.ask("census", run, step=step))

    def ask(
        self,
        question: str,
        run: str,
        *,
        step: int | None = None,
        arrays: Arrays | None = None,
        timeout: float = PATIENCE,
        **arguments: Any,
    ) -> Answer:
        """The answer to any of `questions.QUESTIONS`; ``arguments`` are JSON. Without arrays it is kept.

        Raises:
            LensError: it cannot be answered.
        """
        future = self.begin(question, run, step=step, arrays=arrays, **arguments)
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            raise LensError(f"The helper has not answered within {timeout:.0f} seconds; ask again.") from None

    def begin(
        self, question: str, run: str, *, step: int | None = None, arrays: Arrays | None = None, **arguments: Any
    ) -> Future[Answer]:
        """`ask`, without waiting for the answer.

        Raises:
            LensError, RunError: there is no such run, or no helper.
        """
        about = {"question": question, "run": run, "step": step, "arguments": arguments}
        if arrays is not None:
            return self._ask(about, arrays)
        key = (to_json(about), *self._stamp(run, step, question))
        with self._lock:
            future = self._kept.get(key)
            if future is None:
                future = self._kept[key] = self._ask_locked(about, {})
                future.add_done_callback(lambda done: self._kept.pop(key, None) if done.exception() else None)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return future

    def kept(self, question: str, run: str, *, step: int | None = None, **arguments: Any) -> Future[Answer] | None:
        """The answer if it has been asked for; None, and nothing is begun, where it has not."""
        about = {"question": question, "run": run, "step": step, "arguments": arguments}
        return self._kept.get((to_json(about), *self._stamp(run, step, question)))

    def close(self) -> None:
        """Let the helper go."""
        with self._lock:
            self._closed = True
            helper, self._helper = self._helper, None
        if helper is not None:
            helper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, about: dict[str, Any], arrays: Arrays) -> Future[Answer]:
        with self._lock:
            return self._ask_locked(about, arrays)

    def _ask_locked(self, about: dict[str, Any], arrays: Arrays) -> Future[Answer]:
        try:
            return self._living_locked().ask(about, arrays)
        except OSError:  # it died since it was last looked at: once more, with a fresh one
            self._helper = None
            return self._living_locked().ask(about, arrays)

    def _living(self) -> _Helper:
        with self._lock:
            return self._living_locked()

    def _living_locked(self) -> _Helper:
        if self._closed:
            raise LensError("The server is ending.")
        if self._helper is None or not self._helper.alive:
            self._helper = _Helper(self.runs.root)
        return self._helper

    def _stamp(self, run: str, step: int | None, question: str) -> tuple[Any, ...]:
        """What a kept answer rests on: the snapshot file, and whatever else the question looks at."""
        path = self.runs.open(run).path
        name = "snapshot.safetensors" if step is None else f"history/snapshot-{step:012d}.safetensors"
        stamps: list[int] = []
        for file in (path / name, *(path / more for more in RESTS_ON.get(question, ()))):
            with suppress(OSError):
                stat = file.stat()
                stamps += [stat.st_mtime_ns, stat.st_size]
        return tuple(stamps)


RESTS_ON = {"life": ("history",), "survey": ("probe.safetensors",), "worth": ("probe.safetensors",)}
"""What of a run's folder a question's answer rests on beside the snapshot."""


class _Helper:
    """The process, and the questions it has not answered yet."""

    def __init__(self, root: Path) -> None:
        log = root / ".slots" / "lens.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as errors:
                self._popen = start_helper("sae_core.lens", ["--root", str(root)], errors)
        except OSError as error:
            raise LensError(f"The helper could not be started: {error.strerror or error}.") from error
        self._log = log
        self._numbers = itertools.count(1)
        self._open: dict[int, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._ended = False
        threading.Thread(target=self._listen, name="lens", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it takes questions."""
        return not self._ended and self._popen.poll() is None

    def ask(self, about: dict[str, Any], arrays: Arrays) -> Future[Answer]:
        """Its answer, when it comes.

        Raises:
            OSError: it is no longer there.
        """
        assert self._popen.stdin is not None
        future: Future[Answer] = Future()
        with self._lock:
            if self._ended:
                raise BrokenPipeError
            number = next(self._numbers)
            self._open[number] = future
            try:
                send(_binary(self._popen.stdin), {"id": number, **about}, arrays)
            except (OSError, ValueError):
                del self._open[number]
                raise BrokenPipeError from None
        return future

    def close(self) -> None:
        """Let it end."""
        assert self._popen.stdin is not None
        with suppress(OSError):
            self._popen.stdin.close()

    def _listen(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as stdout:
            while (message := receive(_binary(stdout))) is not None:
                about, arrays = message
                with self._lock:
                    future = self._open.pop(about.get("id", 0), None)
                if future is not None:
                    _settle(future, about, arrays)
        with self._lock:
            self._ended = True
            left, self._open = list(self._open.values()), {}
        self.close()
        self._popen.wait()
        for future in left:
            with suppress(InvalidStateError):
                future.set_exception(LensError(f"The helper ended before it had answered; {self._log} says why."))


def _settle(future: Future[Answer], about: dict[str, Any], arrays: Arrays) -> None:
    with suppress(InvalidStateError):
        if "error" in about:
            future.set_exception(LensError(str(about["error"])))
        else:
            future.set_result(Answer(arrays, about.get("values", {})))


def _binary(stream: Any) -> BinaryIO:
    binary: BinaryIO = stream
    return binary
