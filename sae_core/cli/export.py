"""`penstroke export`: a run to take along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import out, print_json
from sae_core.runs.folder import Runs

__all__ = ["export"]


def export(
    run: RunId,
    format: Annotated[
        str,
        typer.Option("--format", help="html, safetensors, saelens, png, gif, csv, latents or tensorboard."),
    ] = "html",
    to: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="Where to. (default: here, RUN.<format>)")
    ] = None,
    step: Annotated[int | None, typer.Option(min=0, help="A kept step. (default: the newest snapshot)")] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Take a run along: as a report, weights (also for SAELens), pictures, a film, tables, or TensorBoard's scalars."""
    from sae_core.export import FORMATS
    from sae_core.export import export as write

    directory = Runs(runs).open(run)
    suffix = FORMATS[format].suffix.removesuffix(".zip") if format in FORMATS else ""
    if format == "tensorboard":  # TensorBoard looks into folders, for this name
        suffix = "/events.out.tfevents.penstroke"
    target = write_to(to or Path(f"{directory.id}{suffix}"))
    write(directory, format, target, step)
    if as_json:
        print_json({"run": directory.id, "format": format, "path": str(target)})
    else:
        out().print(f"{directory.id} → {target}")
    return 0


def write_to(path: Path) -> Path:
    """The path, with the folder it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
