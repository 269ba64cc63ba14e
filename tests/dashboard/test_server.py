"""Starting and ending: the port, the folder, what is imported, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.__main__ import main
from dashboard.binding import DEFAULT_PORT, ServerError, bind
from tests.dashboard.conftest import ROOT, serving


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_a_port_that_was_asked_for_and_is_taken_is_said(
    taken: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence on stderr, and an exit status; no other port is taken behind one's back."""
    assert main(["--port", str(taken), "--runs", str(tmp_path), "--no-open"]) == 1
    assert capsys.readouterr().err == f"Port {taken} is taken; leave --port out and a free one is found.\n"


def test_without_a_port_the_next_free_one_is_found(tmp_path: Path) -> None:
    """Two servers beside each other, each with its own cookie."""
    first = bind(("localhost",), None, tmp_path)
    second = bind(("localhost",), None, tmp_path)
    try:
        assert second.port > first.port >= DEFAULT_PORT
        assert first.guard.cookie != second.guard.cookie
        assert first.url == f"http://localhost:{first.port}"
    finally:
        close(first.sockets + second.sockets)


def test_only_this_machine_is_listened_to(tmp_path: Path) -> None:
    """Unless a host is given, there is no socket on any other address."""
    bound = bind(("localhost",), None, tmp_path)
    try:
        assert {one.getsockname()[0] for one in bound.sockets} <= {"127.0.0.1", "::1"}
        assert not any(one.get_inheritable() for one in bound.sockets)
    finally:
        close(bound.sockets)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_ours_is_said(host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence that names it."""
    assert main(["--host", host, "--port", "0", "--runs", str(tmp_path), "--no-open"]) == 1
    said = capsys.readouterr().err
    assert repr(host) in said
    assert said.count("\n") == 1


def test_a_runs_folder_that_cannot_be_written_is_said_before_anything_starts(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="cannot be written"):
        bind(("localhost",), None, tmp_path / "file" / "runs")


@pytest.mark.parametrize("port", ["x", "-1", "65536"])
def test_a_port_that_is_none_is_said(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what a port is."""
    with pytest.raises(SystemExit):
        main(["--port", port])
    assert "65535" in capsys.readouterr().err


def test_the_server_draws_without_torch() -> None:
    """Importing all it needs, pages included, loads no torch: that would cost seconds at every start."""
    code = (
        "import sys, dashboard.server, dashboard.binding, dashboard.live.hub, dashboard.live.socket, "
        "dashboard.live.still, dashboard.figures, dashboard.views.train, sae_core.runs.launch\n"
        "sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to another process")
def test_ctrl_c_ends_it_within_two_seconds_whoever_is_connected(tmp_path: Path) -> None:
    """A page that watches, one that reads nothing, one that shook no hands: none of them is waited for.

    The run that was begun here is paused, not killed.
    """
    with serving(tmp_path) as server:
        page, sleeper = server.open(), server.open(max_queue=1, close_timeout=0.1)
        page.say("start", config={"n_latents": 4096})
        run = page.hear("run")["run"]
        page.draw(2)
        sleeper.say("watch", run=run)
        for n in range(20):
            sleeper.say("ack", seq=n)
            page.draw(1)
        with socket.create_connection(("127.0.0.1", server.about["port"])) as silent:
            silent.send(b"GET / HTTP/1.1\r\n")
            began = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            server.process.send_signal(signal.SIGINT)
            server.process.wait(10)
            took = time.monotonic() - began
        assert took < 2
        assert server.process.returncode == 0
        assert server.process.stdout is not None
        assert run in server.process.stdout.read()
        directory = server.runs.open(run)
        deadline = time.monotonic() + 3
        while directory.status().state != "paused" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert directory.status().state == "paused"
        directory.append_event("stop")


def test_a_restarted_server_finds_its_runs_and_knows_its_pages(tmp_path: Path) -> None:
    """The same folder, the same token, the same port: a page that connects again goes on as before."""
    with serving(tmp_path) as first:
        page = first.open()
        page.say("start", config={"n_latents": 16})
        run = page.hear("run")["run"]
        page.draw(2)
        about = first.about
        first.process.kill()
        first.process.wait()
        with serving(tmp_path, "localhost", str(about["port"])) as second:
            assert second.about == about
            page = second.open()
            assert page.hear("hello")["can_steer"] is True
            page.say("watch", run=run)
            assert page.hear("run")["status"]["state"] == "training", "a crash of the server leaves runs running"
            assert page.draw(3)[0]["step"] > 0
            page.say("control", run=run, do="stop")
            while page.hear("status")["state"] != "stopped":
                pass
