"""A dashboard and a tab for every browser test; skipped, with the reason, where no Chromium is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.house import Dashboard, LivePage, chromium_path, launch_chromium, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    if chromium_path() is None:
        pytest.skip("no Chromium is installed: install Debian's package chromium, or Chrome")
    with sync_playwright() as playwright:
        chromium = launch_chromium(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def dashboard(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard that all tests share, with the runs they made: to start one, and its spare, takes long."""
    yield from running(Dashboard(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="session")
def profile(browser: Browser, dashboard: Dashboard) -> Iterator[BrowserContext]:
    """A fresh profile at the smallest laptop size; tests share what it compiled of the page's scripts."""
    fresh = browser.new_context(viewport={"width": 1366, "height": 768})
    yield fresh
    fresh.close()


@pytest.fixture
def context(profile: BrowserContext) -> Iterator[BrowserContext]:
    """The profile, with no tab left open afterwards.

    A tab that is closed while it is still on its way somewhere can hang Playwright for good: it comes to rest first.
    """
    yield profile
    for page in profile.pages:
        page.goto("about:blank", timeout=10_000)
        page.close()


@pytest.fixture
def live(context: BrowserContext, dashboard: Dashboard) -> LivePage:
    """The Train page, opened, with its first picture drawn."""
    return LivePage(context.new_page()).open(dashboard.url)


@pytest.fixture(autouse=True)
def _end_runs(dashboard: Dashboard) -> Iterator[None]:
    """Leave no run training behind a test: the next one needs the cores."""
    yield
    dashboard.stop_runs()
