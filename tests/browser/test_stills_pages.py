"""Sparsity and Classify in real Chromium: charts of what a run has kept, cells that open images."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from playwright.sync_api import BrowserContext

from sae_core import load_images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.snapshots import snapshot_to_bytes
from sae_core.runs.worker import work
from sae_core.snapshot import Snapshot
from tests.browser.house import Dashboard, LivePage, wait_until
from tests.browser.made import made_run, with_probe

SURVEYED = "document.querySelector('.pl-root')?.dataset.surveyed"


def silence(run: RunDirectory, snapshot: Snapshot) -> None:
    """Nothing fires any more, and the census says so."""
    census = dataclasses.replace(snapshot.census, density=np.zeros_like(snapshot.density), l0=0.0, dead_fraction=1.0)
    dead = dataclasses.replace(snapshot, b_enc=np.full_like(snapshot.b_enc, -1e3), census=census)
    (run.path / "snapshot.safetensors").write_bytes(snapshot_to_bytes(dead))


@pytest.fixture(scope="module", autouse=True)
def _runs(dashboard: Dashboard) -> None:
    """Of the small digits: a KL run, one with a probe, one that learned nothing at all, one that keeps its steps."""
    root = dashboard.runs
    small = {"dataset": "digits", "n_latents": 24, "batch_size": 64}
    made_run(root, "by-kl", method="kl", **small)
    with_probe(*made_run(root, "probed", penalty_weight=0.03, **small))
    silence(*made_run(root, "all-dead", **small))
    keeping, _ = made_run(root, "keeps-steps", **{**small, "steps": 60})
    work(keeping, images=load_images("digits"))


@pytest.fixture
def live(context: BrowserContext) -> LivePage:
    """A tab."""
    return LivePage(context.new_page())


def visit(live: LivePage, dashboard: Dashboard, path: str) -> None:
    """Open a page of charts and wait until the test set has been surveyed."""
    live.page.goto(f"{dashboard.url}{path}")
    live.page.wait_for_function(SURVEYED, timeout=60_000)
    live.page.wait_for_function("document.querySelectorAll('.pl-plot .main-svg').length > 0", timeout=20_000)


def test_a_kl_run_shows_five_charts_filled_from_the_test_set(live: LivePage, dashboard: Dashboard) -> None:
    """Population, lifetime, magnitudes, scatter and KL; the bars of the first count every test image."""
    visit(live, dashboard, "sparsity?run=by-kl")
    wait_until(lambda: live.page.locator(".pl-plot .main-svg").count() >= 5, 15, "charts are missing")
    counted = "document.querySelector('.pl-plot-population').data[0].y.reduce((a, b) => a + b, 0)"
    wait_until(lambda: live.page.evaluate(counted) == len(load_images("digits").test), 10, "images are missing")
    assert live.page.locator(".pl-plot:visible[aria-label]").count() == 5
    assert [text for text in live.complaints if "404" not in text] == []
    assert live.foreign_requests() == []


def test_a_point_of_the_scatter_shows_its_filter_and_opens_its_page(live: LivePage, dashboard: Dashboard) -> None:
    """Hovering brings the filter; a click goes to Features with the unit in the address."""
    visit(live, dashboard, "sparsity?run=by-kl")
    live.page.wait_for_timeout(300)
    point = live.page.locator(".pl-plot-scatter .points path").first.bounding_box()
    live.page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2, steps=3)
    live.page.locator(".pl-peek").wait_for(state="visible", timeout=15_000)
    live.page.mouse.down()
    live.page.mouse.up()
    live.page.wait_for_url("**/features?run=by-kl&latent=*", timeout=20_000, wait_until="load")


def test_the_scatters_units_are_reached_by_keyboard_alone(live: LivePage, dashboard: Dashboard) -> None:
    """Arrow keys go from unit to unit, each with its filter; Enter opens the one that is shown."""
    visit(live, dashboard, "sparsity?run=by-kl")
    live.page.locator(".pl-plot-scatter").focus()
    assert live.page.evaluate("document.activeElement.getAttribute('role')") == "application"
    live.page.keyboard.press("ArrowRight")
    live.page.locator(".pl-peek").wait_for(state="visible", timeout=15_000)
    live.page.locator(".pl-plot-scatter .hovertext").wait_for(timeout=15_000)
    places = set()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
        live.page.keyboard.press(key)
        live.page.wait_for_timeout(150)  # plotly moves its label at most 20 times a second
        places.add(live.page.locator(".pl-plot-scatter .hovertext").text_content())
    assert len(places) > 2
    live.page.keyboard.press("Escape")
    live.page.locator(".pl-peek").wait_for(state="hidden")
    live.page.keyboard.press("ArrowRight")
    live.page.keyboard.press("Enter")
    live.page.wait_for_url("**/features?run=by-kl&latent=*", timeout=20_000, wait_until="load")


def test_every_chart_and_the_run_can_be_taken_along(live: LivePage, dashboard: Dashboard) -> None:
    """A chart as PNG, SVG and CSV, the run's files, and the lines that give the same view."""
    visit(live, dashboard, "sparsity?run=probed")
    figure = live.page.locator("figure", has=live.page.locator(".pl-plot-population"))
    figure.hover()
    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("CSV", b"trace,units lit,test images")):
        with live.page.expect_download(timeout=20_000) as download:
            figure.get_by_role("button", name=kind, exact=True).click()
        assert download.value.path().read_bytes().startswith(begins)
    links = live.page.locator(".ps-along a")
    assert links.count() >= 8
    assert "explore/probed/export/html" in str(links.first.get_attribute("href"))
    assert "penstroke evaluate probed" in str(live.page.locator(".ps-again pre").text_content())


def test_a_run_of_dead_units_is_told_so(live: LivePage, dashboard: Dashboard) -> None:
    """Every one is listed, and the words say what went wrong."""
    visit(live, dashboard, "sparsity?run=all-dead")
    assert "Dead units: 24" in live.page.locator(".pl-lists").inner_text()
    assert live.page.locator(".pl-list").first.locator("a").count() == 24
    assert "Every unit is dead." in live.page.locator(".pl-grid").inner_text()


def test_a_cell_of_the_confusion_matrix_opens_its_images(live: LivePage, dashboard: Dashboard) -> None:
    """By keyboard: the arrow keys walk, Enter opens; there are as many images as the cell says."""
    visit(live, dashboard, "classify?run=probed")
    cell = live.page.locator(".pl-confusion button").first
    cell.wait_for(timeout=20_000)
    cell.focus()
    live.page.keyboard.press("ArrowDown")
    live.page.keyboard.press("ArrowRight")
    live.page.keyboard.press("Enter")
    count = int(live.page.evaluate("document.activeElement.textContent") or 0)
    heading = live.page.locator(".pl-confused-images h3")
    wait_until(lambda: heading.inner_text().startswith(f"{count} × “1” read as “1”"), 10, heading.inner_text())
    wait_until(lambda: live.page.locator(".pl-confused-images a").count() == min(48, count), 10, "images are missing")
    link = live.page.locator(".pl-confused-images a").first
    assert "take-apart?run=probed&image=" in str(link.get_attribute("href"))
    assert "“3” is carried by" in live.page.locator(".pl-lists").inner_text()


def test_the_probes_button_says_what_stands_in_its_way(live: LivePage, dashboard: Dashboard) -> None:
    """Pressed for a run without a checkpoint: progress, then a sentence, and the button is still there."""
    live.page.goto(f"{dashboard.url}classify?run=by-kl")
    live.page.get_by_role("button", name="Train the probe").click(timeout=30_000)
    live.page.get_by_text("Training the probe:").or_(live.page.get_by_text("has no checkpoint yet")).wait_for(
        timeout=30_000
    )
    live.page.get_by_text("has no checkpoint yet").wait_for(timeout=60_000)
    assert live.page.get_by_role("button", name="Train the probe").is_enabled()


def test_accuracy_over_training_is_measured_while_one_looks(live: LivePage, dashboard: Dashboard) -> None:
    """A point a kept step, also without a whole probe; a click on one goes to that step, whose line is drawn."""
    live.page.goto(f"{dashboard.url}classify?run=keeps-steps")
    steps = "Array.from(document.querySelector('.pl-plot-training')?.data?.[0].customdata ?? [])"
    wait_until(lambda: live.page.evaluate(steps), 60, "nothing is measured")
    history = RunDirectory(dashboard.runs / "keeps-steps").history()
    assert live.page.evaluate(steps) == sorted({*history, 60})
    live.page.get_by_text("Accuracy over training:").wait_for(state="detached")
    places = """() => {
      const { _fullLayout: { xaxis, yaxis }, data: [codes] } = document.querySelector(".pl-plot-training");
      return Array.from(codes.x, (x, at) => [xaxis.d2p(x), yaxis.d2p(codes.y[at])]);
    }"""
    x, y = live.page.evaluate(places)[1]
    box = live.page.locator(".pl-plot-training .nsewdrag").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + x - 3, box["y"] + y, steps=3)
    live.page.locator(".pl-plot-training .hovertext").wait_for()
    live.page.mouse.click(box["x"] + x, box["y"] + y)
    wait_until(lambda: f"step={history[1]}" in live.address, 20, "the step is not gone to")
    live.page.locator(".pl-plot-training .shapelayer path").wait_for(state="attached")
    live.page.get_by_text(f"At step {history[1]:,} a lighter probe").wait_for()
