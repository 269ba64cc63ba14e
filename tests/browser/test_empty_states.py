"""Data that are not MNIST, on every page that looks at a run: pictures of all kinds, vectors, no labels, one class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext

from sae_core import load_images
from tests.browser.house import Dashboard, LivePage
from tests.browser.made import made_run

PAGES = ("features", "take-apart", "sparsity", "classify")
READY = (
    ".ps-unit[data-complete=true], .pa-root[data-decodes], .pl-root[data-surveyed], .stAlert, "
    "button:has-text('Train the probe')"
)


@pytest.fixture(scope="module", autouse=True)
def _runs(dashboard: Dashboard, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Four, on files of one's own."""
    folder: Path = tmp_path_factory.mktemp("data")
    bars = np.zeros((300, 20, 10), np.uint8)
    bars[np.arange(300), np.arange(300) % 20] = 255
    digits = np.rint(255 * load_images("digits").train[:300]).astype(np.uint8).reshape(-1, 8, 8)
    files = {
        "tall": {"x": bars},
        "colour": {"x": np.stack([bars, bars[::-1], bars], -1), "y": np.arange(300) % 3},
        "vectors": {"x": np.random.default_rng(0).random((300, 40), np.float32), "y": np.arange(300) % 2},
        "one": {"x": digits, "y": np.zeros(300, np.int64)},
    }
    for name, arrays in files.items():
        np.savez(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]
        knobs = {"n_latents": 24, "batch_size": 50, "penalty_weight": 0.03}
        made_run(dashboard.runs, name, dataset=str(folder / f"{name}.npz"), **knobs)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("run", ["tall", "colour", "vectors", "one"])
def test_every_page_shows_it_or_says_why_not(
    context: BrowserContext, dashboard: Dashboard, run: str, page: str
) -> None:
    """No page breaks, and no complaint is in the console."""
    live = LivePage(context.new_page())
    live.page.goto(f"{dashboard.url}{page}?run={run}")
    live.page.wait_for_selector(READY, timeout=40_000)
    live.page.wait_for_timeout(300)
    assert [text for text in live.complaints if "404" not in text] == []
    assert live.page.locator(".ps-trouble:visible, .pa-trouble:visible, .stException").count() == 0
    said = live.page.locator(".stAlert")
    expected = {("take-apart", "vectors"): "vectors of 40 numbers", ("classify", "one"): "of one class"}
    expected[("classify", "tall")] = "have no labels"
    for (where, what), sentence in expected.items():
        if (page, run) == (where, what):
            assert sentence in said.inner_text()
