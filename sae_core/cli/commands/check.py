"""`penstroke check`: is this gradient right, and what was forgotten?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from sae_core.cli.shared import AsJson
from sae_core.cli.terminal import out, print_json

if TYPE_CHECKING:
    from sae_core.textbook.check import Order, Report

__all__ = ["check"]

ORDERS: dict[str, Order | None] = {"matlab": "F", "numpy": "C", "any": None}


def check(
    theta: Annotated[
        Path, typer.Argument(metavar="THETA", help="θ, or W1, W2, b1, b2: .mat, .npz, .npy, .csv or .txt.")
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Patches, or IMAGES.mat. (default: scikit-learn's photographs)"),
    ] = None,
    grad: Annotated[
        Path | None, typer.Option("--grad", metavar="FILE", help="Your gradient, where it is not in the first file.")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="Hidden units. (default: what fits)", show_default=False)] = None,
    visible: Annotated[int | None, typer.Option(help="Visible units. (default: what fits)", show_default=False)] = None,
    rho: Annotated[float, typer.Option(help="ρ, the target activation.")] = 0.01,
    decay: Annotated[float, typer.Option("--lambda", "--decay", help="λ, the weight decay.")] = 1e-4,
    beta: Annotated[float, typer.Option(help="β, the weight of the sparsity term.")] = 3.0,
    order: Annotated[str, typer.Option(metavar="matlab|numpy|any", help="How θ's matrices were flattened.")] = "any",
    seed: Annotated[int, typer.Option(help="Of the patches, where they are cut here.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Check a course's gradient (CS294A, UFLDL): the cost term by term, the difference, and the likely mistake.

    Exit status 1 where a gradient was given and is wrong.
    """
    from sae_core.textbook.case import assemble
    from sae_core.textbook.check import check as check_gradient
    from sae_core.textbook.check import knobs_of
    from sae_core.textbook.files import TextbookError, read_arrays

    if order not in ORDERS:
        raise TextbookError(f"order is {order!r}; there are {', '.join(ORDERS)}.")
    knobs = knobs_of(rho, decay, beta)
    case = assemble(
        read_arrays(theta),
        read_arrays(data) if data else None,
        read_arrays(grad) if grad else None,
        n_hidden=hidden,
        n_visible=visible,
        seed=seed,
    )
    report = check_gradient(
        case.theta, case.x, knobs, gradient=case.gradient, cost=case.cost, order=case.order or ORDERS[order]
    )
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report, case.note)
    return 1 if report.right is False else 0


def _print(report: Report, note: str) -> None:
    console = out()
    console.print(f"{report.n_visible}-{report.n_hidden}-{report.n_visible}, on {note}.")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows: list[tuple[str, Any]] = [
        ("squared error  (1/m) Σ ½‖h(x) − x‖²", report.terms.reconstruction),
        ("weight decay   (λ/2)(‖W1‖² + ‖W2‖²)", report.terms.decay),
        ("sparsity       β Σ KL(ρ ‖ ρ̂)", report.terms.sparsity),
        ("cost J", report.terms.cost),
    ]
    if report.cost_given is not None:
        rows.append(("your cost", report.cost_given))
    for name, value in rows:
        table.add_row(name, f"{value:.10g}")
    console.print(table)
    console.print(f"This gradient against the numerical one, ε = 1e-4: {report.numerical:.1e} (asked: below 1e-9)")
    if report.blocks is not None:
        apart = ", ".join(f"{name} {value:.1e}" for name, value in report.blocks.items())
        console.print(
            f"Yours against it: {report.difference:.1e} ({apart}; matrices flattened as {_said(report.order)})"
        )
    style = {True: "[green]✓[/] ", False: "[red]✗[/] ", None: ""}[report.right]
    console.print(f"{style}[bold]{report.sentence}[/]")


def _said(order: str) -> str:
    return "MATLAB does, down the columns" if order == "F" else "numpy does, along the rows"
