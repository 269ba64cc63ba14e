"""The Train page as a newcomer uses it, in real Chromium."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from playwright.sync_api import BrowserContext

from sae_core.data import asset
from sae_core.runs import Runs
from sae_core.runs.frames import decode_frame
from tests.browser.house import Dashboard, LivePage, stroke_share, wait_until

IMAGE = (28, 28)


def live_filters(dashboard: Dashboard, run: str) -> tuple[int, object]:
    """Step and filters of the newest picture of a run, from its frame."""
    frames = Runs(dashboard.runs).open(run).frames()
    wait_until(lambda: frames.sequence() > 0, 10, "no picture was drawn")
    payload = frames.read()
    frames.close()
    assert payload is not None
    header, arrays = decode_frame(payload)
    return int(header["step"]), arrays["filters"]


def first_filters() -> np.ndarray:
    """The filters of the bundled picture that is shown before anything is pressed."""
    _, arrays = decode_frame(asset("first-screen/frame.bin").read_bytes())
    return arrays["filters"]


def share_of_strokes(dashboard: Dashboard, run: str) -> float:
    """Share of a live run's filters that are strokes."""
    _, filters = live_filters(dashboard, run)
    return stroke_share(filters, IMAGE)


def test_before_anything_is_pressed_the_real_untrained_network_is_shown(live: LivePage) -> None:
    """Static filters, grey copies, the formula with its numbers, and one line that says what to press."""
    assert live.notice() == "Nothing learned yet. Press Play (Space)."
    assert live.number("step") == 0
    assert live.number("fvu") > 0.5
    numbers = [float(text) for text in live.page.locator(".ps-term-number:visible").all_inner_texts()]
    objective, reconstruction, weight, sparsity = numbers
    assert objective == pytest.approx(reconstruction + weight * sparsity, abs=0.01)
    assert live.page.locator(".ps-digit").count() == 10
    assert live.complaints == []


def test_play_raises_strokes_out_of_the_static(live: LivePage, dashboard: Dashboard) -> None:
    """Space, and within 3 s the first tenth of the filters has turned from static into strokes, soon after it most.

    ``python -m tests.bench live`` says how long it took; nothing leaves this machine.
    """
    assert stroke_share(first_filters(), IMAGE) == 0
    time.sleep(3)  # a reader looks before pressing; the spare worker has its torch by then
    began = time.perf_counter()
    live.play()
    wait_until(lambda: live.run, 3, "no run began")
    wait_until(lambda: share_of_strokes(dashboard, live.run) > 0.1, 5, "no strokes appeared")
    assert time.perf_counter() - began <= 3, "the first strokes came late"
    wait_until(lambda: share_of_strokes(dashboard, live.run) > 0.5, 3, "most filters stayed static")
    assert live.complaints == []
    assert live.foreign_requests() == []


def test_a_drag_is_one_gesture_in_the_events_and_acts_at_a_recorded_step(live: LivePage, dashboard: Dashboard) -> None:
    """Every value of a drag is an event of the run, applied at a recorded step at once; the chart gets one marker."""
    live.play()
    wait_until(lambda: live.number("step") > 20, 30, "training did not begin")
    live.drag_dial(0.63, 0.8)
    run = Runs(dashboard.runs).open(live.run)
    wait_until(lambda: [a for a in run.applied()[0] if a.kind == "set"], 3, "the drag was never applied")
    time.sleep(0.3)
    sets = [event for event in run.events()[0] if event.kind == "set"]
    assert len(sets) >= 5, "a drag speaks while it moves"
    assert len({event.fields["drag"] for event in sets}) == 1
    applied = [record for record in run.applied()[0] if record.kind == "set"]
    at = {event.offset: event.time for event in sets}
    delays = sorted(record.time - at[record.event] for record in applied)
    assert delays[len(delays) // 2] <= 0.05
    assert all(record.step >= 0 for record in applied)
    wait_until(lambda: live.page.locator(".ps-plot-loss .annotation").count() == 1, 3, "one drag is one marker")


def test_over_a_hundred_pictures_the_nodes_stay_and_a_zoom_is_kept(live: LivePage) -> None:
    """What ticks is updated in place: the same canvas and chart nodes, and a zoom survives."""
    live.play()
    wait_until(lambda: live.number("step") > 50, 30, "training did not begin")
    wait_until(lambda: live.page.locator(".ps-plot-loss .xaxislayer-above").count(), 10, "no chart was drawn")
    live.page.evaluate(
        """() => {
            window.kept = [...document.querySelectorAll('.ps-mosaic-canvas, .ps-plot, .ps-plot-loss .main-svg')];
            Plotly.relayout(document.querySelector('.ps-plot-loss'), {'xaxis.range': [0, 5000]});
        }"""
    )
    begun = live.number("pictures")
    wait_until(lambda: live.number("pictures") >= begun + 100, 60, "the pictures stopped")
    kept = live.page.evaluate("window.kept.map(node => node.isConnected)")
    assert len(kept) >= 5
    assert all(kept)
    assert live.page.evaluate("document.querySelector('.ps-plot-loss').layout.xaxis.range") == [0, 5000]
    assert live.complaints == []


def test_choosing_a_digit_lights_its_units_and_a_dearer_penalty_puts_lights_out(live: LivePage) -> None:
    """Key 1 chooses the first digit; dragging the dial up leaves fewer units lit for it."""
    live.page.locator(".ps-select").select_option("full")
    live.play()
    wait_until(lambda: live.number("step") > 300, 30, "training did not begin")
    live.page.keyboard.press("1")
    sentence = live.page.locator(".ps-filters + .ps-what")
    wait_until(lambda: sentence.inner_text().startswith("Lit: the "), 2, "choosing a digit lit nothing")
    before = int(sentence.inner_text().split()[2])
    live.drag_dial(0.63, 0.95, 0.4)
    wait_until(lambda: int(sentence.inner_text().split()[2]) < before / 2, 10, "no lights went out")
    assert "digit=0" in live.address


def test_the_filters_answer_to_the_keyboard(live: LivePage) -> None:
    """Arrow keys move the focus, Enter enlarges, Escape closes: no mouse is needed."""
    live.page.locator(".ps-mosaic-canvas").focus()
    live.page.keyboard.press("ArrowRight")
    live.page.keyboard.press("Enter")
    enlarged = live.page.locator(".ps-enlarged")
    wait_until(enlarged.is_visible, 2, "Enter enlarged nothing")
    assert "Unit 1, decoder weights" in enlarged.inner_text()
    live.page.keyboard.press("Escape")
    wait_until(lambda: not enlarged.is_visible(), 2, "Escape did not close it")


def test_reset_keeps_the_seed_and_the_earlier_run(live: LivePage, dashboard: Dashboard) -> None:
    """Reset is a new run with its parent recorded; New seed draws others."""
    live.play()
    wait_until(lambda: live.number("step") > 5, 30, "training did not begin")
    first = live.run
    live.page.keyboard.press("Backspace")
    wait_until(lambda: live.run not in ("", first), 20, "reset made no new run")
    runs = Runs(dashboard.runs)
    child = runs.open(live.run)
    assert child.meta.parent == first
    assert child.config.seed == runs.open(first).config.seed
    second = live.run
    live.page.keyboard.press("n")
    wait_until(lambda: live.run not in ("", first, second), 10, "new seed made no new run")
    assert runs.open(live.run).config.seed == child.config.seed + 1


def test_kl_shows_strokes_in_most_filters_within_15_seconds(context: BrowserContext, dashboard: Dashboard) -> None:
    """The KL preset needs no tuning: method in the URL, Play, and most filters are strokes."""
    live = LivePage(context.new_page()).open(dashboard.url + "?method=kl")
    began = time.perf_counter()
    live.play()
    wait_until(lambda: live.run, 15, "no run began")
    assert Runs(dashboard.runs).open(live.run).config.method == "kl"
    wait_until(lambda: share_of_strokes(dashboard, live.run) > 0.5, 15, "KL showed no strokes in most filters")
    assert time.perf_counter() - began <= 15


@pytest.mark.parametrize("method", ["topk", "batch-topk", "wta", "jumprelu", "kl", "textbook"])
def test_every_methods_first_line_stands_and_none_of_its_words_is_cut(
    context: BrowserContext, dashboard: Dashboard, method: str
) -> None:
    """What a dial's zones say is there in full or not at all; the formula's note leaves the tiles low."""
    live = LivePage(context.new_page()).open(f"{dashboard.url}?method={method}")
    wait_until(lambda: live.page.locator(".ps-zone").count() > 1, 10, "no zones")
    cut = """() => [...document.querySelectorAll(".ps-zone:not(.ps-zone-off)")].filter((zone) => {
      const words = document.createRange();
      words.selectNodeContents(zone);
      const [a, b] = [words.getBoundingClientRect(), zone.getBoundingClientRect()];
      const seen = (a.top + a.bottom) / 2 < b.bottom; // else they wrapped below, out of sight
      return seen && (a.left < b.left - 1 || a.right > b.right + 1);
    }).map((zone) => zone.textContent)"""
    assert live.page.evaluate(cut) == []
    assert live.page.evaluate("document.querySelector('.ps-tile').getBoundingClientRect().height") <= 90
    tops = live.page.evaluate("[...document.querySelectorAll('.ps-track')].map((t) => t.getBoundingClientRect().top)")
    assert len(set(tops)) == 1, "the dials stand at different heights"


def test_nothing_moves_between_the_first_screen_a_run_and_a_pause(live: LivePage) -> None:
    """No layout jump: every block of the page stands where it stood before Play, at the smallest laptop size."""
    blocks = ".ps-root > *, .ps-body > *, .ps-mosaic-canvas, .ps-plot, .ps-digit, .ps-tile"
    places = f"""() => [...document.querySelectorAll({blocks!r})]
        .map(node => node.getBoundingClientRect()).map(box => [box.x, box.y, box.width, box.height])"""
    wait_until(lambda: live.page.locator(".ps-plot .main-svg").count() >= 3, 10, "no chart was drawn")
    before = live.page.evaluate(places)
    live.play()
    wait_until(lambda: live.number("step") > 100, 30, "training did not begin")
    assert live.page.evaluate(places) == before
    live.play()
    wait_until(lambda: live.shown("state") == "paused", 10, "it did not pause")
    assert live.page.evaluate(places) == before
    assert live.page.evaluate("document.querySelector('.ps-copies').getBoundingClientRect().bottom") <= 768


def test_the_textbooks_own_trains_like_any_other_and_its_formula_speaks_its_letters(
    context: BrowserContext, dashboard: Dashboard
) -> None:
    """Chosen by its method, on its patches; the notation stays in the address, and β is a live dial."""
    live = LivePage(context.new_page()).open(f"{dashboard.url}?method=textbook")
    live.play()
    wait_until(lambda: live.number("step") > 20, 60, "L-BFGS did not begin")
    live.page.locator("[data-notation=course]").click()
    wait_until(lambda: "(1/m) Σ ½‖h(x) − x‖²" in live.page.locator(".ps-formula").inner_text(), 5, "no letters")
    wait_until(lambda: "notation=course" in live.address, 5, "the address says nothing of it")
    assert Runs(dashboard.runs).open(live.run).config.dataset == "patches"
    live.drag_dial(0.7, 0.5)
    wait_until(lambda: Runs(dashboard.runs).open(live.run).current_config().beta < 3, 5, "β was not steered")
    at = live.number("step")
    wait_until(lambda: live.number("step") > at + 5, 30, "it did not go on")
    assert live.complaints == []


def test_what_shapes_the_view_is_in_the_url_and_comes_back(live: LivePage, context: BrowserContext) -> None:
    """A second tab opened from the address shows the same run, digit, unit and weights."""
    live.play()
    wait_until(lambda: live.number("step") > 5, 30, "training did not begin")
    live.page.keyboard.press("3")
    live.page.keyboard.press("w")
    for part in ("run=", "digit=2", "weights=encoder"):
        wait_until(lambda part=part: part in live.address, 10, f"{part} is not in the URL")
    other = LivePage(context.new_page()).open(live.address)
    wait_until(lambda: other.run == live.run, 5, "the second tab found another run")
    wait_until(lambda: other.page.locator(".ps-digit.ps-chosen").count() == 1, 5, "the digit was forgotten")
    title = other.page.locator(".ps-filters .ps-chart-title")
    wait_until(lambda: "encoder" in title.inner_text(), 10, "the weights were forgotten")


def test_lecture_mode_hides_the_sidebar_and_enlarges_the_type(live: LivePage) -> None:
    """L, and it can be read from the last row."""
    size = "parseFloat(getComputedStyle(document.querySelector('.ps-root')).fontSize)"
    before = live.page.evaluate(size)
    live.page.keyboard.press("l")
    wait_until(lambda: not live.page.locator("[data-testid=stSidebar]").is_visible(), 5, "the sidebar stayed")
    assert live.page.evaluate(size) >= 1.3 * before
    assert "lecture" in live.address
    live.page.keyboard.press("l")
    wait_until(lambda: live.page.locator("[data-testid=stSidebar]").is_visible(), 5, "the sidebar did not return")


def test_nonsense_in_the_url_gets_a_sentence_and_a_usable_page(context: BrowserContext, dashboard: Dashboard) -> None:
    """Whatever stands in the address, the page opens and says what was wrong; then Play works."""
    live = LivePage(context.new_page())
    for nonsense, said in NONSENSE.items():
        live.open(dashboard.url + nonsense)
        assert "Traceback" not in live.page.inner_text("body")
        toast = live.page.locator("[data-testid=stToast]")
        wait_until(lambda toast=toast: toast.count(), 5, f"nothing was said of {nonsense}")
        assert said in " ".join(toast.all_inner_texts())
    live.play()
    wait_until(lambda: live.number("step") > 0, 30, "Play did nothing")


NONSENSE = {
    "?run=../..": "..",
    "?run=no-such-run": "no-such-run",
    "?n_latents=0": "n_latents is 0",
    "?method=magic": "magic",
    "?digit=99&latent=-3": "-3",
    "?seed=NaN": "seed",
}
"""Addresses, and what the sentence about each has to name."""


def test_marked_settings_apply_at_the_next_reset_only(live: LivePage, dashboard: Dashboard) -> None:
    """Another width in the sidebar leaves the running model alone until reset."""
    live.play()
    wait_until(lambda: live.number("step") > 5, 30, "training did not begin")
    first = live.run
    width = live.page.get_by_role("spinbutton", name="Hidden units (latents)")
    width.fill("128")
    width.press("Enter")
    time.sleep(1.5)
    assert live.run == first
    assert Runs(dashboard.runs).open(first).config.n_latents == 256
    live.page.locator(".ps-mosaic-canvas").focus()
    live.page.keyboard.press("Backspace")
    wait_until(lambda: live.run not in ("", first), 20, "reset made no new run")
    assert Runs(dashboard.runs).open(live.run).config.n_latents == 128
    assert json.loads((dashboard.runs / live.run / "config.json").read_text())
