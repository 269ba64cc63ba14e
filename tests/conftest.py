"""What every test stands on: its own folders, no network, and a browser where one is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


TRIED_AGAIN = ("browser", "dashboard", "runs", "sweep")
"""Folders whose tests hold a page, a server or a worker to seconds while models train beside it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test against the clock be tried again.

    On a shared machine a moment of someone else's work can break a bound in seconds, but hardly three times running.
    """
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).parts[0] in TRIED_AGAIN:
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where two share the tests (``-n 2``), each takes whole files, and one takes all that drives a browser, first.

    A file's tests share what they start; two browsers, each beside a model in training, would fight for the cores.
    """
    from xdist.scheduler import LoadScopeScheduling

    class WholeFiles(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "tests/browser" if file.startswith("tests/browser/") else file

    config.option.loadscopereorder = False
    return WholeFiles(config, log)


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
