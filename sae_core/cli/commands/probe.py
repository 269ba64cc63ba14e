"""`penstroke probe`: what a linear classifier makes of the codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import error_console, images_of_run, out, print_json
from sae_core.config import ConfigError
from sae_core.runs.folder import Runs

if TYPE_CHECKING:
    from sae_core.probe import ProbeResult

__all__ = ["probe"]

NAMES = {"codes": "codes", "pixels": "raw pixels", "pca": "PCA", "random": "random dictionary"}


def probe(
    run: RunId,
    labels: Annotated[
        str, typer.Option(metavar="COUNTS", help="Labelled images per class, with commas between.")
    ] = "10,100,1000,all",
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Draws of the labelled images, averaged over.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the labelled images and the random dictionary.")] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Use every training image, however many and however wide the codes.")
    ] = False,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Train a linear classifier on a run's codes: test accuracy beside raw pixels, PCA and a random dictionary."""
    from sae_core.probe.run import probe_run

    counts = [_count(text.strip()) for text in labels.split(",")]
    directory = Runs(runs).open(run)
    images = images_of_run(directory)
    columns = (
        TextColumn("probe"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=error_console()) as bar:
        task = bar.add_task("encoding", total=None)
        result = probe_run(
            directory,
            images,
            counts=counts,
            repeats=repeats,
            seed=seed,
            everything=everything,
            progress=lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
        )
    if as_json:
        print_json({"run": run, **result.record()})
    else:
        _show(run, result)
    return 0


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise ConfigError(f"labels has {text!r}, but each is a number of images per class, or all.")


def _show(run: str, result: ProbeResult) -> None:
    from sae_core.probe import Kind

    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("test accuracy from")
    for count in result.counts:
        table.add_column("all labels" if count is None else f"{count:,} per class", justify="right", no_wrap=True)
    for kind in get_args(Kind):
        cells = [result.score(kind, count) for count in result.counts]
        table.add_row(
            NAMES[kind], *(f"{s.accuracy:.1%}" + (f" ± {100 * s.spread:.1f}" if s.repeats > 1 else "") for s in cells)
        )
    out().print(table)
    of = "" if result.n_train == result.n_available else f" (a sample of {result.n_available:,}; --all takes all)"
    out().print(
        f"{run} at step {result.step:,}: {result.n_train:,} training images{of}, {result.n_test:,} test images; "
        f"logistic regression on standardised features, C = {result.C:g}, at most {result.max_iterations} iterations."
    )
    mistakes = result.confusion - np.diag(np.diag(result.confusion))
    if mistakes.any():
        truth, answer = np.unravel_index(mistakes.argmax(), mistakes.shape)
        out().print(
            f"Most often mistaken, from the codes: {result.class_names[truth]} for {result.class_names[answer]}, "
            f"{mistakes[truth, answer]:,} of {result.confusion[truth].sum():,}."
        )
