"""The dial as a file: opened from the disk, offline, wide and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from dashboard.path.page_file import LARGEST, dial_page
from sae_core.sweep.film import Film

pytestmark = pytest.mark.browser

POINTS, SHOWN, DIGITS, SIDE = 12, 256, 10, 28


@pytest.fixture(autouse=True)
def _end_runs() -> None:
    """A file needs no dashboard."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full-sized film of noise: twelve points of 256 filters."""
    random = np.random.default_rng(0)
    values = np.geomspace(0.003, 0.6, POINTS)
    fvu = np.linspace(0.05, 0.6, POINTS)
    numbers = np.stack([values, np.geomspace(230, 3, POINTS), fvu, np.zeros(POINTS), np.full(POINTS, 0.9)], axis=1)

    def noise(*shape: int) -> np.ndarray:
        return random.integers(0, 256, shape, dtype=np.uint8)

    arrays = {
        "filters": noise(POINTS, SHOWN, SIDE * SIDE),
        "alive": np.full((POINTS, SHOWN), 255, np.uint8),
        "lit": noise(POINTS, DIGITS, SHOWN),
        "x": noise(DIGITS, SIDE * SIDE),
        "x_hat": noise(POINTS, DIGITS, SIDE * SIDE),
        "densities": random.random((POINTS, 20), dtype=np.float32),
        "activations": random.random((POINTS, 20), dtype=np.float32),
        "numbers": numbers.astype(np.float32),
    }
    about = {
        "run": "path",
        "knob": "penalty_weight",
        "label": "Penalty weight",
        "values": values.tolist(),
        "planned": values.tolist(),
        "first": 0,
        "steps": [702 * n for n in range(1, POINTS + 1)],
        "shape": [SIDE, SIDE],
        "digits": [str(n) for n in range(DIGITS)],
        "latents": SHOWN,
        "method": "l1",
        "dataset": "mnist",
        "references": {"pca": [{"l0": 10, "fvu": 0.5}, {"l0": 50, "fvu": 0.2}], "dictionary_learning": []},
    }
    page = dial_page(Film(about, arrays))
    assert len(page) <= LARGEST
    path = tmp_path_factory.mktemp("dial") / "dial.html"
    path.write_bytes(page)
    return path


@pytest.fixture(params=[(1366, 768), (390, 844)], ids=["wide", "phone"])
def opened(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Page]:
    """The file in a browser that has no network, and says nothing bad about it."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector(".pa-mosaic")
    yield page
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the window"
    context.close()


PICTURE = "document.querySelector('.pa-mosaic').toDataURL()"


def test_the_dial_moves_filters_digits_and_numbers(opened: Page):
    """By the keyboard as by hand; the value is that of the point."""
    slider = opened.locator(".pa-slider")
    before = opened.evaluate(PICTURE)
    slider.focus()
    for _ in range(POINTS):
        opened.keyboard.press("ArrowLeft")
    assert opened.locator(".pa-value").inner_text() == "0.003"
    assert opened.locator(".pa-stage").inner_text() == "Static"
    assert opened.locator(".pa-fact b").first.inner_text() == "230"
    assert opened.evaluate(PICTURE) != before
    assert "230.0 lit, 95% explained" in (slider.get_attribute("aria-valuetext") or "")
    for _ in range(POINTS):
        opened.keyboard.press("ArrowRight")
    assert opened.locator(".pa-stage").inner_text() == "Whole shapes"
    assert opened.locator(".pa-fact b").first.inner_text() == "3.0"


def test_a_digit_lights_its_units(opened: Page):
    before = opened.evaluate(PICTURE)
    opened.locator(".pa-pair").nth(3).click()
    assert opened.locator(".pa-pair").nth(3).get_attribute("aria-pressed") == "true"
    assert opened.evaluate(PICTURE) != before
    opened.locator(".pa-pair").nth(3).click()
    assert opened.evaluate(PICTURE) == before


def test_a_move_takes_a_tenth_of_a_second_at_most(opened: Page):
    """Half the moves, so that a moment of someone else's work does not count."""
    moves = opened.evaluate("""() => {
      const slider = document.querySelector(".pa-slider");
      const took = [];
      for (let at = 0; at <= 11; at += 0.25) {
        slider.value = at;
        const began = performance.now();
        slider.dispatchEvent(new Event("input"));
        took.push(performance.now() - began);
      }
      return took.sort((a, b) => a - b);
    }""")
    assert moves[len(moves) // 2] < 100


def test_the_film_plays_and_stops(opened: Page):
    opened.locator(".pa-play").click()
    before = opened.locator(".pa-slider").input_value()
    opened.wait_for_function(f"document.querySelector('.pa-slider').value !== '{before}'")
    opened.locator(".pa-play").click()
    assert opened.locator(".pa-play").get_attribute("aria-label") == "Play the film"
