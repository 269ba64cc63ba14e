"""Are warm starts honest? The frontier of a warm-started path beside cold starts, at equal total steps.

``python -m tests.bench path --figure assets/frontier-warm-cold.svg`` trains each penalty weight both ways with so many
epochs, evaluates on the test set, and prints FVU and L0 of both and how far the cold points lie above the warm line.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from sae_core import Config, evaluate, load_images
from sae_core.sweep.path import default_values
from sae_core.train import Trainer

__all__ = ["main"]

Points = list[tuple[float, float, float]]
"""Of penalty weight, L0 and FVU."""


def main(arguments: list[str]) -> int:
    """Print the two frontiers, and draw them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench path", description=__doc__)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--latents", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    images = load_images("mnist")
    config = Config(n_latents=asked.latents, epochs=asked.epochs, threads=asked.threads, seed=asked.seed)
    steps = config.total_steps(len(images.train)) or 0
    values = default_values("penalty_weight", asked.points)
    began = time.perf_counter()
    trainer = Trainer(config.with_changes(penalty_weight=values[0]), images)
    warm = [_point(trainer, value, steps) for value in values]
    took = time.perf_counter() - began
    began = time.perf_counter()
    cold = [_point(Trainer(config.with_changes(penalty_weight=value), images), value, steps) for value in values]
    print(f"{steps} steps a point; warm {took:.1f} s, cold {time.perf_counter() - began:.1f} s")
    for (value, l0, fvu), (_, cold_l0, cold_fvu) in zip(warm, cold, strict=True):
        print(f"{value:8.4g}   warm L0 {l0:6.1f} FVU {fvu:.4f}   cold L0 {cold_l0:6.1f} FVU {cold_fvu:.4f}")
    gaps = above(warm, cold)
    print(f"cold starts need {np.median(gaps):+.1%} FVU at equal L0 (median; {gaps.min():+.1%} to {gaps.max():+.1%})")
    if asked.figure:
        asked.figure.write_text(drawing(warm, cold), "utf-8")
    return 0


def _point(trainer: Trainer, value: float, steps: int) -> tuple[float, float, float]:
    trainer.set("penalty_weight", value)
    for _ in range(steps):
        trainer.step()
    quality = evaluate(trainer.model, trainer.images)
    return value, quality.l0, quality.fvu


def above(warm: Points, cold: Points) -> np.ndarray:
    """By how much the cold points' FVU exceeds the warm line's at their L0 (log-linear between warm points)."""
    line = sorted((np.log(l0), np.log(fvu)) for _, l0, fvu in warm)
    inside = [(l0, fvu) for _, l0, fvu in cold if line[0][0] <= np.log(l0) <= line[-1][0]]
    return np.array([fvu / np.exp(np.interp(np.log(l0), *zip(*line, strict=True))) - 1 for l0, fvu in inside])


def drawing(warm: Points, cold: Points) -> str:
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
        dots = [place(l0, fvu) for _, l0, fvu in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in sorted(dots))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in dots]
        parts.append(f'<text x="400" y="{top}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])
