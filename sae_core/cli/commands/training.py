"""`penstroke train` and `penstroke resume`: a run in this process, under a progress bar."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sae_core.cli.options import DEFAULT_EPOCHS, takes_knobs
from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import error_console, images_of, images_of_run, out, print_json
from sae_core.config import Config
from sae_core.presets import PRESETS
from sae_core.presets import preset as preset_called
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs, runs_folder
from sae_core.runs.path_file import read_path
from sae_core.sparsity import METHODS

if TYPE_CHECKING:
    from sae_core.data import Images
    from sae_core.snapshot import Row

__all__ = ["elsewhere", "print_results", "resume", "train", "train_run"]

DEFAULT_ITERATIONS = 400
"""Of L-BFGS on everything, as the course has them, where neither steps nor epochs are given."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@takes_knobs
def train(
    given: Mapping[str, str],
    *,
    preset: Annotated[
        str | None, typer.Option("--preset", metavar="|".join(PRESETS), help="Begin with knobs that belong together.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Becomes the run's id, where it is free.")
    ] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Train a sparse autoencoder; Ctrl-C saves it, and `penstroke resume` goes on from there."""
    begin = preset_called(preset) if preset else {}
    if "epochs" in given:
        begin.pop("steps", None)
    knobs = {**begin, **given}
    method = METHODS.get(str(knobs.get("method")))
    usual = {"steps": DEFAULT_ITERATIONS} if method and method.whole else {"epochs": DEFAULT_EPOCHS}
    ends = {} if knobs.keys() & {"epochs", "steps"} else usual
    config = Config(**{**ends, **knobs})
    images = images_of(config.dataset)
    return train_run(Runs(runs).create(config, name=name, origin="cli"), images, as_json=as_json)


def resume(run: RunId, runs: RunsFolder = None, as_json: AsJson = False) -> int:
    """Go on with a run that was paused, stopped or killed, bit for bit as if it had not been; of a path, with all."""
    from sae_core.cli.commands.path import resume_path  # which imports this module

    directory = Runs(runs).open(run)
    if (plan := read_path(directory.path)) is not None and plan.other:
        return resume_path(directory, as_json=as_json)
    if directory.alive():
        raise RunError(f"The run {run} already has a worker; `penstroke set`, or the page, can steer it.")
    if directory.status().state == "finished":
        raise RunError(f"The run {run} is finished: it has done all the steps it was asked for.")
    return train_run(directory, images_of_run(directory), as_json=as_json)


def train_run(run: RunDirectory, images: Images, *, as_json: bool) -> int:
    """Work on the run until it ends; its results go to stdout, and how to go on, where it ended early, to stderr."""
    from sae_core.runs.results import results
    from sae_core.runs.worker import work

    say = error_console().print
    say(f"[dim]run[/] {run.id}  [dim]in {run.path.parent}[/]")
    go_on = f"`penstroke resume {run.id}{elsewhere(run)}` goes on from there."
    try:
        with _progress_bar(run.config) as show:
            status = work(run, show, images=images)
    except KeyboardInterrupt:
        say(f"Interrupted at once, so only the last checkpoint is kept: {go_on}")
        return INTERRUPTED
    if status.step:
        print_results({**results(run, images), "state": status.state}, as_json=as_json)
    if status.state == "finished":
        return 0
    say(f"{status.reason or f'The run is {status.state}, at step {status.step:,}.'} {go_on}")
    return 1


def elsewhere(run: RunDirectory) -> str:
    """The option that finds a run kept in another folder than the usual one."""
    return "" if run.path.parent == runs_folder() else f" --runs {shlex.quote(str(run.path.parent))}"


def print_results(record: Mapping[str, Any], *, as_json: bool) -> None:
    """What `results` found, for a program or a person."""
    if as_json:
        print_json(record)
        return
    out().print(
        f"[bold]{record['run']}[/]: {record['steps']:,} steps in {record['seconds']:.1f} s "
        f"({record['images_per_second']:,.0f} images/s). On the test set {1 - record['fvu']:.0%} explained "
        f"(FVU {record['fvu']:.3f}), {record['l0']:.1f} lit per image (L0), {record['dead_fraction']:.1%} dead."
    )


@contextmanager
def _progress_bar(config: Config) -> Iterator[Callable[[Row, int | None], None]]:
    """Steps, rate, time left and the two numbers that matter, on stderr."""
    columns = (
        TextColumn("epoch {task.fields[epoch]:.2f}"),
        BarColumn(),
        TextColumn("{task.fields[rate]:,.0f} images/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("FVU {task.fields[fvu]:.3f}  L0 {task.fields[l0]:.1f}"),
    )
    with Progress(*columns, console=error_console()) as bar:
        task = bar.add_task("train", total=config.steps, epoch=0.0, rate=0.0, fvu=1.0, l0=0.0)

        def show(row: Row, total: int | None) -> None:
            bar.update(
                task,
                completed=row.step,
                total=total,
                epoch=row.epoch,
                rate=row.images_per_second,
                fvu=row.fvu,
                l0=row.l0,
            )

        yield show
