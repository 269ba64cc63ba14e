"""`penstroke evaluate`: a run's newest checkpoint on the test set, by a few measures or by all there are."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import error_console, images_of_run, out
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs

if TYPE_CHECKING:
    from sae_core.metrics import Measures

__all__ = ["evaluate"]


def evaluate(
    run: RunId,
    everything: Annotated[bool, typer.Option("--all", help="Every measure there is, not only the usual ones.")] = False,
    table: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every measure of each hidden unit, a row each.")
    ] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Measure a run's newest checkpoint on the test set."""
    from sae_core.cli.commands.training import print_results
    from sae_core.measuring import measure
    from sae_core.runs.results import results
    from sae_core.runs.run import Run

    directory = Runs(runs).open(run)
    images = images_of_run(directory)
    record = results(directory, images)
    if everything or table is not None:
        with Progress(*Progress.get_default_columns(), console=error_console()) as bar:
            task = bar.add_task("measuring", total=len(images.test))
            model = Run(directory).model()
            measures = measure(model, images, progress=lambda done, _: bar.update(task, completed=done))
        if table is not None:
            _write(table, measures, images.class_names)
        record = {**record, "measures": measures.numbers()} if everything else record
    print_results(record, as_json=as_json)
    if everything and not as_json:
        for name, value in measures.numbers().items():
            out().print(f"  {name:<22} {'not defined' if value != value else f'{value:.6g}'}")  # noqa: PLR0124 (NaN)
    return 0


def _write(path: Path, measures: Measures, class_names: tuple[str, ...]) -> None:
    columns = measures.latents()
    lists = {name: values.tolist() for name, values in columns.items()}
    if "preferred" in lists:
        lists["preferred"] = [class_names[i] if i >= 0 else "" for i in lists["preferred"]]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(lists)
            writer.writerows(zip(*lists.values(), strict=True))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}.") from None
