"""The training core beside its peers, in one run: ``python -m tests.bench core``.

Everybody trains the same width, k, batch, learning rate and images through the calls its own documentation shows, in
turns of a second or so, so that a machine whose speed drifts, or is shared, still gives honest ratios. The dense
limit is the rate of the five matrix products a step has, measured between the same turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from sae_core.sparsity import METHODS
from tests.bench.contestants.race import PEERS, Result, contestants_here, race
from tests.bench.contestants.spec import Spec
from tests.bench.costs import cost_of_images, cost_of_width, memory, stages

WIDTHS = (256, 1024, 4096)
RACED = ("topk", "l1", "batch-topk")
FLOP_PER_WEIGHT = 10
"""Five matrix products, a multiplication and an addition each."""

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = 120


def main(arguments: list[str]) -> int:
    """Measure and print."""
    options = _options(arguments)
    names, sentences = contestants_here(options.device)
    names = [name for name in names if name in {"penstroke", "penstroke-bfloat16"} or not options.alone]
    _heading(options, sentences)
    record: dict[str, Any] = {"machine": _machine(options), "races": []}
    for spec in _races(options):
        rounds = 3 if options.quick else 8
        results, products = race(spec, names, rounds, _progress)
        _table(spec, results, products)
        record["races"].append(_as_record(spec, results, products))
    if not options.races_only:
        record["stages_ms"] = stages(_base(options), console)
        record["width"] = cost_of_width(_base(options), console, quick=options.quick)
        record["images"] = cost_of_images(_base(options), console, quick=options.quick)
        record["memory"] = memory(_base(options), console, quick=options.quick)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench core", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of an epoch at width 1024 and TopK, 3 rounds")
    parser.add_argument("--widths", type=int, nargs="+", help=f"default: {WIDTHS}; with TopK first, others at 1024")
    parser.add_argument("--methods", nargs="+", help=f"default: {RACED}, as far as they are there")
    parser.add_argument(
        "--epochs", type=float, default=2.0, help="of the race at width 1024 with TopK, which is judged"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--alone", action="store_true", help="ours only")
    parser.add_argument("--races-only", action="store_true", help="no stages, costs and memory")
    parser.add_argument("--json", type=Path, help="write everything measured to this file")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("device is cuda, but torch finds none on this machine")
    return options


def _base(options: argparse.Namespace) -> Spec:
    return Spec(device=options.device, threads=options.threads)


def _races(options: argparse.Namespace) -> list[Spec]:
    """The judged race first; the others take about as long, whatever their width, and so do their turns."""
    widths = options.widths or ((1024,) if options.quick else WIDTHS)
    methods = options.methods or (("topk",) if options.quick else RACED)
    methods = [method for method in methods if method in METHODS]
    judged = (1024, "topk")
    shapes = [
        (width, method) for method in methods for width in widths if method == "topk" or width == 1024 or options.widths
    ]
    specs = []
    for width, method in sorted(shapes, key=lambda shape: shape != judged):
        epochs = 0.2 if options.quick else options.epochs * judged[0] / width
        values = {"method": method, "width": width, "steps": max(9, round(epochs * 234))}
        specs.append(Spec(**{**_base(options).as_dict(), **values}))
    return specs


def _heading(options: argparse.Namespace, sentences: list[str]) -> None:
    machine = _machine(options)
    console.print(
        f"{machine['processor']}, {machine['threads']} threads, torch {machine['torch']}, {machine['device']}"
    )
    console.print(
        "Ratios hold where the figures do not: the machine may be shared, and all take turns in this one run."
    )
    for sentence in sentences:
        console.print(sentence)


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    name = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    vectors = [flag for flag in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if flags.get(flag)]
    return {
        "processor": f"{flags.get('cpu_name', platform.processor())} ({' '.join(vectors)})",
        "device": name,
        "threads": options.threads,
        "torch": torch.__version__,
    }


def _progress(sentence: str) -> None:
    if console.is_terminal:
        console.print(f"[dim]{sentence}[/]")


def _table(spec: Spec, results: list[Result], products: dict[str, Result]) -> None:
    ours = _ours(results)
    table = Table(title=f"width {spec.width}, {spec.method}, batch {spec.batch}, {spec.steps} steps, {spec.device}")
    for heading in ("trainer", "images/s", "ours is", "of its dense limit", "test FVU", "L0", "dead", "memory"):
        table.add_column(heading, justify="left" if heading == "trainer" else "right")
    for result in results:
        if result.failed:
            table.add_row(result.name, f"failed: {result.failed}")
            continue
        quality = result.quality
        assert quality
        limit = products[_precision(result.name, products)]
        table.add_row(
            result.name,
            f"{result.rate:,.0f}",
            f"{ours.ratio(result):.2f} times" if result.name in PEERS else "",
            f"{result.best / limit.best:.0%}",
            f"{quality.fvu:.4f}",
            f"{quality.l0:.1f}",
            f"{quality.dead:.1%}",
            f"{quality.megabytes:,.0f} MB",
        )
    console.print(table)
    flop = FLOP_PER_WEIGHT * 784 * spec.width
    for precision, result in products.items():
        console.print(
            f"five products in {precision}: {result.best * flop / 1e9:,.0f} GFLOP/s in the best round, "
            f"so the dense limit is {result.best:,.0f} images/s; shares are of best turns"
        )
    if spec.method == "l1":
        console.print("L1 weights are in each library's own units: rates can be compared here, FVUs cannot.")


def _ours(results: list[Result]) -> Result:
    """The fastest of ours."""
    return max((r for r in results if r.name not in PEERS and not r.failed), key=lambda result: result.rate)


def _precision(name: str, products: dict[str, Result]) -> str:
    wanted = "bfloat16" if name in {"penstroke-bfloat16", "saelens-autocast"} else "float32"
    return wanted if wanted in products else "float32"


def _as_record(spec: Spec, results: list[Result], products: dict[str, Result]) -> dict[str, Any]:
    ours = _ours(results)
    return {
        "spec": spec.as_dict(),
        "products": {name: {"images_per_second": result.best} for name, result in products.items()},
        "trainers": {
            result.name: {"failed": result.failed}
            if result.failed
            else {
                "images_per_second": result.rate,
                "ours_is_times": ours.ratio(result),
                "share_of_dense_limit": result.best / products[_precision(result.name, products)].best,
                **vars(result.quality or object()),
            }
            for result in results
        },
    }
