"""How fast the Features page answers, in real Chromium, and how long the census behind it takes.

A choice is *lit* when the frame after the click is due, and its page *stands* when pictures, images, charts and words
are complete and the frame that shows them has been drawn. Both in milliseconds, for units far apart in the atlas; then
the same while the run trains. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from sae_core import Config, load_images
from sae_core.lens.census import take_census
from sae_core.lens.shelf import model_of
from sae_core.runs import Runs
from sae_core.runs.launch import Launcher
from sae_core.snapshot import Snapshot
from tests.browser.house import Dashboard, chromium_path, launch_chromium, wait_until
from tests.browser.made import made_run, with_probe

CENSUSES = 3

CHOOSE = """async ([share, patience]) => {
  const root = document.querySelector('.ps-features');
  const marks = root.querySelector('.ps-atlas-marks');
  const unit = root.querySelector('.ps-unit');
  const box = marks.getBoundingClientRect();
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)));
  await painted();
  const began = performance.now();
  const columns = Math.round(Math.sqrt(Number(root.dataset.latents) * box.width / box.height));
  const at = { clientX: box.left + box.width * ((share * columns) % 1), clientY: box.top + box.height * share };
  marks.dispatchEvent(new MouseEvent('click', { bubbles: true, ...at }));
  const chosen = root.querySelector('.ps-unit-title').textContent.replace(/\\D/g, '');
  const lit = await painted() - began;
  const there = { latent: chosen, complete: 'true' };
  const whole = () => Object.entries(there).every(([key, value]) => unit.dataset[key] === value);
  const stands = () => root.dataset.stands === chosen && whole();
  while (!stands()) {
    if (performance.now() - began > patience) return { lit, stood: patience, chosen };
    await new Promise(done => setTimeout(done, 2));
  }
  const asked = performance.getEntriesByType('resource').filter(one => one.name.includes(`/latent/${chosen}?`));
  return { lit, stood: await painted() - began, chosen, answered: asked.length ? asked.at(-1).duration : 0 };
}"""
"""Chooses the unit that stands at a share of the atlas, and waits until its page is there."""

PATIENCE_MS = 20_000


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench explore")
    parser.add_argument("--latents", type=int, default=1024)
    parser.add_argument("--choices", type=int, default=40, help="units chosen in each of the two cases")
    parser.add_argument("--steps", type=int, default=150, help="the run's training, before it is looked at")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        run, snapshot = made_run(Path(folder), "wide", n_latents=options.latents, steps=options.steps)
        print_census(snapshot)
        if chromium_path() is None:
            print("no Chromium is installed, so no page is measured")
            return 1
        with_probe(run, snapshot)
        print(f"\n{'a unit is chosen, ms':28}{'lit':>10}{'page stands':>26}{'of it, answer':>16}")
        with open_page(Path(folder)) as page:
            look(page, "wide")
            print_choices("finished run", page, options.choices)
            with training(Path(folder), options.latents) as live:
                look(page, live)
                print_choices("while it trains", page, options.choices)
    return 0


def print_census(snapshot: Snapshot) -> None:
    """Seconds of the whole census."""
    images, model = load_images(snapshot.config.dataset), model_of(snapshot)
    times = []
    for _ in range(CENSUSES):
        began = time.perf_counter()
        take_census(model, images.test, images.test_labels, len(images.class_names))
        times.append(time.perf_counter() - began)
    n, l0 = len(images.test), snapshot.census.l0
    print(
        f"census of {len(snapshot.filters):,} latents over {n:,} images ({l0:.0f} lit per image): "
        f"{statistics.median(times):.2f} s (median of {CENSUSES}, first {times[0]:.2f}; asked: at most 1)"
    )


@contextmanager
def open_page(root: Path) -> Iterator[Page]:
    """A dashboard over these runs, and a tab."""
    with sync_playwright() as playwright:
        house = Dashboard(root).start()
        browser = launch_chromium(playwright)
        page = browser.new_page(viewport={"width": 1366, "height": 768}, base_url=house.url)
        page.set_default_timeout(120_000)
        yield page
        browser.close()
        house.stop()


@contextmanager
def training(root: Path, n_latents: int) -> Iterator[str]:
    """A run that trains all the while."""
    run = Runs(root).create(Config(n_latents=n_latents, threads=1), name="live", origin="cli")
    run.append_event("play")
    with Launcher(root, spare=False) as launcher:
        launcher.start(run.id)
        wait_until(lambda: run.history() and run.status().step > 60, 120, "it does not train")
        try:
            yield run.id
        finally:
            run.append_event("stop")
            wait_until(lambda: not run.alive(), 30, "it does not stop")


def look(page: Page, run: str) -> None:
    """Open the run's page, and wait until its first unit stands in full."""
    page.goto(f"features?run={run}")
    page.wait_for_function("document.querySelector('.ps-unit')?.dataset.complete === 'true'")
    page.wait_for_timeout(2000)


def print_choices(what: str, page: Page, n: int) -> None:
    """Choose ``n`` units, far from one another."""
    found = [page.evaluate(CHOOSE, [(0.618 * i) % 1, PATIENCE_MS]) for i in range(1, n + 1)]
    lit, stood, answered = ([float(one[name]) for one in found] for name in ("lit", "stood", "answered"))
    print(f"{what:28}{statistics.median(lit):10.1f}{summary(stood):>26}{statistics.median(answered):16.1f}", flush=True)


def summary(times: list[float]) -> str:
    """Median and worst."""
    return f"{statistics.median(times):.0f} (worst {max(times):.0f})"
