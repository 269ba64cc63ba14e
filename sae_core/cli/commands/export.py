"""`penstroke export` and `penstroke import`: a run to take along, and one from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import out, print_json
from sae_core.runs.folder import Runs

__all__ = ["export", "import_"]


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


def import_(
    folder: Annotated[Path, typer.Argument(help="A folder that SAELens saved: cfg.json and sae_weights.safetensors.")],
    dataset: Annotated[str, typer.Option(help="The images it is measured on.")] = "mnist",
    name: Annotated[str | None, typer.Option(help="The run's id. (default: the folder's name)")] = None,
    runs: RunsFolder = None,
) -> int:
    """Open a SAELens folder as a finished run, so that every page can look at it."""
    from sae_core.export.opening import open_saelens

    run = open_saelens(folder, Runs(runs), dataset=dataset, name=name)
    out().print(f"{folder} → the run {run.id}: `penstroke dashboard` shows it.")
    return 0


def write_to(path: Path) -> Path:
    """The path, with the folder it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
