"""A real dashboard process and a real Chromium, as the browser tests, the benchmark and the screenshots use them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, Playwright

from sae_core.runs import Runs

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def chromium_path() -> str | None:
    """The installed browser, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def launch_chromium(playwright: Playwright) -> Browser:
    """Headless, offline-minded Chromium."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)


@dataclass
class Dashboard:
    """`python -m dashboard` in a process of its own, with its own runs folder."""

    runs: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)

    def start(self, *more: str) -> Dashboard:
        """Start it and wait until its page is served."""
        environment = {**os.environ, "PENSTROKE_RUNS": str(self.runs)}
        command = [sys.executable, "-m", "dashboard", "--port", str(self.port), "--no-open", *more]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        threading.Thread(target=self._listen, daemon=True).start()
        wait_until(self.answers, 30, f"the dashboard did not start; it said: {self.said}")
        return self

    def _listen(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self.said.append(line.rstrip())

    def answers(self) -> bool:
        """Whether the port takes connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=0.2):
            return True
        return False

    @property
    def url(self) -> str:
        """The page."""
        return f"http://localhost:{self.port}/"

    def interrupt(self) -> float:
        """Ctrl-C; returns the seconds until it was gone."""
        assert self.process is not None
        began = time.perf_counter()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=15)
        return time.perf_counter() - began

    def kill(self) -> None:
        """As a crash would."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)

    def stop_runs(self) -> None:
        """Stop every run and wait until their workers are gone."""
        alive = [run for run in Runs(self.runs).list() if run.alive()]
        for run in alive:
            run.append_event("stop")
        wait_until(lambda: not any(run.alive() for run in alive), 10, "a worker did not stop")

    def stop(self) -> None:
        """Ctrl-C, or a kill where that does not do."""
        if self.process and self.process.poll() is None:
            try:
                self.interrupt()
            except subprocess.TimeoutExpired:
                self.kill()


def wait_until(true: Callable[[], object], seconds: float, otherwise: str) -> float:
    """Wait for something to be true; returns how long that took, or fails with `otherwise`."""
    began = time.perf_counter()
    while not true():
        if time.perf_counter() - began > seconds:
            raise AssertionError(otherwise)
        time.sleep(0.02)
    return time.perf_counter() - began


class LivePage:
    """The Train page in a tab, read through what it shows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("request", lambda r: self.requests.append(r.url))
        page.on("websocket", lambda s: self.requests.append(s.url))

    def open(self, url: str) -> LivePage:
        """Go there and wait for the first picture."""
        self.page.goto(url)
        self.wait_for_picture()
        return self

    def wait_for_picture(self) -> None:
        """Until a picture has been drawn."""
        self.page.wait_for_function(
            "Number(document.querySelector('.ps-root')?.dataset.pictures ?? 0) > 0", timeout=20_000
        )

    def shown(self, name: str) -> str:
        """One of the live view's data attributes: pictures, step, run, state, fvu, l0, dead."""
        value = self.page.evaluate("name => document.querySelector('.ps-root')?.dataset[name] ?? ''", name)
        return str(value)

    def number(self, name: str) -> float:
        """The same as a number; 0 where nothing is shown yet."""
        return float(self.shown(name) or 0)

    @property
    def run(self) -> str:
        """The id of the run that is shown."""
        return self.shown("run")

    @property
    def address(self) -> str:
        """What stands in the address bar; asked of the page itself, since Playwright's own copy lags behind."""
        return str(self.page.evaluate("location.href"))

    def play(self) -> None:
        """Press Space, as the first line says."""
        self.page.keyboard.press("Space")

    def notice(self) -> str:
        """The line that says where things stand."""
        return self.page.locator(".ps-notice-text").inner_text()

    def foreign_requests(self) -> list[str]:
        """Requests that left this machine."""
        return [
            url
            for url in self.requests
            if not re.match(r"(https?|wss?)://(localhost|127\.0\.0\.1)[:/]|data:|blob:|about:", url)
        ]

    def drag_dial(self, start: float, end: float, seconds: float = 0.5) -> None:
        """Take the first dial's handle from one share of its track to another."""
        box = self.page.locator(".ps-track").first.bounding_box()
        assert box is not None
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], y)
        self.page.mouse.down()
        moves = max(2, int(seconds * 30))
        for i in range(1, moves + 1):
            self.page.mouse.move(box["x"] + (start + (end - start) * i / moves) * box["width"], y)
            time.sleep(seconds / moves)
        self.page.mouse.up()


def stroke_share(filters: np.ndarray, image_shape: tuple[int, int]) -> float:
    """Share of filters that are strokes rather than static: horizontal neighbours correlate above 0.3 (static: 0)."""
    pictures = filters.reshape(len(filters), *image_shape).astype(np.float64)
    if pictures.dtype != np.float64 or filters.dtype == np.uint8:
        pictures -= 128.0
    left, right = pictures[:, :, :-1].reshape(len(filters), -1), pictures[:, :, 1:].reshape(len(filters), -1)
    correlation = (left * right).sum(1) / np.maximum(np.sqrt((left**2).sum(1) * (right**2).sum(1)), 1e-12)
    return float((correlation > 0.3).mean())


def running(dashboard: Dashboard, *more: str) -> Iterator[Dashboard]:
    """A fixture's body: start, lend, stop."""
    dashboard.start(*more)
    try:
        yield dashboard
    finally:
        dashboard.stop()
