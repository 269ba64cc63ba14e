"""The command line, on the same runs as the page: results on stdout, all else on stderr, complaints in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper

from typer.exceptions import TyperException

from sae_core.cli.app import app
from sae_core.config import ConfigError
from sae_core.data import DataError
from sae_core.metrics import MeasureError
from sae_core.reproduce.report import ReproduceError
from sae_core.runs.files import RunError
from sae_core.tensorfile import TensorFileError
from sae_core.textbook.files import TextbookError

__all__ = ["main"]

EXPECTED = (ConfigError, DataError, MeasureError, ReproduceError, RunError, TensorFileError, TextbookError)
"""What people can cause; anything else is a fault of ours and keeps its traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for what failed, 2 for what was not understood."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # an old Windows console has no ✓ and no ρ
            stream.reconfigure(errors="replace")
    try:
        status = app(args=arguments, prog_name="penstroke", standalone_mode=False)
    except TyperException as error:
        return _complain(error.format_message(), error.exit_code)
    except EXPECTED as error:
        return _complain(str(error), 1)
    return status if isinstance(status, int) else 0


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return status
