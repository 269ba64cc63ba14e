"""A real server on a free port, runs written by stand-in workers, and pages that talk to both."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.sync.client import ClientConnection, connect

from sae_core.config import Config
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.frames import decode_frame

ROOT = Path(__file__).resolve().parents[2]
WRITER = Path(__file__).with_name("writer.py")


class Page:
    """One end of a socket, as a page would hold it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, t: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"t": t, **fields}))

    def hear(self, *kinds: str, timeout: float = 15) -> dict[str, Any]:
        """The next message of one of these kinds; a picture is of kind ``frame`` and is its own header."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                data = self.socket.recv(timeout=left)
            except TimeoutError:
                break
            message = json.loads(data) if isinstance(data, str) else {"t": "frame", **decode_frame(data)[0]}
            if message["t"] in kinds:
                return message
        raise AssertionError(f"nothing of {kinds} within {timeout} s")

    def hears_nothing(self, kind: str, seconds: float) -> bool:
        try:
            self.hear(kind, timeout=seconds)
        except AssertionError:
            return True
        return False

    def draw(self, n: int, timeout: float = 5) -> list[dict[str, Any]]:
        """Receive and acknowledge ``n`` pictures."""
        frames = []
        for _ in range(n):
            frames.append(self.hear("frame", timeout=timeout))
            self.say("ack", seq=frames[-1]["seq"])
        return frames


@dataclass
class Server:
    """A running server, and what it said at its start."""

    process: subprocess.Popen[str]
    runs: Runs
    about: dict[str, Any]
    sockets: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.about['port']}"

    @property
    def cookie(self) -> dict[str, str]:
        return {self.about["cookie"]: self.about["token"]}

    def open(self, *, steers: bool = True, origin: str | None = None, **options: Any) -> Page:
        headers = {"Cookie": f"{self.about['cookie']}={self.about['token']}"} if steers else {}
        uri = f"ws://localhost:{self.about['port']}/penstroke/live"
        options = {"origin": origin or self.url, "additional_headers": headers, "max_size": None, **options}
        return Page(self.sockets.enter_context(connect(uri, **options)))

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


def end_stand_ins(root: Path) -> None:
    """Kill the stand-in workers of a runs folder: they would go on pretending beside the tests that follow."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if str(WRITER) in words and any(Path(word).parent == root for word in words):
                process.kill()


@contextmanager
def serving(root: Path, *arguments: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.dashboard.serving", str(root), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        server = Server(process, Runs(root), json.loads(process.stdout.readline()))
        with server.sockets:
            yield server
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []:
            child.kill()
        end_stand_ins(root)  # those of a server that is gone by now have no parent any more
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of a module share."""
    with serving(tmp_path_factory.mktemp("runs")) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_stand_in_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        end_stand_ins(request.getfixturevalue("server").runs.root)


@pytest.fixture
def page(server: Server) -> Iterator[Page]:
    """A page that may steer."""
    page = server.open()
    yield page
    page.socket.close()


@dataclass
class Written:
    """A run that a stand-in worker writes."""

    run: RunDirectory
    process: subprocess.Popen[str]

    def play(self) -> None:
        self.run.append_event("play")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def writing(runs: Runs, *arguments: str, **knobs: Any) -> Iterator[Written]:
    run = runs.create(Config(**knobs))
    command = [sys.executable, str(WRITER), str(run.path), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield Written(run, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def written(server: Server) -> Iterator[Written]:
    """A run of the server's folder whose stand-in worker is training."""
    with writing(server.runs) as written:
        written.play()
        yield written
