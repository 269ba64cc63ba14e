"""What comes in or changes on the pages that look at a run moves nothing else: no layout jump."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.house import Dashboard, wait_until
from tests.browser.made import made_run, with_probe

PLACES = """names => names.map(name => {
  const { x, y, width, height } = document.querySelector(name).getBoundingClientRect();
  return [name, ...[x, y + document.querySelector(name).closest('.stMain').scrollTop, width, height].map(Math.round)];
})"""


@pytest.fixture(scope="module", autouse=True)
def _run(dashboard: Dashboard) -> None:
    """Of the small digits, with a probe; its units differ much in how much there is to show."""
    small = {"dataset": "digits", "n_latents": 24, "batch_size": 64, "penalty_weight": 0.3}
    with_probe(*made_run(dashboard.runs, "small", steps=400, **small))


def places(page: Page, *names: str) -> list[list[object]]:
    """Where on the page these stand."""
    found: list[list[object]] = page.evaluate(PLACES, list(names))
    return found


def open_page(context: BrowserContext, dashboard: Dashboard, path: str, ready: str) -> Page:
    page = context.new_page()
    page.goto(f"{dashboard.url}{path}")
    page.wait_for_function(ready, timeout=40_000)
    return page


@pytest.mark.long
def test_every_units_page_has_the_same_places(context: BrowserContext, dashboard: Dashboard) -> None:
    """Whether it fires for many images or none: pictures, charts and neighbours stay where they are."""
    complete = "document.querySelector('.ps-unit')?.dataset.complete === 'true'"
    page = open_page(context, dashboard, "features?run=small&latent=0", complete)
    parts = (".ps-atlas", ".ps-then", ".ps-unit-galleries", ".ps-unit .ps-charts", ".ps-unit-neighbours")
    first = places(page, *parts)
    for latent in range(1, 24):
        page.keyboard.press(".")
        page.wait_for_function("n => document.querySelector('.ps-unit').dataset.latent === String(n)", arg=latent)
        assert places(page, *parts) == first


def test_another_image_and_a_handle_move_nothing(context: BrowserContext, dashboard: Dashboard) -> None:
    """Networks, verdict and the head of the sum, from image to image and while a unit is switched off."""
    ready = "Number(document.querySelector('.pa-root')?.dataset.decodes ?? 0) > 1"
    page = open_page(context, dashboard, "take-apart?run=small&image=0", ready)
    page.wait_for_timeout(1500)
    parts = (".pa-picker", ".pa-networks", ".pa-outcome", ".pa-sum-head")
    first = places(page, *parts)
    for image in range(1, 6):
        page.get_by_role("button", name="Next test image").click()
        page.wait_for_function("n => document.querySelector('.pa-root').dataset.image === String(n)", arg=image)
        page.get_by_role("button", name="Ablate unit").first.click()
        assert places(page, *parts) == first


def test_what_is_counted_later_has_its_place_already(context: BrowserContext, dashboard: Dashboard) -> None:
    """The charts of Sparsity stand where they will, before the survey of the test set is there."""
    page = open_page(
        context, dashboard, "sparsity?run=small", "document.querySelectorAll('.pl-plot .main-svg').length > 7"
    )
    parts = tuple(f".pl-plot-{name}" for name in ("population", "lifetime", "magnitudes", "scatter"))
    before = places(page, *parts)
    page.wait_for_function("document.querySelector('.pl-root').dataset.surveyed", timeout=40_000)
    wait_until(lambda: not page.locator(".pl-waiting").count(), 10, "the survey was not drawn")
    assert places(page, *parts) == before
