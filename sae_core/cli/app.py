"""All commands, in the order a newcomer meets them."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from sae_core.cli.commands.check import check
from sae_core.cli.commands.evaluate import evaluate
from sae_core.cli.commands.export import export, import_
from sae_core.cli.commands.house import dashboard, doctor
from sae_core.cli.commands.path import fork, path
from sae_core.cli.commands.probe import probe
from sae_core.cli.commands.reproduce import reproduce
from sae_core.cli.commands.runs import delete, replay, runs, set_knobs
from sae_core.cli.commands.sweep import sweep
from sae_core.cli.commands.training import resume, train

__all__ = ["app"]

app = typer.Typer(
    name="penstroke",
    help="Sparse autoencoders, trained live: on the page (`penstroke dashboard`) or here, on the same runs.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def _first(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", show_default=False)] = False,
) -> None:
    if version:
        typer.echo(f"penstroke {installed_version('penstroke')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command(
    "dashboard", context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, add_help_option=False
)(dashboard)
app.command("train")(train)
app.command("runs")(runs)
app.command("resume")(resume)
app.command("set")(set_knobs)
app.command("evaluate")(evaluate)
app.command("probe")(probe)
app.command("replay")(replay)
app.command("path")(path)
app.command("fork")(fork)
app.command("sweep")(sweep)
app.command("check")(check)
app.command("reproduce")(reproduce)
app.command("export")(export)
app.command("import")(import_)
app.command("delete")(delete)
app.command("doctor")(doctor)
