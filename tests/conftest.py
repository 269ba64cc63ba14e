"""What every test stands on: its own folders, no network, and a browser where one is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

TESTS = Path(__file__).parent

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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads what it says
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test with real processes be tried again; say what stays together where two share the work (``-n 2``).

    On a shared machine a moment of someone else's work can break a bound in seconds, but hardly three times running.
    A file's tests share what they start. All that drives a browser is one share: two of them and two models in
    training would fight for the cores.
    """
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        place = item.path.relative_to(TESTS)
        if place.parts[0] in REAL_PROCESSES:
            item.add_marker(pytest.mark.flaky(reruns=2))
        item.add_marker(pytest.mark.xdist_group("browser" if place.parts[0] == "browser" else place.as_posix()))


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
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's, untyped here
    if report.skipped and item.get_closest_marker("browser") and os.environ.get(REQUIRE_BROWSER):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but {REQUIRE_BROWSER} is set: {call.excinfo}"
