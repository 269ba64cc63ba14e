"""`penstroke reproduce`: published results, each by one command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sae_core.cli.shared import AsJson
from sae_core.cli.terminal import error_console, out, print_json

__all__ = ["reproduce"]


def reproduce(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="As --list has it.", show_default=False)] = None,
    list_them: Annotated[bool, typer.Option("--list", help="What there is, and how long it takes.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A shorter version, which may miss the band.")] = False,
    folder: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the report goes.")] = Path("reports"),
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Of the arithmetic. (default: all cores)", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run a published result again, beside what was published. Exit status 1 where ours is outside its band."""
    if list_them or name is None:
        _list(as_json=as_json)
        return 0
    import torch
    from threadpoolctl import threadpool_limits

    from sae_core.reproduce.report import write
    from sae_core.reproduce.targets import target

    wanted = target(name)
    if threads:
        torch.set_num_threads(threads)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[doing]}"))
    began = time.perf_counter()
    with threadpool_limits(threads), Progress(*columns, console=error_console()) as bar:
        task = bar.add_task(wanted.name, total=1.0, doing="")
        outcome = wanted.run(lambda share, doing: bar.update(task, completed=share, doing=doing), quick)
        bar.update(task, completed=1.0)
    path = write(folder, wanted, outcome, seconds=time.perf_counter() - began, quick=quick)
    if as_json:
        print_json({"name": wanted.name, "ours": dict(outcome.ours), "passed": outcome.passed, "report": str(path)})
        return 0 if outcome.passed else 1
    say = out().print
    say(f"[bold]{wanted.title}[/] ({wanted.source})")
    say(f"published: {wanted.published}")
    say("ours: " + ", ".join(f"{key} {value:.6g}" for key, value in outcome.ours.items()))
    say(f"band: {wanted.band}")
    for note in (*outcome.notes, *((f"Quick: {wanted.quick}.",) if quick and wanted.quick else ())):
        say(f"[dim]{note}[/]")
    say(f"{'[green]✓ pass[/]' if outcome.passed else '[red]✗ outside the band[/]'}, report in {path}")
    return 0 if outcome.passed else 1


def _list(*, as_json: bool) -> None:
    from sae_core.reproduce.targets import TARGETS

    if as_json:
        names = ("name", "title", "source", "published", "band", "takes", "quick", "record")
        print_json({"results": [{key: getattr(one, key) for key in names} for one in TARGETS.values()]})
        return
    table = Table(box=None)
    for heading in ("name", "takes", "published", "band", "run to the end"):
        table.add_column(heading)
    for one in TARGETS.values():
        table.add_row(one.name, one.takes, one.published, one.band, one.record or "yes, see assets/reports")
    out().print(table)
