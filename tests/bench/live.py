"""The whole live path in one run: frames from the trainer, charts, census, sockets, a page in real Chromium.

Prints images/s headless, with the page, and with 16 further watchers between two windows of the page alone, in turn and
twice, so that a rate that drifts still gives honest ratios; then pictures/s, Play to first step, and drag to effect.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import websockets

from sae_core.runs import RunDirectory, Runs
from sae_core.runs.frame_file import FrameReader
from sae_core.runs.frames import decode_frame
from tests.bench.stages import print_stages
from tests.bench.tab import Chromium, Tab
from tests.browser.house import Dashboard, chromium_path, stroke_share, wait_until

SETTLE = 3.0
STEADY = 800
"""Steps after which the penalty has warmed up, few units are lit, and the rate no longer climbs."""


@dataclass
class Window:
    """What one stretch of time showed."""

    images_per_second: float
    pictures_per_second: float
    server_share: float
    worker_share: float
    browser_share: float


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench live")
    parser.add_argument("--latents", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each measured window")
    parser.add_argument("--watchers", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=0.0, help="afterwards, watch memory for this long")
    options = parser.parse_args(arguments)
    if chromium_path() is None:
        print("no Chromium is installed, so there is nothing to measure")
        return 1
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, Chromium(Path(folder)) as browser:
        live = browser.tab()
        began = time.perf_counter()
        house = Dashboard(Path(folder) / "runs").start()
        try:
            live.open(house.url)
            print(f"start to interactive page          {time.perf_counter() - began:8.2f} s  (asked: at most 5)")
            first_step(house, live, "at once, the server just started")
            house.stop_runs()
            live.open(f"{house.url}?n_latents={options.latents}")
            time.sleep(SETTLE)
            measure(house, browser, live, options)
            for method in ("l1", "kl"):
                birth(house, live, method)
        finally:
            house.stop()
    return 0


def measure(house: Dashboard, browser: Chromium, live: Tab, options: argparse.Namespace) -> None:
    """The table."""
    live.press("v")  # full speed
    run = first_step(house, live, "through the warm spare")
    wait_until(lambda: live.number("step") >= STEADY, 120, "training did not get far")
    bare: list[float] = []
    windows: dict[str, list[Window]] = {"headless": [], "page": [], "crowd": []}
    for _ in range(2):
        windows["page"].append(watch(house, browser, live, options.seconds))
        with Crowd(house, live.run, options.watchers) as crowd:
            windows["crowd"].append(watch(house, browser, live, options.seconds))
            rates = crowd.rates()
        time.sleep(1)
        windows["page"].append(watch(house, browser, live, options.seconds))
        live.goto("about:blank")
        time.sleep(SETTLE + 2)
        windows["headless"].append(watch(house, browser, None, options.seconds, run.id))
        bare.append(alone(run, options.seconds))
        windows["headless"].append(watch(house, browser, None, options.seconds, run.id))  # steps get faster in between
        live.open(f"{house.url}?run={run.id}")
        time.sleep(SETTLE)
    report(windows, bare, rates, options)
    print(f"drag to effect, median               {1000 * drag_delay(house, live):8.1f} ms (event to applied record)")
    print(f"ping over the same socket, median    {1000 * in_thread(ping(house)):8.1f} ms")
    print_stages(options.latents)
    if options.minutes:
        memory(house, browser, live, options.minutes)


def alone(run: RunDirectory, seconds: float) -> float:
    """Images a second of the run's trainer in a process without anything else, while the run is paused."""
    run.append_event("pause", by="script")
    wait_until(lambda: run.status().state == "paused", 20, "the run did not pause")
    command = [sys.executable, "-m", "tests.bench.bare", str(run.path), str(seconds)]
    rate = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    run.append_event("play", by="script")
    wait_until(lambda: run.status().state == "training", 20, "the run did not go on")
    return rate


def first_step(house: Dashboard, live: Tab, when: str) -> RunDirectory:
    """Press Play, and say how long the run's first step took, in the run and on the screen."""
    began = time.perf_counter()
    live.play()
    wait_until(lambda: live.number("step") >= 1, 30, "no first step was shown")
    shown = time.perf_counter() - began
    run = Runs(house.runs).open(live.run)
    first = next(a for a in run.applied()[0] if a.kind == "play")
    pressed = next(e for e in run.events()[0] if e.kind == "play")
    print(f"Play to first step, {when}: {first.time - pressed.time:.3f} s in the run, {shown:.3f} s on the screen")
    return run


def birth(house: Dashboard, live: Tab, method: str) -> None:
    """Seconds from Play, as anyone would press it on a fresh page, until filters are strokes and no longer static."""
    house.stop_runs()
    live.open(f"{house.url}?method={method}")
    time.sleep(SETTLE)
    began = time.perf_counter()
    live.play()
    wait_until(lambda: live.run, 20, "no run began")
    frames = Runs(house.runs).open(live.run).frames()
    print(f"\nPlay to strokes, {method}, 256 latents, the ramp's own speed")
    for share, words in ((0.1, "first"), (0.5, "most")):
        step = strokes_at(frames, share)
        print(f"  in {words:6} filters (over {share:.0%})   {time.perf_counter() - began:8.2f} s, at step {step}")
    frames.close()


def strokes_at(frames: FrameReader, share: float) -> int:
    """The step of the first picture in which more than a share of the filters are strokes."""
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        if payload := frames.read():
            header, arrays = decode_frame(payload)
            if stroke_share(arrays["filters"], header["image_shape"]) > share:
                return int(header["step"])
        time.sleep(0.02)
    raise AssertionError("no strokes appeared within a minute")


def report(
    windows: dict[str, list[Window]], bare: list[float], rates: list[float], options: argparse.Namespace
) -> None:
    """Figures, then the ratios that were asked for."""
    mean = {name: statistics.mean(w.images_per_second for w in found) for name, found in windows.items()}
    pictures = {name: statistics.mean(w.pictures_per_second for w in found) for name, found in windows.items()}
    print(f"\n{options.latents} latents, batch 256, one trainer thread unless the machine has more than two cores")
    print(f"{'':24}{'images/s':>12}{'pictures/s':>12}{'server':>10}{'worker':>10}{'Chromium':>10}")
    for name, label in (("headless", "nobody watching"), ("page", "one page"), ("crowd", f"page + {options.watchers}")):
        server = statistics.mean(w.server_share for w in windows[name])
        worker = statistics.mean(w.worker_share for w in windows[name])
        chromium = statistics.mean(w.browser_share for w in windows[name])
        print(f"{label:24}{mean[name]:12,.0f}{pictures[name]:12.1f}{server:10.0%}{worker:10.0%}{chromium:10.0%}")
    print(f"{'its trainer alone':24}{statistics.mean(bare):12,.0f}")
    print(
        f"\nnobody watching / trainer alone     {mean['headless'] / statistics.mean(bare):8.2f}  (asked: at least 0.95)"
    )
    print(f"page / nobody watching               {mean['page'] / mean['headless']:8.2f}  (asked: at least 0.60)")
    print(f"crowd / page                         {mean['crowd'] / mean['page']:8.2f}  (asked: at least 0.90)")
    print(f"pictures/s on the page               {pictures['page']:8.1f}  (asked: at least 15)")
    if rates:
        print(f"pictures/s of the watchers           {min(rates):8.1f} slowest, {statistics.median(rates):.1f} median")
        print("(one further watcher never answers, and holds nobody up)")


def watch(house: Dashboard, browser: Chromium, live: Tab | None, seconds: float, run: str = "") -> Window:
    """Rates over a stretch of time, from the run's own count of images and the clock beside it."""
    directory = Runs(house.runs).open(live.run if live else run)
    assert house.process is not None
    processes = [psutil.Process(house.process.pid), psutil.Process(directory.status().pid)]

    def reading() -> tuple[float, float, float, list[float]]:
        status = directory.status()
        pictures = live.number("pictures") if live else 0.0
        spent = [used(p) for p in processes]
        return status.updated, status.images, pictures, [*spent, sum(map(used, browser.processes()))]

    began, images, pictures, spent = reading()
    time.sleep(seconds)
    ended, images_now, pictures_now, spent_now = reading()
    shares = ((now - before) / seconds for now, before in zip(spent_now, spent, strict=True))
    return Window((images_now - images) / (ended - began), (pictures_now - pictures) / seconds, *shares)


def used(process: psutil.Process) -> float:
    """Seconds of processor time a process has had."""
    times = process.cpu_times()
    return float(times.user + times.system)


class Crowd:
    """Plain socket clients that watch a run; the last one never acknowledges anything."""

    def __init__(self, house: Dashboard, run: str, n: int) -> None:
        self.house, self.run, self.n = house, run, n
        self.counts = [0] * n

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.tasks = [asyncio.run_coroutine_threadsafe(self.watch(i), self.loop) for i in range(self.n)]
        time.sleep(1.5)
        self.began, self.start = time.time(), list(self.counts)
        return self

    def rates(self) -> list[float]:
        """Pictures a second of those that answer."""
        took = time.time() - self.began
        return [(now - before) / took for now, before in zip(self.counts[:-1], self.start[:-1], strict=True)]

    async def watch(self, i: int) -> None:
        async with connect(self.house) as socket:
            await socket.send(json.dumps({"t": "watch", "run": self.run, "weights": "decoder"}))
            async for message in socket:
                if isinstance(message, bytes):
                    self.counts[i] += 1
                    if i < self.n - 1:
                        length = int.from_bytes(message[4:8], "little")
                        await socket.send(json.dumps({"t": "ack", "seq": json.loads(message[8 : 8 + length])["seq"]}))

    def __exit__(self, *exception: object) -> None:
        for task in self.tasks:
            task.cancel()
        time.sleep(0.5)  # their sockets say goodbye
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=5)


def connect(house: Dashboard) -> websockets.connect:
    """A watcher's socket: right Origin, no cookie."""
    return websockets.connect(
        f"ws://localhost:{house.port}/penstroke/live", origin=f"http://localhost:{house.port}", max_size=None
    )


def drag_delay(house: Dashboard, live: Tab) -> float:
    """Median time from a dragged value's event to the record that it was applied."""
    live.play() if live.shown("state") != "training" else None
    live.drag_dial(0.5, 0.8, 2.0)
    time.sleep(0.5)
    run = Runs(house.runs).open(live.run)
    sent = {event.offset: event.time for event in run.events()[0] if event.kind == "set"}
    return statistics.median(a.time - sent[a.event] for a in run.applied()[0] if a.kind == "set")


def in_thread(coroutine: Coroutine[None, None, float]) -> float:
    """Run it beside Playwright, whose own event loop has this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def ping(house: Dashboard, n: int = 40) -> float:
    """Median round trip of a small message while frames are pushed."""
    times = []
    async with connect(house) as socket:
        for i in range(n):
            began = time.perf_counter()
            await socket.send(json.dumps({"t": "ping", "n": i}))
            while True:
                message = await socket.recv()
                if isinstance(message, str) and json.loads(message).get("t") == "pong":
                    break
            times.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)
    return statistics.median(times)


def memory(house: Dashboard, browser: Chromium, live: Tab, minutes: float) -> None:
    """Server, worker and browser memory each half minute of a live run."""
    assert house.process is not None
    server = psutil.Process(house.process.pid)
    worker = psutil.Process(Runs(house.runs).open(live.run).status().pid)
    print(f"\n{'minute':>8}{'server MB':>12}{'worker MB':>12}{'browser MB':>12}{'page heap MB':>14}{'DOM nodes':>12}")
    began = time.time()
    while (passed := time.time() - began) < 60 * minutes:
        heap, nodes = live.heap() / 1e6, live.evaluate("document.querySelectorAll('*').length")
        resident = [process.memory_info().rss / 1e6 for process in (server, worker)]
        chromium = sum(process.memory_full_info().pss for process in browser.processes()) / 1e6
        print(
            f"{passed / 60:8.1f}{resident[0]:12.0f}{resident[1]:12.0f}{chromium:12.0f}{heap:14.1f}{nodes:12d}",
            flush=True,
        )
        time.sleep(30)
