"""Running `penstroke` in this process, on runs so small that they take no time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sae_core.cli import main

SMALL = ("--dataset", "digits", "--latents", "16", "--batch-size", "64", "--threads", "1")


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """The JSON object on the last line of stdout."""
        record = json.loads(self.out.splitlines()[-1])
        assert isinstance(record, dict)
        return record


Penstroke = Callable[..., Said]


@pytest.fixture
def penstroke(capsys: pytest.CaptureFixture[str]) -> Penstroke:
    """The command line: `penstroke("train", "--steps", 3)`."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(status, out, err)

    return run


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A runs folder, and the id of a finished run in it."""
    folder = tmp_path_factory.mktemp("runs")
    assert main(["train", *SMALL, "--steps", "40", "--runs", str(folder), "--name", "done"]) == 0
    return folder, "done"
