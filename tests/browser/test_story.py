"""The 60-second story plays through by itself, and every figure of its table comes out."""

from __future__ import annotations

import json
import time

import pytest

from sae_core.data.assets import asset
from tests.browser.house import LivePage, wait_until

SCRIPT = json.loads(asset("stories/sixty-seconds.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(150)
def test_the_story_plays_through_with_its_figures_and_reset_agrees_with_drag(live: LivePage) -> None:
    """Each step's explained share, lit units and dead share are inside its band just before the next begins.

    Then a reset at .3 trains as long as the drag to .3 did, and agrees within 10% of FVU: warm-up is what makes it so.
    """
    live.page.get_by_role("button", name="60-second story").click()
    began = time.perf_counter()
    steps = SCRIPT["steps"]
    ends = [step["at"] for step in steps[1:]] + [60]
    seen = {}
    for step, end in zip(steps, ends, strict=True):
        time.sleep(max(0.0, began + end - 0.4 - time.perf_counter()))
        seen[step["name"]] = {name: live.number(name) for name in ("fvu", "l0", "dead", "step")}
    outside = [
        (step["name"], name, seen[step["name"]][name], band)
        for step in steps
        for name, band in step["expect"].items()
        if not band[0] <= seen[step["name"]][name] <= band[1]
    ]
    assert outside == []
    assert live.complaints == []

    live.page.get_by_role("button", name="close").click()
    dragged = seen["penalty .3"]["fvu"]
    reached = seen["penalty .3"]["step"]
    live.page.locator(".ps-track").first.focus()
    first = live.run
    live.page.evaluate("document.querySelector('.ps-track').blur()")
    live.drag_dial(0.63, 0.8045)
    live.page.keyboard.press("Backspace")
    wait_until(lambda: live.run not in ("", first), 5, "reset made no new run")
    wait_until(lambda: live.number("step") >= reached, 60, "the reset run did not get there")
    assert float(live.page.locator(".ps-dial-value").first.inner_text()) == pytest.approx(0.3, abs=0.02)
    assert live.number("fvu") == pytest.approx(dragged, rel=0.10)
