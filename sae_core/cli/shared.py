"""Arguments that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AsJson", "RunId", "RunsFolder"]

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `penstroke runs` lists it.")]
RunsFolder = Annotated[
    str | None,
    typer.Option("--runs", metavar="FOLDER", help="Where runs are kept. (default: $PENSTROKE_RUNS, or a user folder)"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]
