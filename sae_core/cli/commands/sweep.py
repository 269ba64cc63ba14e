"""`penstroke sweep`: many runs at once, on this machine or on a Ray cluster."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sae_core.cli.commands.training import INTERRUPTED
from sae_core.cli.options import takes_knobs
from sae_core.cli.shared import AsJson, RunsFolder
from sae_core.cli.terminal import error_console, images_of, out, print_json
from sae_core.config import ConfigError
from sae_core.runs.folder import Runs, runs_folder
from sae_core.sweep.drive import Outcome, drive, make_plan, open_pool
from sae_core.sweep.folder import SweepFolder
from sae_core.sweep.plan import Plan, read_choices, read_range, read_value

__all__ = ["sweep"]

Several = list[str] | None


@takes_knobs
def sweep(
    given: Mapping[str, str],
    *,
    grid: Annotated[
        Several, typer.Option("--grid", metavar="KNOB=A,B,...", help="Values to combine; any knob, as often as needed.")
    ] = None,
    range_: Annotated[
        Several,
        typer.Option("--range", metavar="KNOB=LOW..HIGH", help="What --random and --search draw a knob from."),
    ] = None,
    random: Annotated[int | None, typer.Option("--random", metavar="N", help="Draw N settings at random.")] = None,
    search: Annotated[
        int | None,
        typer.Option("--search", metavar="N", help="Let Optuna search with N settings. Needs the extra search."),
    ] = None,
    objectives: Annotated[
        str,
        typer.Option("--objectives", metavar="NAMES", help="Of the search: fvu, l0, dead_fraction, accuracy."),
    ] = "fvu,l0",
    draw_seed: Annotated[int, typer.Option("--draw-seed", metavar="NUMBER", help="Of --random and --search.")] = 0,
    stop_hopeless: Annotated[
        bool, typer.Option("--stop-hopeless", help="Stop trials that are clearly worse than others half way.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Trials at once. (default: one a core)")
    ] = None,
    ray: Annotated[
        str | None, typer.Option("--ray", metavar="ADDRESS", help="Train on this Ray cluster. Needs the extra cluster.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The sweep's name.")] = None,
    runs: RunsFolder = None,
    as_json: AsJson = False,
) -> int:
    """Train many runs, each with one thread. Whatever interrupts it: the same command goes on, and repeats nothing."""
    plan = _plan(given, grid, range_, random, search, objectives, draw_seed)
    plan.check()
    for dataset in {plan.config(values).dataset for values in plan.combinations()} if not plan.ranges else set():
        images_of(dataset)
    folder = SweepFolder.begin(Runs(runs), plan, name)
    say = error_console().print
    already = len(folder.results())
    say(f"[dim]sweep[/] {folder.id}  [dim]{len(plan)} trials, {already} of them done, in {folder.runs.root}[/]")
    pool = open_pool(folder, workers, ray) if already < len(plan) else None
    began = time.perf_counter()
    try:
        with _progress_bar(len(plan)) as show:
            outcome = drive(folder, pool, show, stop_hopeless=stop_hopeless) if pool else Outcome(already, len(plan))
    except KeyboardInterrupt:
        say(f"Interrupted; every trial's checkpoint is kept, and `{_again(runs)}` goes on.")
        return INTERRUPTED
    _print(folder, outcome, time.perf_counter() - began, as_json=as_json)
    for sentence in outcome.troubles:
        say(sentence)
    return 1 if outcome.troubles else 0


def _plan(
    given: Mapping[str, str],
    grid: Several,
    ranges: Several,
    random: int | None,
    search: int | None,
    objectives: str,
    seed: int,
) -> Plan:
    grids = dict(read_choices(text) for text in grid or [])
    drawn = dict(read_range(text) for text in ranges or [])
    if not grids and not drawn:
        raise ConfigError("A sweep needs something to vary: --grid penalty_weight=0.01,0.03, for one.")
    if twice := (grids.keys() | drawn.keys()) & given.keys():
        raise ConfigError(f"{min(twice)} is given both once and for all and as something to vary.")
    return make_plan(
        grids,
        drawn,
        random=random,
        search=search,
        objectives=tuple(name.strip() for name in objectives.split(",")),
        seed=seed,
        base={name: read_value(name, text) for name, text in given.items()},
    )


def _again(runs: str | None) -> str:
    folder = "" if runs is None or Runs(runs).root == runs_folder() else f" --runs {shlex.quote(str(Runs(runs).root))}"
    return f"the same command{folder}"


def _print(folder: SweepFolder, outcome: Outcome, seconds: float, *, as_json: bool) -> None:
    done = folder.results()
    trials = [done[index] for index in sorted(done)]
    if as_json:
        where = {"csv": str(folder.path / "table.csv"), "parquet": str(folder.path / "table.parquet")}
        print_json({"sweep": folder.id, "total": outcome.total, "seconds": seconds, **where, "trials": trials})
        return
    knobs = folder.plan.knobs
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("run", *knobs, "FVU", "L0", "dead", "state"):
        table.add_column(title, justify="left" if title in {"run", "state"} else "right", no_wrap=True)
    for trial in folder.trials():
        if (result := done.get(trial.index)) is not None:
            values = [_short(trial.values[name]) for name in knobs]
            numbers = (f"{result['fvu']:.3f}", f"{result['l0']:.1f}", f"{result['dead_fraction']:.1%}")
            table.add_row(result["run"], *values, *numbers, result["state"])
    out().print(table)
    out().print(f"Table: {folder.path / 'table.csv'} (and .parquet)")


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@contextmanager
def _progress_bar(total: int) -> Iterator[Callable[[Outcome], None]]:
    columns = (
        TextColumn("{task.fields[done]} of {task.fields[trials]} trials"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=error_console()) as bar:
        task = bar.add_task("sweep", total=1.0, done=0, trials=total)

        def show(outcome: Outcome) -> None:
            bar.update(task, completed=outcome.share, done=outcome.done)

        yield show
