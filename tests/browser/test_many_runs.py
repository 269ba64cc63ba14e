"""The pages of many runs: the path's dial, comparisons and forks, sweeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from sae_core import Config, load_images
from sae_core.runs import Runs
from sae_core.runs.worker import work
from sae_core.sweep import SweepFolder, sweep
from sae_core.sweep.path import begin_path
from tests.browser.house import Dashboard, wait_until

pytestmark = pytest.mark.browser

SMALL = {"dataset": "digits", "n_latents": 16, "batch_size": 64, "steps": 30}


@pytest.fixture(scope="module")
def filled(dashboard: Dashboard) -> Dashboard:
    """A dashboard with a finished path of three points and a sweep of two trials."""
    runs = Runs(dashboard.runs)
    path = begin_path(runs, Config(**SMALL, threads=1), values=(0.01, 0.1, 0.3), name="path")
    work(path, images=load_images("digits"))
    sweep({"seed": [0, 1]}, workers=1, name="pair", runs=dashboard.runs, **SMALL)
    return dashboard


@pytest.fixture(params=[(1366, 768), (390, 844)], ids=["wide", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A window whose scripts complain of nothing."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    broken: list[str] = []
    opened.on("pageerror", lambda error: broken.append(str(error)))
    yield opened
    assert broken == []
    context.close()


def test_the_dial_moves_through_the_path_and_is_saved(filled: Dashboard, page: Page):
    page.goto(f"{filled.url}path?path=path")
    page.wait_for_selector(".pa-mosaic")
    slider = page.locator(".pa-slider")
    slider.focus()
    for key, value in (("ArrowLeft", "0.01"), ("ArrowRight", "0.1"), ("ArrowRight", "0.3")):
        while page.locator(".pa-value").inner_text() != value:
            page.keyboard.press(key)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the dial (HTML)").click()
    assert saved.value.path().stat().st_size < 5_000_000
    assert saved.value.suggested_filename == "path-dial.html"


def test_a_run_begins_from_a_point_of_the_dial(filled: Dashboard, page: Page):
    before = {run.id for run in Runs(filled.runs).list()}
    page.goto(f"{filled.url}path?path=path")
    page.get_by_role("button", name="Use this").click()

    def begun() -> list[str]:
        return [run.id for run in Runs(filled.runs).list() if run.id not in before and run.status().step >= 60]

    wait_until(begun, 90, "no run was begun")
    child = Runs(filled.runs).open(begun()[0])
    assert (child.meta.parent, child.meta.parent_step) == ("path", 60)
    child.append_event("stop")


def test_runs_stand_side_by_side(filled: Dashboard, page: Page):
    """Two seeds: what differs, how much they share, and the digits of both."""
    page.goto(f"{filled.url}compare?with=pair-000,pair-001")
    page.get_by_text("What differs").wait_for()
    page.get_by_text("shared, by chance").first.wait_for()
    page.get_by_alt_text("The digits as pair-001 copies them").wait_for()


def test_a_fork_made_on_compare_goes_on_beside_its_parent(filled: Dashboard, page: Page):
    """From a step of its own choice, with another penalty; lineage and link say where it came from."""
    page.goto(f"{filled.url}compare?with=pair-000")
    page.get_by_text("Fork: go on from").click()
    page.get_by_role("spinbutton", name="From step").fill("20")
    page.get_by_role("spinbutton", name="Penalty weight").fill("0.2")
    page.get_by_role("button", name="Fork", exact=True).click()
    page.get_by_text("goes on from step 20").wait_for()
    children = [run for run in Runs(filled.runs).list() if run.meta.parent == "pair-000"]
    wait_until(lambda: children[0].status().step > 20, 60, "the fork does not train")
    children[0].append_event("stop")
    assert (children[0].meta.parent_step, children[0].current_config().penalty_weight) == (20, 0.2)
    page.get_by_role("link", name="Put it beside its parent").click()
    page.get_by_text(f"{children[0].id} copies them").or_(page.get_by_text("pair-000 @ 20")).first.wait_for()


@pytest.mark.parametrize("page", [(1366, 768)], ids=["wide"], indirect=True)  # a phone has the same buttons
def test_a_sweep_begins_stops_and_goes_on_at_its_buttons(filled: Dashboard, page: Page):
    """And nothing it has done is lost or repeated on the way."""
    page.goto(f"{filled.url}sweeps?sweep=pair")
    page.get_by_text("New sweep").click()
    page.get_by_label("Name", exact=True).fill("pressed")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Begin 8 trials").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Go on").wait_for()
    folder = SweepFolder(Runs(filled.runs), "pressed")
    assert not folder.under_way
    begun = {trial.index: trial.run for trial in folder.trials() if trial.run is not None}
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Go on").wait_for()
    again = {trial.index: trial.run for trial in folder.trials() if trial.run is not None}
    assert begun
    assert begun.items() <= again.items()


def test_a_sweep_is_a_frontier_its_knobs_and_its_trials(filled: Dashboard, page: Page):
    page.goto(f"{filled.url}sweeps?sweep=pair")
    page.locator(".sw-root[data-drawn='2']").wait_for()
    page.locator(".sw-plot .parcoords").first.wait_for()
    assert page.locator(".sw-said").inner_text() == "2 trials"
    page.get_by_role("button", name="Table (CSV)").wait_for()
