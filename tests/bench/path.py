"""Are warm starts honest? The frontier of a warm-started path beside cold starts, at equal total steps.

``python -m tests.bench path --figure assets/frontier-warm-cold.svg`` trains each penalty weight both ways with so many
epochs, evaluates on the test set, and prints FVU and L0 of both and how far the cold points lie above the warm line.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from sae_core import Config, evaluate, load_images
from sae_core.metrics.match import cosines, match
from sae_core.sweep.path import COMMON_SHARE, default_values, with_defaults
from sae_core.train import Trainer

if TYPE_CHECKING:
    from sae_core import Images

__all__ = ["main"]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One value of the penalty weight, and what its model came to on test images."""

    value: float
    l0: float
    fvu: float
    filters: np.ndarray


Points = Sequence[Point]


def main(arguments: list[str]) -> int:
    """Print the two frontiers, and draw them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench path", description=__doc__)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--latents", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, choices=(1, 2), default=2, help="that train the warm path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    images = load_images("mnist")
    knobs = {"n_latents": asked.latents, "epochs": asked.epochs, "threads": asked.threads, "seed": asked.seed}
    config = Config(**with_defaults(knobs))
    steps = config.total_steps(len(images.train)) or 0
    values = default_values("penalty_weight", asked.points)
    began = time.perf_counter()
    warm = _warm(config, images, values, steps, asked.workers)
    took = time.perf_counter() - began
    began = time.perf_counter()
    cold = [_point(Trainer(config.with_changes(penalty_weight=value), images), value, steps) for value in values]
    slower = time.perf_counter() - began
    print(f"{steps} steps a point, {config.precision} products; warm {took:.1f} s, cold {slower:.1f} s")
    for one, other in zip(warm, cold, strict=True):
        print(
            f"{one.value:8.4g}   warm L0 {one.l0:6.1f} FVU {one.fvu:.4f}   cold L0 {other.l0:6.1f} FVU {other.fvu:.4f}"
        )
    kept = [float(match(a.filters, b.filters).cosine.mean()) for a, b in pairwise(warm)]
    same = [float(np.diag(cosines(a.filters, b.filters)).mean()) for a, b in pairwise(warm)]
    print("cosine of each filter and itself at the next point: " + " ".join(f"{one:.2f}" for one in same))
    print("                  and the best match there is for it: " + " ".join(f"{one:.2f}" for one in kept))
    gaps = above(warm, cold)
    sentence = (
        f"cold starts have {np.median(gaps):+.1%} FVU at equal L0 (median; {gaps.min():+.1%} to {gaps.max():+.1%})"
    )
    print(sentence)
    if asked.figure:
        asked.figure.write_text(drawing(warm, cold, sentence), "utf-8")
    return 0


def _warm(config: Config, images: Images, values: Sequence[float], steps: int, workers: int) -> list[Point]:
    """As `sae_core.sweep.path` trains it: from one end by one worker, outwards from the middle by two."""
    if workers == 1:
        trainer = Trainer(config.with_changes(penalty_weight=values[0]), images)
        return [_point(trainer, value, steps) for value in values]
    middle, common = len(values) // 2, max(1, steps // COMMON_SHARE)
    start = float(np.sqrt(values[middle - 1] * values[middle]))
    first = Trainer(config.with_changes(penalty_weight=start), images)
    for _ in range(common):
        first.step()
    second = Trainer(first.config, images, first.checkpoint())

    def half(trainer: Trainer, own: Sequence[float]) -> list[Point]:
        return [_point(trainer, value, steps - common * (at == 0)) for at, value in enumerate(own)]

    return [*half(second, values[:middle][::-1])[::-1], *half(first, values[middle:])]


def _point(trainer: Trainer, value: float, steps: int) -> Point:
    trainer.set("penalty_weight", value)
    for _ in range(steps):
        trainer.step()
    quality = evaluate(trainer.model, trainer.images)
    return Point(value, quality.l0, quality.fvu, trainer.model.dictionary.detach().numpy().copy())


def above(warm: Points, cold: Points) -> np.ndarray:
    """By how much the cold points' FVU exceeds the warm line's at their L0 (log-linear between warm points)."""
    line = sorted((np.log(point.l0), np.log(point.fvu)) for point in warm)
    inside = [(point.l0, point.fvu) for point in cold if line[0][0] <= np.log(point.l0) <= line[-1][0]]
    return np.array([fvu / np.exp(np.interp(np.log(l0), *zip(*line, strict=True))) - 1 for l0, fvu in inside])


def drawing(warm: Points, cold: Points, sentence: str) -> str:
    """Both frontiers as an SVG."""

    def place(l0: float, fvu: float) -> tuple[float, float]:
        return 60 + 520 * (np.log10(max(l0, 1)) / np.log10(300)), 20 + 320 * fvu

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 400" font-family="sans-serif" font-size="13">',
        '<rect width="620" height="400" fill="#fff"/>',
    ]
    for l0 in (1, 2, 5, 10, 20, 50, 100, 200):
        x, _ = place(l0, 0)
        parts.append(
            f'<path d="M{x:.1f} 20V340" stroke="#e3e7eb"/><text x="{x:.1f}" y="358" text-anchor="middle">{l0}</text>'
        )
    for share in (0, 25, 50, 75, 100):
        _, y = place(1, 1 - share / 100)
        parts.append(f'<path d="M60 {y:.1f}H580" stroke="#e3e7eb"/>')
        parts.append(f'<text x="54" y="{y + 4:.1f}" text-anchor="end">{share}%</text>')
    parts.append(
        '<text x="320" y="384" text-anchor="middle">lit per image (L0), test images; explained on the left</text>'
    )
    for name, points, colour, top in (
        ("warm-started path", warm, "#0072B2", 250),
        ("cold starts", cold, "#D55E00", 272),
    ):
        dots = [place(point.l0, point.fvu) for point in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in sorted(dots))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in dots]
        parts.append(f'<text x="400" y="{top}" fill="{colour}">{name}</text>')
    parts.append(f'<text x="64" y="14" fill="#1b2733">{sentence}</text>')
    return "\n".join([*parts, "</svg>\n"])
