"""A small data set, runs on it, and workers on those: in a thread, or in a process that can be killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sae_core.config import Config
from sae_core.data import Images, planted_images
from sae_core.runs import RunDirectory, Runs, Status, work
from tests.runs.small_worker import QUICK, SIZE


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true value of ``condition``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)
    return value


class Worker(threading.Thread):
    """`work` in a thread of this process; stopped when the test ends."""

    def __init__(self, run: RunDirectory, **options: Any) -> None:
        super().__init__(daemon=True)
        self.run_directory, self.options = run, {"timing": QUICK, "slots": 64, **options}
        self.status: Status | None = None
        self.error: BaseException | None = None
        self._asked_before = len(run.events()[0])
        self.start()

    def run(self) -> None:
        try:
            self.status = work(self.run_directory, **self.options)
        except BaseException as error:  # noqa: BLE001 - told by `end`
            self.error = error

    def end(self) -> Status:
        """Wait for it to end by itself."""
        self.join(60)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        assert self.status is not None
        return self.status

    def stop(self) -> Status:
        """Have it end, once it has been told to play: the other way round it would go on playing."""
        if self.options.get("play", True):
            eventually(lambda: not self.is_alive() or len(self.run_directory.events()[0]) > self._asked_before)
        self.run_directory.append_event("stop")
        return self.end()


@pytest.fixture(scope="session")
def images() -> Images:
    """2,048 pictures of 16 x 16 made of 16 strokes."""
    return planted_images(**SIZE)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An empty runs folder."""
    return Runs(tmp_path / "runs")


@pytest.fixture
def make(runs: Runs) -> Callable[..., RunDirectory]:
    """Make a small run: 32 latents, batches of 32, one thread."""

    def make(origin: str = "cli", name: str | None = None, **knobs: Any) -> RunDirectory:
        config = Config(**{"dataset": "planted", "n_latents": 32, "batch_size": 32, "threads": 1, **knobs})
        return runs.create(config, name=name, origin=origin)  # type: ignore[arg-type]  # a literal

    return make


@pytest.fixture
def working(images: Images) -> Iterator[Callable[..., Worker]]:
    """Start a worker in a thread."""
    workers: list[Worker] = []

    def start(run: RunDirectory, **options: Any) -> Worker:
        workers.append(Worker(run, images=images, **options))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.is_alive():
            worker.stop()


Spawn = Callable[[RunDirectory], "subprocess.Popen[bytes]"]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Start a worker in a process of its own."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(run: RunDirectory) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.runs.small_worker", str(run.path.parent), run.id]
        with (tmp_path / "workers.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=log, stderr=log)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
