"""The live view's plain modules, asked directly in the browser: scales, thinning, layout, formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.house import Dashboard, LivePage


@pytest.fixture(scope="module")
def live(profile: BrowserContext, dashboard: Dashboard) -> Iterator[LivePage]:
    """A tab at the modules' address that shows none of the app's pages: nothing here needs one."""
    tab = LivePage(profile.new_page())
    tab.page.goto(f"{dashboard.url}penstroke/components/dom.js")
    yield tab
    tab.page.close()


def ask(live: LivePage, module: str, expression: str) -> Any:
    """Evaluate an expression of a module's exports (as `m`) in the page."""
    return live.page.evaluate(f"import('/penstroke/components/{module}.js').then(m => ({expression}))")


def test_the_dials_leftmost_stretch_is_exactly_off_and_the_rest_is_logarithmic(live: LivePage) -> None:
    """Off at 0; the middle of the remaining track is the geometric middle of the range; the end is the end."""
    scale = "m.scaleOf({off: true, integer: false, dial: [0.01, 1]})"
    assert ask(live, "dial", f"[0, 0.03, 1].map({scale}.toValue)") == [0, 0, 1]
    assert ask(live, "dial", f"{scale}.toValue(0.07 + 0.93 / 2)") == pytest.approx(0.1)
    assert ask(live, "dial", f"[0, 0.01, 0.1, 1].map(v => {scale}.toValue({scale}.toPosition(v)))") == [0, 0.01, 0.1, 1]


def test_an_integer_dial_gives_whole_numbers_from_its_first_stop(live: LivePage) -> None:
    """A dial for k has no off: it begins at 1."""
    values = ask(live, "dial", "[0, 0.5, 1].map(m.scaleOf({off: false, integer: true, dial: [1, 256]}).toValue)")
    assert values == [1, 16, 256]


def test_curves_keep_their_newest_points_within_a_fixed_size(live: LivePage) -> None:
    """However many points come, at most 1,600 stay; first and last are there, and steps stay in order."""
    steps = ask(
        live,
        "rows",
        """(() => { const rows = new m.Rows();
        for (let i = 0; i < 200; i++) {
            const step = Array.from({length: 50}, (_, j) => 50 * i + j);
            rows.add({step, weight: step.map(() => 2), sparsity: step});
        }
        return rows.column('step').map((s, i) => [s, rows.column('penalty')[i]]); })()""",
    )
    assert len(steps) <= 1600
    assert steps[0][0] == 0
    assert [s for s, _ in steps[-100:]] == list(range(9900, 10_000))
    assert all(a < b for (a, _), (b, _) in pairwise(steps))
    assert all(penalty == 2 * step for step, penalty in steps)


def test_a_resumed_attempt_replaces_the_points_it_repeats(live: LivePage) -> None:
    """Steps that a crash superseded go when they come again."""
    steps = ask(
        live,
        "rows",
        """(() => { const rows = new m.Rows();
        rows.add({step: [1, 2, 3, 4]});
        rows.add({step: [3, 4, 5]});
        return rows.column('step'); })()""",
    )
    assert steps == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("n", "width", "height"), [(256, 600, 270), (1024, 600, 270), (4096, 900, 900), (1, 50, 50), (7, 300, 40)]
)
def test_the_mosaic_fits_its_box_with_tiles_as_large_as_can_be(live: LivePage, n: int, width: int, height: int) -> None:
    """No other number of columns gives larger tiles."""
    columns = ask(live, "mosaic", f"m.columnsFor({n}, {width}, {height}, 30, 30)")

    def scale(columns: int) -> float:
        return min(width / (30 * columns), height / (30 * -(-n // columns)))

    assert scale(columns) == pytest.approx(max(scale(c) for c in range(1, n + 1)))


def test_zero_weight_is_the_papers_colour_in_light_and_dark(live: LivePage) -> None:
    """128 is no ink: the page itself; and the two signs differ."""
    for paper, packed in (("#ffffff", 0xFFFFFFFF), ("#0f1216", 0xFF16120F)):
        table = ask(live, "colours", f"Array.from(m.makePalette('{paper}', '#0072b2').weights)")
        assert table[128] == packed
        assert table[1] != table[255]


def test_garbage_is_no_frame(live: LivePage) -> None:
    """Bytes that do not begin as a frame give null, not an exception."""
    assert ask(live, "frame", "m.parseFrame(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]).buffer)") is None


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({}, "everything is dead from 3.4 on"),
        ({"weight": 0.001, "dial": 0.001}, "inert here: the penalty is 0.5% of J"),
        ({"l0": 0.1, "fvu": 0.99}, "saturated: next to nothing is lit; from 3.4 on, nothing can be"),
        ({"target": 20}, "finding the weight for L0 = 20"),
        ({"target": 27}, "the weight follows L0 = 27"),
        ({"target": 9, "dial": 3.4, "weight": 3.4}, "L0 = 9 is out of reach: at the largest weight 27.3 are still lit"),
        ({"target": 99, "dial": 3e-5, "weight": 3e-5}, "L0 = 99 is out of reach: without a penalty only 27.3 are lit"),
        ({"target": 20, "weight": 0.05}, "warming up, then finding the weight for L0 = 20"),
        ({"dial": 0, "weight": 0}, ""),
    ],
)  # fmt: skip
def test_the_page_says_what_the_weight_does_where_it_is_not_to_be_seen(
    live: LivePage, frame: dict[str, float], said: str
) -> None:
    """Nothing, too much, or what a target asks of it; λ_max is 3.37."""
    now = {"step": 900, "weight": 0.1, "dial": 0.1, "sparsity": 2, "objective": 0.4, "l0": 27.3, "fvu": 0.2}
    shown = {**now, "largest_weight": 3.37, "target": 0, **frame}
    method = {"penalty": "L1 sparsity", "dial": "penalty_weight", "target": "target_l0"}
    assert ask(live, "numbers", f"m.weightNote({json.dumps(shown)}, {json.dumps(method)})") == said


def test_a_late_start_is_explained_and_an_early_one_is_not(live: LivePage) -> None:
    """Once the time is up, however often the status comes again; with the first step the sentence is gone."""
    said = ask(
        live,
        "notice",
        """(() => {
        const usual = window.setTimeout, due = [];
        window.setTimeout = (explain) => due.push(explain);
        const notice = new m.Notice(() => {}), said = () => notice.text.textContent;
        const starts = () => (notice.status("run", {state: "starting"}), said());
        const heard = [starts(), starts()];
        due.forEach((explain) => explain());
        heard.push(said(), starts(), due.length);
        notice.status("run", {state: "training"}, "Drag it.");
        heard.push(said(), starts());
        window.setTimeout = usual;
        return heard;
        })()""",
    )
    explained = said[2]
    assert "may have to be compiled" in explained
    assert said == ["Starting…", "Starting…", explained, explained, 1, "Drag it.", "Starting…"]
