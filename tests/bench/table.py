"""The Compare page with a thousand runs, in Chromium: until its table stands, and how it answers a hand.

The server has been up for a while, as when somebody comes from the Train page; its first reading of the folder is
counted in.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from sae_core import Config
from sae_core.runs import Runs
from sae_core.runs.rows import COLUMNS
from tests.browser.house import Dashboard, launch_chromium

__all__ = ["main"]

SCROLL = """(steps) => new Promise((done) => {
  const scroller = document.querySelector(".dvn-scroller");
  const took = [];
  const next = (left) => {
    if (!left) return done(took);
    const began = performance.now();
    scroller.scrollTop += 180;
    requestAnimationFrame(() => setTimeout(() => { took.push(performance.now() - began); next(left - 1); }));
  };
  next(steps);
})"""
"""Milliseconds of each step of scrolling, until it is drawn."""

DRAWN = "[...document.querySelectorAll('[role=gridcell]')].some((cell) => cell.textContent.startsWith('run-'))"
"""The table is a canvas; what it shows stands in its fallback content, which a reader of screens reads."""


def main(arguments: list[str]) -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench table", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder) / "runs"
        _fill(root, asked.runs)
        browser = launch_chromium(playwright)
        house = Dashboard(root).start()
        try:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.goto(f"{house.url}check")  # scripts compiled, Streamlit connected: somebody is at work elsewhere
            page.get_by_role("heading", name="Check my gradient").wait_for(timeout=60_000)
            page.wait_for_timeout(6000)
            for what in ("first", "again"):
                print(f"{what}: the table of {asked.runs:,} runs stands after {_open(page):.2f} s (asked: 2)")
                page.wait_for_timeout(1500)
            steps = np.array(page.evaluate(SCROLL, 40))
            print(f"a step of scrolling: {np.median(steps):.0f} ms, worst {steps.max():.0f}")
            print(f"a row ticked, until it is shown below the table: {_tick(page):.2f} s")
        finally:
            house.stop()
            browser.close()
    return 0


def _fill(root: Path, count: int) -> None:
    run = Runs(root).create(Config(threads=1), name="run-0")
    rows = [{**dict.fromkeys(COLUMNS, 1.0), "step": n, "fvu": 1 / (1 + n / 20), "attempt": 1} for n in range(200)]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for number in range(1, count):
        shutil.copytree(run.path, root / f"run-{number}")


def _open(page: Page) -> float:
    """From the click on the bar until the table has drawn its rows."""
    page.get_by_role("link", name="Sweeps").first.click()
    page.get_by_role("heading", name="Sweeps").wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    began = time.perf_counter()
    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("heading", name="Compare").wait_for(timeout=60_000)
    page.wait_for_function("document.querySelectorAll('[data-testid=stDataFrame] canvas').length > 0", timeout=60_000)
    page.wait_for_function(DRAWN, timeout=60_000)
    return time.perf_counter() - began


def _tick(page: Page) -> float:
    box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    assert box is not None
    began = time.perf_counter()
    page.mouse.click(box["x"] + 16, box["y"] + 36 + 31 + 15)
    page.get_by_text("FVU on training batches").wait_for(timeout=60_000)
    return time.perf_counter() - began
