"""Data of one's own on the page: by its path, drawn in colour and off the square, or said to have no picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.house import LivePage
from tests.browser.test_modules import ask


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red or blue images of 6 × 9 pixels, and vectors of 20 numbers."""
    made, random = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    images = random.integers(0, 90, (600, 6, 9, 3), dtype=np.uint8)
    images[np.arange(600), :, :, 2 * (np.arange(600) % 2)] += 160
    np.save(made / "tinted.npy", images)
    np.save(made / "vectors.npy", random.standard_normal((600, 4)) @ random.standard_normal((4, 20)))
    return made


def choose(live: LivePage, path: Path) -> None:
    """Write the path into the sidebar."""
    sidebar = live.page.get_by_test_id("stSidebar")
    field = live.page.get_by_role("textbox", name="Path on this machine")
    if not field.is_visible():
        sidebar.get_by_test_id("stSelectbox").filter(has_text="Data set").locator("input").click()
        live.page.get_by_role("option", name="Your own").click()
    field.fill(str(path))
    field.press("Enter")


def wait_for(live: LivePage, expression: str, value: Any = None) -> None:
    live.page.wait_for_function(expression, arg=value, timeout=20_000)


def colours(live: LivePage, selector: str) -> set[tuple[int, ...]]:
    """Every colour on a canvas."""
    found = live.page.evaluate(
        """selector => {
            const c = document.querySelector(selector);
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const colours = Array.from({length: d.length / 4}, (_, i) => d.slice(4 * i, 4 * i + 3).join());
            return [c.width, c.height, ...new Set(colours)];
        }""",
        selector,
    )
    return {tuple(found[:2])} | {tuple(map(int, text.split(","))) for text in found[2:]}


def test_shapes_of_pictures_and_of_what_has_none(live: LivePage) -> None:
    """Height, width, colours; a vector is a strip, and known to be one."""
    assert ask(live, "mosaic", "m.imageShape([28, 28], 784)") == [28, 28, 1]
    assert ask(live, "mosaic", "m.imageShape([6, 9, 3], 162)") == [6, 9, 3]
    assert ask(live, "mosaic", "m.imageShape([20], 20)") == [1, 20, 1]
    assert ask(live, "mosaic", "[m.isVector([20]), m.isVector([6, 9, 3])]") == [True, False]


def test_a_wrong_path_is_a_sentence_and_a_right_one_trains_in_colour(live: LivePage, folder: Path) -> None:
    """The fixed images are as they are, red or blue, six by nine; the filters have colours."""
    choose(live, folder / "nothing.npy")
    live.page.get_by_text(f"There is no file or folder {folder / 'nothing.npy'}").wait_for()
    choose(live, folder / "tinted.npy")
    live.page.get_by_text("There is no file or folder").wait_for(state="detached")
    live.page.get_by_role("button", name="Play", exact=True).click()
    wait_for(live, "document.querySelectorAll('.ps-digit canvas')[0]?.width === 9")
    wait_for(live, "Number(document.querySelector('.ps-root').dataset.step) > 20")
    shown = colours(live, ".ps-digit canvas")
    assert (9, 6) in shown
    assert any(max(colour) - min(colour) > 60 for colour in shown if len(colour) == 3)
    assert any(len(set(colour)) == 3 for colour in colours(live, ".ps-mosaic-canvas") if len(colour) == 3)
    assert "middle grey is zero" in live.page.locator(".ps-filters + .ps-what").inner_text()
    live.page.reload()
    live.page.get_by_text("600 images of 6×9×3, without labels, 100 of them held out at random").wait_for()
    assert live.complaints == []


def test_vectors_say_that_there_are_no_filters_to_draw(live: LivePage, folder: Path) -> None:
    """Each unit is a square; choosing one of the vectors still lights those that fire for it."""
    choose(live, folder / "vectors.npy")
    live.page.locator(".stAlert").wait_for(state="detached")
    wait_for(live, "path => decodeURIComponent(location.href).includes(path)", str(folder / "vectors.npy"))
    live.page.get_by_role("button", name="Play", exact=True).click()
    title = live.page.locator(".ps-filters .ps-chart-title")
    wait_for(live, "document.querySelector('.ps-root').classList.contains('ps-vectors')")
    assert title.inner_text() == "256 hidden units: vectors have no filters to draw"
    live.page.locator(".ps-digit").first.click()
    live.page.get_by_text("units that fire for “vector 1”").wait_for()
    assert live.page.locator(".ps-digit-name").last.inner_text() == "vector 5, reversed"
    assert live.complaints == []
