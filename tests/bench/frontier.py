"""FVU against L0 on MNIST at equal width and steps: ``python -m tests.bench frontier``.

Nobody has published this comparison across L1, TopK, BatchTopK, JumpReLU and Gated (searched: none found). Each run is
one row of a CSV; what is there already is not run again, so that it can be interrupted. Everything is measured on the
10,000 test images; the learning rate falls to 0 over the last fifth of each run. The chart is drawn again after every
run. Winner-take-all is left out, as at test time it is a plain ReLU code whose L0 no knob sets; so is KL, whose sigmoid
codes are lit only by a convention.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections import defaultdict
from itertools import product
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from sae_core.census import evaluate
from sae_core.config import Config
from sae_core.data import Images, load_images
from sae_core.reproduce.svg import Axis, Series, chart
from sae_core.sparsity import METHODS
from sae_core.training.step import Trainer

ROOT = Path(__file__).resolve().parents[2]

SPARSITIES: dict[str, tuple[str, tuple[float, ...]]] = {
    "topk": ("k", (4, 8, 16, 32, 64, 128)),
    "l1": ("penalty_weight", (0.01, 0.03, 0.06, 0.12, 0.25, 0.5)),
    "batch-topk": ("k", (4, 8, 16, 32, 64, 128)),
    "jumprelu": ("penalty_weight", (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)),
    "gated": ("penalty_weight", (0.01, 0.03, 0.06, 0.12, 0.25, 0.5)),
}
"""Each method's knob, and six values that span L0 from a few to a few hundred."""

WARMUP_SHARE = 0.2
"""Of the steps, for the penalty's warm-up: the default of 500 steps would be longer than a short run."""

COLUMNS = ("method", "knob", "value", "seed", "steps", "width", "batch", "precision", "fvu", "l0", "dead", "seconds")

NAMES = {"topk": "TopK", "l1": "L1", "batch-topk": "BatchTopK", "jumprelu": "JumpReLU", "gated": "Gated"}


def main(arguments: list[str]) -> int:
    """Run what is missing; draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench frontier", description=__doc__)
    parser.add_argument("--steps", type=int, default=2340, help="of batch 256, for every run; 234 are an epoch")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16", help="of the products")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=list(SPARSITIES), choices=list(SPARSITIES))
    parser.add_argument(
        "--out", type=Path, default=ROOT / "assets" / "frontier", help="folder of the CSV and the figure"
    )
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "frontier.csv"
    torch.set_num_threads(options.threads)
    images = load_images("mnist")
    done = {(row["method"], float(row["value"]), int(row["seed"]), int(row["steps"])) for row in read(table)}
    wanted = [
        (method, value, seed)
        for seed, place in product(range(options.seeds), range(6))
        for method in options.methods
        for value in (SPARSITIES[method][1][place],)
        if method in METHODS and (method, value, seed, options.steps) not in done
    ]  # fmt: skip
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as bar:
        for method, value, seed in bar.track(wanted, description=f"{len(wanted)} runs"):
            append(table, run(images, method, value, seed, options))
            draw(table, options.out / "frontier.svg", options.steps)
    draw(table, options.out / "frontier.svg", options.steps)
    return 0


def run(images: Images, method: str, value: float, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """One training, one row."""
    steps = options.steps
    knob, _ = SPARSITIES[method]
    values = {knob: int(value) if knob == "k" else value}
    config = Config(
        method=method,
        n_latents=options.width,
        seed=seed,
        steps=steps,
        threads=options.threads,
        precision=options.precision,
        schedule="linear",
        warmup_steps=round(WARMUP_SHARE * steps),
        **values,
    )
    trainer = Trainer(config, images)
    began = time.process_time()
    for _ in range(steps):
        trainer.step()
    spent = time.process_time() - began
    found = evaluate(trainer.model, images)
    return {
        "method": method,
        "knob": knob,
        "value": value,
        "seed": seed,
        "steps": steps,
        "width": options.width,
        "batch": config.batch_size,
        "precision": config.precision,
        "fvu": f"{found.fvu:.5f}",
        "l0": f"{found.l0:.3f}",
        "dead": f"{found.dead_fraction:.5f}",
        "seconds": f"{spent:.1f}",
    }


def read(table: Path) -> list[dict[str, str]]:
    """The rows there are."""
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def append(table: Path, row: dict[str, object]) -> None:
    """Add a row, and the heading where it is the first."""
    new = not table.exists()
    with table.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def draw(table: Path, figure: Path, steps: int) -> None:
    """Means over seeds, with their standard deviation in FVU."""
    groups: dict[str, dict[float, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    rows = [row for row in read(table) if int(row["steps"]) == steps]
    for row in rows:
        groups[row["method"]][float(row["value"])].append((float(row["l0"]), float(row["fvu"])))
    if not groups:
        return
    series = []
    for method, points in groups.items():
        means = sorted(
            (statistics.mean(l0), statistics.mean(fvu), statistics.stdev(fvu) if len(fvu) > 1 else 0.0)
            for l0, fvu in (tuple(zip(*found, strict=True)) for found in points.values())
        )
        series.append(Series(NAMES[method], *(tuple(column) for column in zip(*means, strict=True))))
    seeds = sorted({int(row["seed"]) for row in rows})
    title = f"FVU against L0 on MNIST: width {rows[0]['width']}, {steps:,} steps, {len(seeds)} seeds ± s.d."
    figure.write_text(
        chart(title, Axis("lit per image (L0)", log=True), Axis("test FVU (lower is better)", log=True), series),
        "utf-8",
    )
