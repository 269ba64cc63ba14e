"""What every test stands on: its own folders, no network, and a browser where one is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

REQUIRE_BROWSER = "PENSTROKE_REQUIRE_BROWSER"
"""Set (by .ci/run), a browser test that would be skipped fails instead."""


@pytest.fixture(scope="session", autouse=True)
def _not_the_users_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor does a fixture that several tests share."""
    home = tmp_path_factory.mktemp("shared-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENSTROKE_RUNS", str(home / "runs"))
        patch.setenv("PENSTROKE_DATA", str(home / "data"))
        yield


REAL_PROCESSES = ("browser", "cli", "dashboard", "runs", "sweep")
"""Folders whose tests start real processes and wait for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test with real processes be tried again.

    On a shared machine a moment of someone else's work can break a bound in seconds, but hardly three times running.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in REAL_PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or leaves anything in, the folders of whoever runs the suite."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PENSTROKE_RUNS", str(home / "runs"))
    monkeypatch.setenv("PENSTROKE_DATA", str(home / "data"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skipped browser test into a failure where a browser is required."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and item.get_closest_marker("browser") and os.environ.get(REQUIRE_BROWSER):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but {REQUIRE_BROWSER} is set: {call.excinfo}"
