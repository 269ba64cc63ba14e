"""What holds for the whole suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_BROWSER, ROOT

SKIPPED = """
import pytest

@pytest.mark.browser
def test_of_the_page():
    pytest.skip("no browser here")

def test_of_something_else():
    pytest.skip("not today")
"""


@pytest.mark.parametrize(
    ("required", "status", "outcome"), [("", 0, "2 skipped in"), ("1", 1, "1 failed, 1 skipped in")]
)
def test_a_skipped_browser_test_fails_where_a_browser_is_required(
    tmp_path: Path, required: str, status: int, outcome: str
):
    """So that no green suite hides a missing browser; other skips stay skips."""
    (tmp_path / "test_skipped.py").write_text(SKIPPED)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml"), "."]
    environment = {**os.environ, REQUIRE_BROWSER: required, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, outcome in done.stdout) == (status, True), done.stdout
