"""The pages of many runs: the path's dial, comparisons and forks, sweeps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from sae_core import Config, load_images
from sae_core.runs import RunDirectory, Runs
from sae_core.runs.worker import work
from sae_core.sweep import SweepFolder, sweep
from sae_core.sweep.elsewhere import stop_file
from sae_core.sweep.folder import sweeps
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


PHONE_LATER = pytest.mark.parametrize(
    "page",
    [pytest.param((1366, 768), id="wide"), pytest.param((390, 844), id="phone", marks=pytest.mark.long)],
    indirect=True,
)
WIDE = pytest.mark.parametrize("page", [(1366, 768)], ids=["wide"], indirect=True)
"""For buttons that a phone has, too."""


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


@PHONE_LATER
def test_a_run_begins_from_a_point_of_the_dial(filled: Dashboard, page: Page):
    before = {run.id for run in Runs(filled.runs).list()}
    page.goto(f"{filled.url}path?path=path")
    page.get_by_role("button", name="Use this").click()
    child = _live_child(filled, page, before)
    assert (child.meta.parent, child.meta.parent_step) == ("path", 60)


def _live_child(house: Dashboard, page: Page, before: set[str]) -> RunDirectory:
    """The run that was begun, which trains, and is what the tab now shows on the Train page; then stopped."""

    def begun() -> list[RunDirectory]:
        return [run for run in Runs(house.runs).list() if run.id not in before]

    wait_until(begun, 90, "no run was begun")
    (child,) = begun()
    page.locator(f".ps-root[data-run='{child.id}'][data-state='training']").wait_for()
    wait_until(lambda: child.status().step > (child.meta.parent_step or 0), 60, "it does not train")
    child.append_event("stop")
    return child


def test_runs_stand_side_by_side(filled: Dashboard, page: Page):
    """Two seeds: what differs, how much they share, and the digits of both."""
    page.goto(f"{filled.url}compare?with=pair-000,pair-001")
    page.get_by_text("What differs").wait_for()
    page.get_by_text("shared, by chance").first.wait_for()
    page.get_by_alt_text("The digits as pair-001 copies them").wait_for()


@PHONE_LATER
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


@WIDE
def test_a_sweep_begins_stops_and_goes_on_at_its_buttons(filled: Dashboard, page: Page, name: str):
    """And nothing it has done is lost or repeated on the way."""
    page.goto(f"{filled.url}sweeps?sweep=pair")
    _ask_for_draws(page, LONG)
    page.get_by_label("Name", exact=True).fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("button", name=f"Begin {LONG} trials").click()
    begun = _stopped_under_way(filled, page, name)
    page.get_by_role("button", name="Go on").click()
    again = _stopped_under_way(filled, page, name)
    assert begun.items() <= again.items()


@WIDE
def test_the_grid_that_stands_in_the_form_begins_at_its_button(filled: Dashboard, page: Page, name: str):
    page.goto(f"{filled.url}sweeps?sweep=pair")
    page.get_by_text("New sweep").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Begin 8 trials").click()
    page.locator(".sw-root[data-drawn]").wait_for()
    folder = SweepFolder(Runs(filled.runs), name)
    assert len(folder.plan) == 8
    wait_until(folder.results, 90, "no trial was finished")


LONG = 200
"""Trials that no machine is through with before a button is pressed."""


def _ask_for_draws(page: Page, count: int) -> None:
    page.get_by_text("New sweep").click()
    page.get_by_label("What kind").click()
    page.get_by_role("option", name="Random draws").click()
    draws = page.get_by_role("spinbutton", name="Draws")
    draws.fill(str(count))
    draws.press("Enter")
    page.get_by_role("button", name=f"Begin {count} trials").wait_for()


def _stopped_under_way(house: Dashboard, page: Page, name: str) -> dict[int, str]:
    """Press Stop when a trial has begun; the runs that its trials have at rest."""
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.wait_for()
    folder = SweepFolder(Runs(house.runs), name)

    def runs() -> dict[int, str]:
        return {trial.index: trial.run for trial in folder.trials() if trial.run is not None}

    wait_until(runs, 60, "no trial has begun")
    stop.click()
    page.get_by_role("button", name="Go on").wait_for()
    page.get_by_text("Begun: ").wait_for()
    assert not folder.under_way
    return runs()


@pytest.fixture
def name(filled: Dashboard) -> Iterator[str]:
    """A sweep's, of its own at every try; nobody drives a sweep when it is over."""
    known = sweeps(Runs(filled.runs))
    yield f"pressed-{len(known)}"
    under_way = [folder for folder in sweeps(Runs(filled.runs)) if folder.under_way]
    for folder in under_way:
        stop_file(folder).touch()
    wait_until(lambda: not any(folder.under_way for folder in under_way), 60, "a sweep does not stop")


def test_a_sweep_is_a_frontier_its_knobs_and_its_trials(filled: Dashboard, page: Page):
    page.goto(f"{filled.url}sweeps?sweep=pair")
    page.locator(".sw-root[data-drawn='2']").wait_for()
    page.locator(".sw-plot .parcoords").first.wait_for()
    assert page.locator(".sw-said").inner_text() == "2 trials"
    page.get_by_role("button", name="Table (CSV)").wait_for()


@pytest.mark.long
@WIDE
def test_random_draws_begin_at_a_button_and_stand_where_they_were_drawn(filled: Dashboard, page: Page, name: str):
    page.goto(f"{filled.url}sweeps?sweep=pair")
    _ask_for_draws(page, 3)
    page.get_by_label("Name", exact=True).fill(name)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Begin 3 trials").click()
    page.locator(".sw-root[data-drawn='3']").wait_for(timeout=180_000)
    table = SweepFolder(Runs(filled.runs), name).table()
    assert len(set(table["penalty_weight"])) == 3
    assert table["penalty_weight"].between(0.003, 1).all()
    assert table["n_latents"].between(64, 512).all()
    drawn = page.evaluate("document.querySelectorAll('.sw-plot')[1].data[0].dimensions[0].values")
    assert list(drawn) == table["n_latents"].tolist()


@pytest.mark.long
def test_trials_drawn_around_on_the_frontier_are_those_in_the_table_and_one_goes_on_live(filled: Dashboard, page: Page):
    """A lasso around the first of the two, then all again; then around it once more, and "Use this"."""
    before = {run.id for run in Runs(filled.runs).list()}
    page.goto(f"{filled.url}sweeps?sweep=pair")
    page.locator(".sw-root[data-drawn='2']").wait_for()
    _draw_around(page, 0)
    page.locator(".sw-said", has_text="1 of 2 trials chosen").wait_for()
    page.get_by_role("button", name="Use this: go on live from pair-000").wait_for()
    page.get_by_role("button", name="Show all").click()
    page.locator(".sw-said", has_text="2 trials").wait_for()
    page.get_by_role("button", name="Use this").wait_for(state="detached")
    assert page.locator(".sw-plot .select-outline").count() == 0, "what was drawn is still there"
    colours = "document.querySelectorAll('.sw-plot')[1].data[0].line.color"
    assert len(set(page.evaluate(colours))) == 2, "lines keep the grey of those that were not chosen"

    _draw_around(page, 1)
    page.get_by_role("button", name="Use this: go on live from pair-001").click()
    child = _live_child(filled, page, before)
    assert (child.meta.parent, child.meta.parent_step) == ("pair-001", 30)


def _draw_around(page: Page, trial: int) -> None:
    """With the mouse, as a hand does: within the chart, nearer to the trial than to the next."""
    plot = page.locator(".sw-plot .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    places = page.evaluate("""() => {
      const plot = document.querySelector(".sw-plot");
      const { xaxis, yaxis } = plot._fullLayout;
      return Array.from(plot.data[0].x, (x, i) => [xaxis.d2p(x), yaxis.d2p(plot.data[0].y[i])]);
    }""")
    x, y = places[trial]
    reach = min(30.0, *(max(abs(x - a), abs(y - b)) / 2 for a, b in places[:trial] + places[trial + 1 :]))
    assert reach > 4, "the two trials stand in one place"

    def to(dx: float, dy: float) -> tuple[float, float]:
        across, down = min(max(x + dx * reach, 1), box["width"] - 1), min(max(y + dy * reach, 1), box["height"] - 1)
        return box["x"] + across, box["y"] + down

    page.mouse.move(*to(-1, -1))
    page.mouse.down()
    for corner in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        page.mouse.move(*to(*corner), steps=5)
    page.mouse.up()
