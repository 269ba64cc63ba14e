"""How fast "Take apart" answers, in real Chromium: a handle's move, and a drawn digit's way to its code.

Prints medians and worst cases in milliseconds, for one width after the other, and beside them what a move costs the
page's thread in processor time, which a busy machine does not stretch. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.house import Dashboard, chromium_path, launch_chromium
from tests.browser.made import made_run, with_probe

MOVES = """async () => {
  const slider = document.querySelector('.pa-card input');
  const most = Number(slider.max);
  const frame = () => new Promise(requestAnimationFrame);
  const times = [];
  for (let i = 0; i < 60; i++) {
    await frame();
    const began = performance.now();
    slider.value = most * (0.5 + 0.45 * Math.sin(i));
    slider.dispatchEvent(new Event('input'));
    times.push(performance.now() - began);
  }
  return times;
}"""
"""From the move to the last picture put on its canvas."""

PEN_UP = """() => {
  const root = document.querySelector('.pa-root');
  const pad = document.querySelector('.pa-pad-canvas');
  root.dataset.image = '';
  pad.addEventListener('pointerup', () => { window.lifted = performance.now(); }, { capture: true, once: true });
  window.reached = new Promise(resolve => new MutationObserver(() => {
    if (window.lifted && root.dataset.image === 'your drawing') resolve(performance.now() - window.lifted);
  }).observe(root, { attributes: true }));
}"""

THREE = ((80, 70), (140, 45), (190, 75), (180, 115), (130, 135), (190, 160), (200, 205), (150, 240), (80, 220))
"""A 3, as points of the pad."""


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench apart")
    parser.add_argument("--latents", type=int, nargs="*", default=[256, 1024])
    options = parser.parse_args(arguments)
    if chromium_path() is None:
        print("no Chromium is installed, so there is nothing to measure")
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        for n in options.latents:
            with_probe(*made_run(root, f"wide-{n}", n_latents=n, steps=60))
        house = Dashboard(root).start()
        browser = launch_chromium(playwright)
        print(f"{'latents':>8} {'a handle, ms':>24} {'of the processor':>18} {'pen-up to code, ms':>24}")
        for n in options.latents:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.set_default_timeout(120_000)
            page.goto(f"{house.url}take-apart?run=wide-{n}")
            page.wait_for_function("Number(document.querySelector('.pa-root')?.dataset.decodes ?? 0) > 1")
            times, cost = moved(page)
            print(f"{n:>8} {summary(times):>24} {cost:>18.1f} {summary(drawn(page)):>24}", flush=True)
            page.close()
        browser.close()
        house.stop()
    return 0


def moved(page: Page) -> tuple[list[float], float]:
    """Sixty moves of the strongest unit's handle: how long each took, and the thread's own time for one, both in ms."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(metric["value"]) for metric in metrics if metric["name"] == "ThreadTime")

    before = spent()
    times = [float(time) for time in page.evaluate(MOVES)]
    return times, (spent() - before) / len(times)


def drawn(page: Page) -> list[float]:
    """A 3 drawn five times: how long after each pen-up its code had been drawn."""
    page.get_by_role("button", name="Draw one").click()
    times = []
    for _ in range(5):
        page.locator(".pa-pad-canvas").press("Delete")
        pad = page.locator(".pa-pad-canvas").bounding_box()
        assert pad is not None
        scale = pad["width"] / 280
        points = [(pad["x"] + scale * x, pad["y"] + scale * y) for x, y in THREE]
        page.mouse.move(*points[0])
        page.mouse.down()
        for x, y in points:
            page.mouse.move(x, y, steps=3)
        time.sleep(0.2)
        page.evaluate(PEN_UP)
        page.mouse.up()
        times.append(float(page.evaluate("window.reached")))
        page.evaluate("window.lifted = undefined")
    return times


def summary(times: list[float]) -> str:
    """Median and worst."""
    return f"{statistics.median(times):.1f}, worst {max(times):.1f}"
