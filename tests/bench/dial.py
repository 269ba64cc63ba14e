"""The Penalty path page in Chromium: from its button to the last point, and how fast its dial answers.

The times between points tell where a path's time goes; a move is timed from the slider's event to the picture that
shows it, and pictures are counted while the film plays.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from sae_core.runs import Runs
from sae_core.sweep.whole import WholePath, path_ids
from tests.browser.house import Dashboard, launch_chromium

__all__ = ["main"]

MOVES = """() => new Promise((done) => {
  const slider = document.querySelector(".pa-slider");
  const took = [];
  const next = (at) => {
    if (at > slider.max) return done(took);
    const began = performance.now();
    slider.value = at;
    slider.dispatchEvent(new Event("input"));
    requestAnimationFrame(() => setTimeout(() => { took.push(performance.now() - began); next(at + 0.13); }));
  };
  next(0);
})"""
"""Milliseconds of each of many moves, until the browser has drawn it."""

FRAMES = """(seconds) => new Promise((done) => {
  const canvas = document.querySelector(".pa-mosaic");
  const slider = document.querySelector(".pa-slider");
  let [pictures, before] = [0, slider.value];
  const began = performance.now();
  const look = () => {
    if (slider.value !== before) { pictures += 1; before = slider.value; }
    if (performance.now() - began > 1000 * seconds) done(pictures / seconds);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
"""Pictures a second while the film plays."""


def main(arguments: list[str]) -> int:
    """Print both."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench dial", description=__doc__)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--read", type=float, default=8.0, help="seconds that the page is looked at before the button")
    parser.add_argument("--most", type=float, default=150.0, help="seconds after which it is given up")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        house = Dashboard(Path(folder) / "runs").start()
        try:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.goto(f"{house.url}path")
            page.get_by_role("button", name="Train the path").wait_for(timeout=60_000)
            for label, value in (("Points", asked.points), ("Epochs each", asked.epochs)):
                page.get_by_label(label, exact=True).fill(f"{value:g}")
                page.keyboard.press("Enter")
            time.sleep(asked.read)
            _train(page, house, asked.most)
            _turn(page)
        finally:
            house.stop()
            browser.close()
    return 0


def _train(page: Page, house: Dashboard, most: float) -> None:
    runs = Runs(house.runs)
    page.get_by_role("button", name="Train the path").click()
    began = time.perf_counter()
    page.wait_for_selector(".pa-said", timeout=60_000)
    path = WholePath.open(runs.open(path_ids(runs)[0]))
    seen: set[tuple[str, int]] = set()
    while len(seen) < len(path.values) and time.perf_counter() - began < most:
        for run, point in path.points():
            if (run.id, point.step) not in seen:
                seen.add((run.id, point.step))
                at = time.perf_counter() - began
                print(f"{at:6.1f} s  {point.value:7.4g}  {point.seconds:5.1f} s of training", flush=True)
        time.sleep(0.3)
    page.wait_for_selector(".pa-do:not([hidden])", timeout=60_000)
    took = time.perf_counter() - began
    print(f"from the button to the last point on the page: {took:.1f} s (asked: 25 on two cores)")


def _turn(page: Page) -> None:
    page.wait_for_timeout(1500)
    moves = np.array(page.evaluate(MOVES))
    print(f"a move of the dial: {np.median(moves):.0f} ms, 95% {np.percentile(moves, 95):.0f}, worst {moves.max():.0f}")
    page.locator(".pa-play").click()
    print(f"while the film plays: {page.evaluate(FRAMES, 3):.0f} pictures/s (asked: 4)")
