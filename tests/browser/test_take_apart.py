"""The page "Take apart" in real Chromium: an image through the network, handles, drawings, uploads."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext

from sae_core import load_images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import write_atomically
from sae_core.runs.snapshots import snapshot_to_bytes
from sae_core.snapshot import Snapshot
from tests.browser.house import Dashboard, LivePage, wait_until
from tests.browser.made import made_run, with_probe

RUN = "a-little-learned"


@pytest.fixture(scope="module", autouse=True)
def made(dashboard: Dashboard) -> tuple[RunDirectory, Snapshot]:
    """A run, and a probe of it."""
    run, snapshot = made_run(dashboard.runs, RUN, n_latents=48, penalty_weight=0.05)
    with_probe(run, snapshot)
    return run, snapshot


class Apart(LivePage):
    """The page, read through what it shows."""

    def visit(self, dashboard: Dashboard, query: str = "") -> Apart:
        self.page.goto(f"{dashboard.url}take-apart?run={RUN}{query}")
        self.page.wait_for_function(
            "Number(document.querySelector('.pa-root')?.dataset.decodes ?? 0) > 1", timeout=40_000
        )
        return self

    def become(self, name: str, value: object) -> None:
        wait_until(lambda: self.shown(name) == str(value), 15, f"{name} is {self.shown(name)!r}, never {value!r}")

    def slider(self, i: int = 0) -> Any:
        return self.page.locator(".pa-card input").nth(i)


@pytest.fixture
def apart(context: BrowserContext, dashboard: Dashboard) -> Apart:
    """The page, opened at the first test image."""
    return Apart(context.new_page()).visit(dashboard, "&image=0")


def test_an_image_lights_few_units_here_and_nearly_all_of_a_plain_autoencoder(
    apart: Apart, made: tuple[RunDirectory, Snapshot]
) -> None:
    """The counts drawn are the model's own; the sum has a card for each unit that fires; nothing complains."""
    _, snapshot = made
    assert apart.number("lit") == int((snapshot.digits.codes[0] > 0).sum())
    assert apart.number("fvu") == pytest.approx(float(snapshot.digits.fvu[0]), abs=2e-3)
    plain = apart.page.locator(".pa-network").nth(1)
    wait_until(lambda: int(plain.get_attribute("data-lit") or 0) > 240, 10, "the plain autoencoder is not lit")
    assert "of 256 units lit" in plain.inner_text()
    assert apart.page.locator(".pa-card:not(.pa-still)").count() == min(18, apart.number("lit"))
    assert [text for text in apart.complaints if "404" not in text] == []
    assert apart.foreign_requests() == []


def test_a_handle_answers_while_it_is_dragged_and_undo_brings_everything_back(apart: Apart) -> None:
    """Each move of the mouse decodes anew; switching the strongest unit off costs; undoing restores the very number."""
    before = apart.number("fvu")
    box = apart.slider().bounding_box()
    y = box["y"] + box["height"] / 2
    decodes = apart.number("decodes")
    apart.page.mouse.move(box["x"] + box["width"] / 2, y)
    apart.page.mouse.down()
    seen = set()
    for i in range(1, 9):
        apart.page.mouse.move(box["x"] + box["width"] * (0.5 - i / 20), y)
        seen.add(apart.number("changed"))
    apart.page.mouse.up()
    assert len(seen) >= 6, "a handle speaks while it moves"
    assert apart.number("decodes") >= decodes + 6
    apart.page.get_by_role("button", name="Ablate unit").first.click()
    assert apart.number("changed") > before + 0.01
    assert "explained" in apart.page.locator(".pa-verdict").inner_text()
    apart.page.get_by_role("button", name="Undo the change", exact=True).click()
    assert apart.number("changed") == before


def test_a_silent_unit_can_be_added_and_an_unknown_one_is_refused(apart: Apart) -> None:
    """Adding puts a card in front and takes its handle in hand; a number there is not gives a sentence."""
    lit = apart.number("lit")
    apart.page.get_by_role("button", name="more of").click()
    shown = apart.page.locator(".pa-card:not(.pa-still) a").all_inner_texts()
    silent = next(j for j in range(48) if f"#{j}" not in shown)
    number = apart.page.get_by_label("Number of the unit to add")
    number.fill(str(silent))
    number.press("Enter")
    assert apart.number("lit") == lit + 1
    assert apart.page.locator(".pa-card:not(.pa-still) a").first.inner_text() == f"#{silent}"
    assert apart.page.evaluate("document.activeElement.ariaLabel") == f"Activation of unit {silent}"
    number.fill("48")
    number.press("Enter")
    assert apart.page.locator(".pa-trouble").inner_text() == "There is no unit 48: there are 48, counted from 0."


def test_the_sum_adds_up_one_by_one(apart: Apart) -> None:
    """The slider stops anywhere; at its end stands the whole reconstruction again."""
    slider = apart.page.get_by_label("How many units have been added")
    slider.focus()
    slider.press("Home")
    assert apart.page.locator(".pa-card.pa-later").count() > 1
    assert slider.get_attribute("aria-valuetext") == "the bias alone"
    slider.press("End")
    assert apart.page.locator(".pa-card.pa-later").count() == 0
    apart.page.get_by_role("button", name="Add up, one by one").click()
    wait_until(lambda: apart.page.locator(".pa-card.pa-later").count() > 1, 3, "the animation did not begin")
    apart.page.get_by_role("button", name="Stop").click()


def test_a_drawing_reaches_the_model(apart: Apart) -> None:
    """A bar drawn with the mouse is an image of its own, framed as MNIST's; undo and clear leave none."""
    apart.page.get_by_role("button", name="Draw one").click()
    pad = apart.page.locator(".pa-pad-canvas").bounding_box()
    apart.page.mouse.move(pad["x"] + 140, pad["y"] + 60)
    apart.page.mouse.down()
    for i in range(12):
        apart.page.mouse.move(pad["x"] + 140, pad["y"] + 60 + 12 * i)
    apart.page.mouse.up()
    apart.become("image", "your drawing")
    assert apart.number("lit") > 0
    preview = apart.page.locator(".pa-padbox figure canvas")
    rows = preview.evaluate(
        """canvas => { const {data} = canvas.getContext('2d').getImageData(0, 0, 28, 28);
        const side = [...Array(28).keys()];
        return side.filter(y => side.some(x => data[4 * (28 * y + x)] > 20)).length; }"""
    )
    assert rows == 20
    apart.page.get_by_role("button", name="Clear", exact=True).click()
    assert apart.page.get_by_role("button", name="Undo", exact=True).is_disabled()


def test_the_keyboard_draws_too(apart: Apart) -> None:
    """Space puts the pen down, arrows move it, Space lifts it; Z takes the stroke back."""
    apart.page.get_by_role("button", name="Draw one").focus()
    apart.page.keyboard.press("Enter")
    assert apart.page.evaluate("document.activeElement.className") == "pa-pad-canvas"
    for key in (" ", *["ArrowDown"] * 8, "ArrowRight", " "):
        apart.page.keyboard.press(key)
    apart.become("image", "your drawing")
    apart.page.keyboard.press("z")
    assert apart.page.get_by_role("button", name="Clear", exact=True).is_disabled()


def test_an_uploaded_digit_is_the_image_it_shows(apart: Apart) -> None:
    """A PNG of test image 3, enlarged, black on white: the same units light up; junk gets a sentence."""
    apart.page.get_by_label("Number of the test image").fill("3")
    apart.page.get_by_label("Number of the test image").press("Enter")
    apart.become("image", 3)
    lit, fvu = apart.number("lit"), apart.number("fvu")
    pixels = np.kron(255 - np.rint(255 * load_images("mnist").test[3]).reshape(28, 28), np.ones((5, 5)))
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    chooser = apart.page.locator("input[type=file]")
    chooser.set_input_files({"name": "three.png", "mimeType": "image/png", "buffer": file.getvalue()})
    apart.become("image", "your upload")
    assert apart.number("lit") == lit
    assert apart.number("fvu") == pytest.approx(fvu, abs=0.01)
    chooser.set_input_files({"name": "junk.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    apart.page.get_by_text("This is no picture that can be read").wait_for()


def test_a_newer_snapshot_comes_in_by_itself_and_handles_stay(
    apart: Apart, made: tuple[RunDirectory, Snapshot]
) -> None:
    """As while a run trains: other weights, the same image, the unit that was switched off still off."""
    run, snapshot = made
    apart.page.get_by_role("button", name="Ablate unit").first.click()
    switched_off = apart.page.locator(".pa-edited a").inner_text()
    fvu = apart.number("fvu")
    row = dataclasses.replace(snapshot.row, step=snapshot.row.step + 1)
    newer = dataclasses.replace(snapshot, row=row, filters=0.9 * snapshot.filters)
    write_atomically(run.path / "snapshot.safetensors", snapshot_to_bytes(newer))
    apart.become("step", row.step)
    wait_until(lambda: apart.number("fvu") != fvu, 5, "the newer weights were not shown")
    assert apart.shown("image") == "0"
    assert apart.page.locator(".pa-edited a").inner_text() == switched_off
    write_atomically(run.path / "snapshot.safetensors", snapshot_to_bytes(snapshot))


def test_the_image_travels_through_the_kept_steps(apart: Apart, made: tuple[RunDirectory, Snapshot]) -> None:
    """The slider's first place is the first kept step, its last one now; the address says which."""
    run, snapshot = made
    for step in (1, 2):
        row = dataclasses.replace(snapshot.row, step=step)
        early = dataclasses.replace(snapshot, row=row, filters=0.1 * step * snapshot.filters)
        (run.path / "history" / f"snapshot-{step:012d}.safetensors").write_bytes(snapshot_to_bytes(early))
    slider = apart.page.locator(".ps-scrub")
    wait_until(slider.is_enabled, 10, "the kept steps were not noticed")
    now = apart.number("fvu")
    slider.press("Home")
    apart.become("step", 1)
    wait_until(lambda: apart.number("fvu") > now + 0.05, 5, "the earlier weights were not shown")
    wait_until(lambda: "step=1" in apart.address, 10, "the address does not say which step")
    slider.press("End")
    apart.become("step", snapshot.row.step)
    assert apart.number("fvu") == now


def test_images_are_picked_from_lists_and_from_the_map(apart: Apart, dashboard: Dashboard) -> None:
    """Worst copied, next misread, the map with arrow keys: each shows another image, and the address says which."""
    apart.page.wait_for_function("!document.querySelector('.pa-picker button[title*=worst]').disabled", timeout=40_000)
    apart.page.get_by_role("button", name="Worst copied").click()
    wait_until(lambda: apart.number("fvu") > 0.6, 10, "the worst image is copied too well")
    apart.page.get_by_role("button", name="Next misread").click()
    wait_until(lambda: "The probe says" in apart.page.locator(".pa-verdict").inner_text(), 10, "no answer of the probe")
    label = int(load_images("mnist").test_labels[int(apart.number("image"))])
    wait_until(lambda: apart.shown("answer") != str(label), 5, "that image is read right")
    before = apart.shown("image")
    canvas = apart.page.locator(".pa-map-canvas")
    canvas.focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown", "Enter"):
        canvas.press(key)
    wait_until(lambda: apart.shown("image") != before, 10, "the map gave no image")
    wait_until(lambda: f"image={apart.shown('image')}" in apart.address, 10, "the address does not say which image")
