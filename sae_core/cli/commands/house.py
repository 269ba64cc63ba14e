"""`penstroke dashboard` and `penstroke doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

import typer
from rich.markup import escape

from sae_core.cli.shared import AsJson, RunsFolder
from sae_core.cli.terminal import out, print_json

__all__ = ["dashboard", "doctor"]

MARKS = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


def dashboard(context: typer.Context) -> int:
    """Serve the dashboard on this machine, and open it. Options: `penstroke dashboard --help`."""
    # The one door from the core to the UI. It is opened by name, so that the core imports no UI otherwise.
    main: Callable[[list[str]], Any] = import_module("dashboard.__main__").main
    return int(main(context.args))


def doctor(runs: RunsFolder = None, as_json: AsJson = False) -> int:
    """Will this work, offline, tomorrow? Exit status 1 where it will not."""
    from sae_core.cli.doctor import examine

    findings = []
    for finding in examine(runs):
        findings.append(finding)
        if not as_json:
            mend = f"\n    [dim]{escape(finding.mend)}[/]" if finding.mend else ""
            out().print(f"{MARKS[finding.verdict]} [bold]{finding.name}[/]: {escape(finding.says)}{mend}")
    well = all(finding.verdict != "bad" for finding in findings)
    if as_json:
        print_json({"well": well, "findings": [asdict(finding) for finding in findings]})
    else:
        out().print("This will work, offline too." if well else "Not yet: mend what is marked ✗.")
    return 0 if well else 1
