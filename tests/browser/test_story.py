"""The 60-second story plays through by itself, and every figure of its table comes out."""

from __future__ import annotations

import json
import math
import time

import pytest

from sae_core.data.assets import asset
from tests.browser.house import LivePage, wait_until

THIRD = 0.07 + 0.93 * math.log(0.3 / 0.003) / math.log(1 / 0.003)
"""Where .3 lies on the dial's track."""

SCRIPT = json.loads(asset("stories/sixty-seconds.json").read_text(encoding="utf-8"))


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_story_plays_through_by_itself_with_its_figures(live: LivePage) -> None:
    """Each step's explained share, lit units and dead share are inside its band just before the next begins.

    Each band reaches from what a slow machine gets to where more steps change nothing (FVU .17 at .10, .336 at .3,
    .705 at 1), so that a fast one does not fall out of it.
    """
    play_the_story(live)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_reset_at_a_penalty_agrees_with_a_drag_to_it(live: LivePage) -> None:
    """The story drags to .3; a reset at .3 trains as long, and agrees within 10% of FVU: the warm-up does it."""
    dragged = play_the_story(live)[3]
    live.page.get_by_role("button", name="close").click()
    first = live.run
    live.drag_dial(0.63, THIRD)
    live.page.keyboard.press("Backspace")
    wait_until(lambda: live.run not in ("", first), 10, "reset made no new run")
    wait_until(lambda: live.number("step") >= dragged["step"], 90, "the reset run did not get there")
    assert float(live.page.locator(".ps-dial-value").first.inner_text()) == pytest.approx(0.3, abs=0.02)
    assert live.number("fvu") == pytest.approx(dragged["fvu"], rel=0.10)


def play_the_story(live: LivePage) -> dict[int, dict[str, float]]:
    """What was seen in each step, having checked it against the script's bands."""
    live.page.get_by_role("button", name="60-second story").click()
    seen = follow_the_story(live)
    outside = [
        (step["name"], name, seen[i][name], band)
        for i, step in enumerate(SCRIPT["steps"])
        for name, band in step["expect"].items()
        if not band[0] <= seen[i][name] <= band[1]
    ]
    assert outside == []
    assert live.complaints == []
    return seen


def follow_the_story(live: LivePage) -> dict[int, dict[str, float]]:
    """What was last shown during each step, until its clock has stopped by itself at the end."""
    seen: dict[int, dict[str, float]] = {}
    look = """() => {
        const dots = [...document.querySelectorAll('.ps-dot')];
        const {fvu, l0, dead, step} = document.querySelector('.ps-root').dataset;
        const clock = [...document.querySelectorAll('.ps-story .ps-link')][0].textContent;
        return [dots.findIndex(dot => dot.classList.contains('ps-now')), +fvu, +l0, +dead, +step, clock];
    }"""
    began = time.perf_counter()
    while time.perf_counter() - began < 120:
        index, fvu, l0, dead, step, clock = live.page.evaluate(look)
        if clock == "play by itself" and index == len(SCRIPT["steps"]) - 1:
            return seen
        seen[index] = {"fvu": fvu, "l0": l0, "dead": dead, "step": step}
        time.sleep(0.1)
    raise AssertionError(f"the story did not end by itself; it came to {seen}")
