"""`penstroke path` and `penstroke fork`: one knob's whole path, and going on from any step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sae_core.cli.commands.runs import change
from sae_core.cli.commands.training import INTERRUPTED, elsewhere, train_run
from sae_core.cli.options import takes_knobs
from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import error_console, images_of, out, print_json
from sae_core.config import Config, ConfigError
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError, RunWriteError, write_sentence
from sae_core.runs.folder import Runs
from sae_core.runs.path_file import PathPoint
from sae_core.sweep.path import begin_path, follow, set_going, with_defaults
from sae_core.sweep.plan import read_value
from sae_core.sweep.whole import WholePath

__all__ = ["fork", "path", "resume_path"]


@takes_knobs
def path(
    given: Mapping[str, str],
    *,
    knob: Annotated[
        str | None, typer.Option("--knob", metavar="KNOB", help="What moves. (default: the method's own dial)")
    ] = None,
    values: Annotated[
        str | None, typer.Option("--values", metavar="A,B,...", help="Its values. (default: the whole useful range)")
    ] = None,
    points: Annotated[int, typer.Option("--points", metavar="N", help="How many, where no values are given.")] = 12,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Becomes the run's id.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="1 or 2 processes. (default: 2 where cores are free)")
    ] = None,
    gif: Annotated[Path | None, typer.Option("--gif", metavar="FILE", help="Save the film as a GIF.")] = None,
    go_on: Annotated[
        str | None, typer.Option("--go-on", metavar="RUN", help="Go on with a path that was interrupted.")
    ] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Train one knob's path, from dense to sparse, each point going on from its neighbour (epochs: for each point)."""
    folder = Runs(runs)
    if go_on is not None:
        if given or knob or values or name:
            raise ConfigError("--go-on takes a path up as it is: it goes with --gif, --runs and --json alone.")
        return _train_path(WholePath.open(folder.open(go_on)), gif, as_json=as_json)
    config = Config(**with_defaults(given))
    moving = knob.replace("-", "_") if knob else config.dial
    listed = None if values is None else [read_value(str(moving), text) for text in values.split(",")]
    n_images = len(images_of(config.dataset).train)
    run = begin_path(
        folder, config, knob=moving, values=listed, points=points, workers=workers, name=name, n_images=n_images
    )
    error_console().print(f"[dim]path[/] {run.id}  [dim]in {run.path.parent}[/]")
    return _train_path(WholePath.open(run), gif, as_json=as_json)


def resume_path(run: RunDirectory, *, as_json: bool) -> int:
    """Go on with both halves of the path that this run is one of: it is the path that people mean."""
    path = WholePath.open(run)
    if not path.unfinished:
        raise RunError(f"The path {path.run.id} is finished: it has all its {len(path.values)} points.")
    if all(half.alive() for half in path.unfinished):
        raise RunError(f"The path {path.run.id} is being trained already; `penstroke set`, or the page, can steer it.")
    if path.second is not None:
        error_console().print(
            f"[dim]path[/] {path.run.id}  [dim]in both its halves, as `penstroke path --go-on` does[/]"
        )
    return _train_path(path, None, as_json=as_json)


def _train_path(path: WholePath, gif: Path | None, *, as_json: bool) -> int:
    from sae_core.runs.launch import Launcher

    began = time.perf_counter()
    found = 0
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"))
    bar = Progress(*columns, TimeRemainingColumn(), console=error_console())
    try:
        with Launcher(path.run.path.parent, spare=False) as launcher, bar:
            task = bar.add_task("path", total=path.last_step)
            set_going(launcher, path, by="cli")
            for point in follow(path.run, lambda status: bar.update(task, completed=status.step)):
                found += 1
                bar.update(task, description=f"{found} of {len(path.values)} points")
                if not as_json:
                    bar.console.print(_sentence(path.plan.knob, point))
    except KeyboardInterrupt:
        for run in path.unfinished:
            run.append_event("stop", by="cli")
        error_console().print(
            f"Interrupted; `penstroke path --go-on {path.run.id}{elsewhere(path.run)}` goes on with it."
        )
        return INTERRUPTED
    seconds = time.perf_counter() - began
    if gif is not None:
        _save(path.run, gif)
    if as_json:
        record = {"run": path.run.id, "knob": path.plan.knob, "seconds": seconds, "path": str(path.run.path)}
        print_json({**record, "points": [{"run": run.id, **asdict(point)} for run, point in path.points()]})
    else:
        out().print(f"[bold]{path.run.id}[/]: {found} points in {seconds:.1f} s.")
    return 0


def _save(run: RunDirectory, gif: Path) -> None:
    from sae_core.sweep.film import make_film
    from sae_core.sweep.gif import film_gif

    try:
        gif.write_bytes(film_gif(make_film(run)))
    except OSError as error:
        raise RunWriteError(write_sentence(error, gif)) from error
    error_console().print(f"The film is in {gif}.")


def _sentence(knob: str, point: PathPoint) -> str:
    right = "" if point.accuracy is None else f", {point.accuracy:.1%} told right"
    return (
        f"{knob} {point.value:g}: {1 - point.fvu:.0%} explained (FVU {point.fvu:.3f}), {point.l0:.1f} lit per image, "
        f"{point.dead_fraction:.1%} dead{right}"
    )


def fork(
    run: RunId,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[KNOB=VALUE...]", help="What is different from there on.")
    ] = None,
    step: Annotated[
        int | None, typer.Option("--step", metavar="N", help="From where. (default: its last step)")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", metavar="EPOCHS", help="When it ends, counted from the run's beginning.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="STEPS", help="The same in steps.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The new run's id.")] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Go on from any step of a run, with other knobs, as a run of its own; bit for bit as if changed there live."""
    from sae_core.runs.fork import fork as fork_run

    folder = Runs(runs)
    parent = folder.open(run)
    wanted = dict(change(text) for text in changes or [])
    images = images_of(parent.config.dataset)
    with Progress(*Progress.get_default_columns(), console=error_console(), transient=True) as bar:
        task = bar.add_task("replay", total=None)

        def show(done: int, last: int) -> None:
            bar.update(task, completed=done, total=last)

        at = parent.status().step if step is None else step
        child = fork_run(
            folder, parent, at, wanted, images=images, epochs=epochs, steps=steps, name=name, progress=show
        )
    return train_run(child, images, as_json=as_json)
