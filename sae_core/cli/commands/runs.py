"""`penstroke runs`, `set`, `delete` and `replay`: what can be done with runs that are there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from sae_core.cli.shared import AsJson, RunId, RunsFolder
from sae_core.cli.terminal import error_console, images_of_run, out, print_json
from sae_core.config import Config, ConfigError
from sae_core.runs.directory import RunDirectory
from sae_core.runs.events import check_set
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs
from sae_core.runs.rows import drop_superseded

__all__ = ["change", "delete", "replay", "runs", "set_knobs"]


def runs(runs: RunsFolder = None, as_json: AsJson = False) -> int:
    """List the runs, newest first."""
    folder = Runs(runs)
    found = [_summary(run) for run in folder.list()]
    broken = folder.broken()
    if as_json:
        print_json({"folder": str(folder.root), "runs": found, "broken": broken})
        return 0
    if found:
        out().print(_table(found))
    else:
        out().print(f"No runs in {folder.root} yet: `penstroke train` or `penstroke dashboard` begins one.")
    for sentence in broken.values():
        error_console().print(sentence)
    return 0


def set_knobs(
    run: RunId,
    changes: Annotated[list[str], typer.Argument(metavar="KNOB=VALUE...", help="Such as penalty_weight=0.1.")],
    runs: RunsFolder = None,
) -> int:
    """Steer a run: the change takes effect at its next step, here or in whatever process trains it."""
    directory = Runs(runs).open(run)
    if directory.status().state == "finished":
        raise RunError(f"The run {run} is finished, so no change can take effect in it.")
    config = directory.current_config()
    wanted = [change(text) for text in changes]
    for name, value in wanted:
        config = check_set(config, name, value)
    for name, value in wanted:
        directory.append_event("set", name=name, value=value, by="cli")
    when = "from the next step on" if directory.alive() else "when the run is resumed"
    out().print(f"{run}: {', '.join(f'{name} = {value:g}' for name, value in wanted)}, {when}.")
    return 0


def delete(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, as `penstroke runs` lists them.")],
    runs: RunsFolder = None,
) -> int:
    """Delete runs that nobody is training."""
    folder = Runs(runs)
    for run_id in run:
        folder.delete(run_id)
        out().print(f"Deleted {run_id}.")
    return 0


def replay(run: RunId, runs: RunsFolder = None, as_json: AsJson = False) -> int:
    """Train a run again from its configuration and controls, and compare every bit; exit status 1 where one differs."""
    from sae_core.runs.replay import replay as replay_run

    directory = Runs(runs).open(run)
    images = images_of_run(directory)
    with Progress(*Progress.get_default_columns(), console=error_console()) as bar:
        task = bar.add_task("replay", total=None)
        outcome = replay_run(directory, images, lambda step, last: bar.update(task, completed=step, total=last))
        bar.update(task, completed=outcome.step, total=outcome.step)
    if as_json:
        print_json({"run": run, **asdict(outcome)})
    elif outcome.same:
        out().print(f"{run}: after {outcome.step:,} steps every bit is the same.")
    else:
        out().print(f"{run}: after {outcome.step:,} steps the weights differ. {outcome.warning}".rstrip())
    return 0 if outcome.same else 1


def change(text: str) -> tuple[str, float]:
    """``penalty_weight=0.1`` as a knob and its value.

    Raises:
        RunError, ConfigError: it is no change, or no number.
    """
    name, equals, value = text.partition("=")
    if not equals:
        live = ", ".join(knob.name for knob in Config.knobs().values() if knob.live)
        raise RunError(f"{text!r} is no change: write KNOB=VALUE, where the knob is one of {live}.")
    try:
        return name.strip().replace("-", "_"), float(value)
    except ValueError:
        raise ConfigError(f"{name} is {value!r}, but it should be a number.") from None


def _summary(run: RunDirectory) -> dict[str, Any]:
    """One run, by its files alone."""
    status = run.status()
    config = run.current_config()
    rows = drop_superseded(run.rows()[0])
    last = rows[-1] if rows else {}
    return {
        "run": run.id,
        "state": status.state,
        "reason": status.reason,
        "step": status.step,
        "dataset": config.dataset,
        "method": config.method,
        "latents": config.n_latents,
        "dial": config.dial,
        "dial_value": getattr(config, config.dial) if config.dial else None,
        "training_fvu": last.get("fvu"),
        "training_l0": last.get("l0"),
        "created": run.meta.created,
        "parent": run.meta.parent,
    }


def _table(found: list[dict[str, Any]]) -> Table:
    """Ids in full on any terminal: they are there to be copied."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("run", "state", "model", "dial", "step", "FVU", "L0", "begun"):
        number = title in {"step", "FVU", "L0"}
        table.add_column(title, justify="right" if number else "left", no_wrap=number or title in {"run", "state"})
    for run in found:
        fvu, l0 = run["training_fvu"], run["training_l0"]
        table.add_row(
            run["run"],
            run["state"],
            f"{run['dataset']} {run['method']} {run['latents']}",
            f"{run['dial']} {run['dial_value']:g}" if run["dial"] else "",
            f"{run['step']:,}",
            "" if fvu is None else f"{fvu:.3f}",
            "" if l0 is None else f"{l0:.1f}",
            run["created"][5:16].replace("T", " "),
        )
    return table
