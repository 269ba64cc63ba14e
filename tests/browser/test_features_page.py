"""The Features page in a real Chromium: choosing, keyboard, notes, time travel, what is saved, and empty states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sae_core.config import Config
from sae_core.export import export
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.notes import Note, read_notes, write_note
from tests.browser.house import Dashboard, LivePage
from tests.lens.house import trained_run

LATENTS = 30
PATIENCE = 40_000


@pytest.fixture(scope="module")
def taught(dashboard: Dashboard) -> RunDirectory:
    """A run of the small digits with snapshots of steps 0, 1, 2, … 64."""
    return trained_run(dashboard.runs, Config(dataset="digits", n_latents=LATENTS, steps=64, threads=1))


@pytest.fixture
def opened(context: BrowserContext, dashboard: Dashboard, taught: RunDirectory) -> Callable[..., LivePage]:
    """Opens the page and waits until its first unit stands."""

    def go(query: str = f"run={taught.id}") -> LivePage:
        live = LivePage(context.new_page())
        live.page.set_default_timeout(PATIENCE)
        live.page.goto(f"{dashboard.url}features?{query}")
        live.page.wait_for_selector(".ps-features[data-stands]")
        return live

    return go


def asked(live: LivePage) -> dict[str, str]:
    return {name: value[0] for name, value in parse_qs(urlsplit(live.address).query).items()}


def stands(page: Page, latent: int) -> None:
    page.wait_for_function("n => document.querySelector('.ps-features')?.dataset.stands === String(n)", arg=latent)


def trouble(live: LivePage) -> list[str]:
    """Complaints, but for Streamlit's own two questions under the page's path, which it asks again at the root."""
    return [text for text in live.complaints if "404" not in text]


PRESS = """key => {
  const canvas = document.querySelector('.ps-atlas-marks');
  canvas.focus();
  canvas.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  return document.querySelector('.ps-unit-title').textContent;
}"""


def test_a_choice_shows_at_once_and_is_in_the_address(opened) -> None:
    """In the very call that handles the key; the page follows, and a reload brings it back."""
    live = opened("run=taught&latent=3")
    assert live.page.evaluate(PRESS, "ArrowRight") == "Unit 4"
    stands(live.page, 4)
    live.page.wait_for_function("location.search.includes('latent=4')")
    assert asked(live) == {"run": "taught", "latent": "4"}
    assert trouble(live) == []
    live.page.reload()
    stands(live.page, 4)
    live.page.keyboard.press(".")
    stands(live.page, 5)
    assert live.foreign_requests() == []


def test_a_unit_is_told_in_full(opened) -> None:
    """Pictures, images, charts, likes, worth and life: all from the server's lens."""
    page = opened("run=taught&latent=2").page
    page.wait_for_function("document.querySelector('.ps-unit').dataset.complete === 'true'")
    assert page.locator(".ps-unit-picture canvas").count() == 3
    assert page.locator(".ps-unit-galleries .ps-thumb-image").count() > 20
    assert page.locator(".ps-unit-neighbours button").count() >= 16
    assert "FVU" in page.locator(".ps-unit-words").last.inner_text()
    assert "images (step" in page.locator(".ps-unit-story").inner_text()
    page.wait_for_selector(".ps-unit .js-plotly-plot")


def test_a_label_is_kept_with_the_run_and_shown_as_text(opened, taught: RunDirectory) -> None:
    """Markup in it is letters; another tab finds it."""
    live = opened("run=taught&latent=7")
    label = "<img src=x onerror=alert(1)>"
    live.page.locator(".ps-unit-label").fill(label)
    live.page.keyboard.press("Enter")
    live.page.locator(".ps-star").click()
    expect(live.page.locator(".ps-star")).to_have_text("★", timeout=PATIENCE)
    live.page.wait_for_function("document.querySelector('.ps-star').getAttribute('aria-pressed') === 'true'")
    live.page.wait_for_timeout(500)
    assert read_notes(taught.path)[7] == Note(label, favourite=True)
    again = opened("run=taught&filter=favourites&latent=7").page
    expect(again.locator(".ps-unit-label")).to_have_value(label, timeout=PATIENCE)
    assert again.evaluate("document.querySelector('.ps-features').dataset.shown") == "1"
    assert again.locator(".ps-features img").count() == 0
    write_note(taught.path, 7, Note())


def test_time_travel_shows_any_kept_step(opened) -> None:
    """By the slider and by the address; the film runs through them and ends at now."""
    live = opened("run=taught&step=4")
    page = live.page
    assert page.evaluate("document.querySelector('.ps-features').dataset.step") == "4"
    page.locator(".ps-scrub").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.ps-features').dataset.step === '8'")
    page.wait_for_function("location.search.includes('step=8')")
    page.get_by_role("button", name="now", exact=True).click()
    page.wait_for_function("document.querySelector('.ps-features').dataset.step === '64'")
    page.wait_for_function("!location.search.includes('step=')")
    assert trouble(live) == []


def test_sorting_and_filtering_keep_the_choice(opened) -> None:
    """A map of all; none dead, and a sentence that says so."""
    page = opened("run=taught&latent=3").page
    page.get_by_label("Sorted by").select_option("map")
    page.wait_for_function("location.search.includes('sort=map')")
    assert page.evaluate("document.querySelector('.ps-features').dataset.shown") == str(LATENTS)
    assert page.locator(".ps-unit-title").inner_text() == "Unit 3"
    page.get_by_label("Which units").select_option("dense")
    page.get_by_label("Units that respond most to").select_option("9")
    page.get_by_label("Which units").select_option("dead")
    expect(page.locator(".ps-features-words")).to_contain_text("None is like that", timeout=PATIENCE)


def test_the_report_opens_with_the_network_off(browser: Browser, taught: RunDirectory, tmp_path: Path) -> None:
    """From the disk, with no request and no complaint."""
    path = export(taught, "html", tmp_path / "report.html")
    with browser.new_context(offline=True) as alone:
        live = LivePage(alone.new_page())
        live.page.goto(path.as_uri())
        look_at_the_report(live)


def look_at_the_report(live: LivePage) -> None:
    assert live.page.locator("h1").inner_text() == "taught"
    assert live.page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert live.complaints == []
    assert [url for url in live.requests if not url.startswith(("file:", "data:"))] == []


def test_without_a_snapshot_the_page_says_what_to_do(context: BrowserContext, dashboard: Dashboard) -> None:
    """And without a choice, which one to make."""
    Runs(dashboard.runs).create(Config(), name="unborn")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{dashboard.url}features?run=unborn")
    expect(page.get_by_text("This run has no snapshot yet")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("link", name="To the Train page")).to_be_visible(timeout=PATIENCE)


def test_another_runs_units_stand_where_their_likes_stood(opened) -> None:
    """Shown 2, 0, 1 before; its 0, 1, 2 are most like the new run's 3, none and 1: first 1, then 3, then the rest."""
    page = opened().page
    places = page.evaluate(
        "import('/penstroke/components/features/orders.js').then(m => m.inPlacesOf([2, 0, 1], [3, -1, 1], 5))"
    )
    assert places == [1, 3, 0, 2, 4]
