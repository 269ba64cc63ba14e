"""What our step is made of, and how its cost grows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from sae_core.data import Images, load_images
from sae_core.training.device import cpu_has_bfloat16
from sae_core.training.step import Trainer
from tests.bench.contestants.ours import config_of
from tests.bench.contestants.spec import Spec
from tests.bench.contestants.turns import resident

__all__ = ["cost_of_images", "cost_of_width", "memory", "stages"]

STAGES = (
    ("next batch", "trainer", "_load"),
    ("forward (products, codes)", "objective", "forward"),
    ("… of it the method's codes", "method", "activate_"),
    ("penalties", "objective", "penalties"),
    ("backward", "objective", "backward"),
    ("… of it the method's share", "method", "backward_"),
    ("Adam", "optimizer", "step"),
    ("unit norm", "objective", "constrain_"),
    ("running means", "recent", "observe_"),
)
"""What is timed: its name, and where the trainer keeps it. A method that is not there is left out."""


def stages(spec: Spec, console: Console, steps: int = 60) -> dict[str, float]:
    """Milliseconds that each stage of a step takes, the median over ``steps`` steps."""
    trainer = trainer_of(spec)
    owners = {
        "trainer": trainer,
        "objective": trainer.objective,
        "method": trainer.model.method,
        "optimizer": trainer._optimizer,
        "recent": trainer._recent,
    }
    times: dict[str, list[float]] = {}
    undo = [
        _timed(owners[owner], name, times.setdefault(label, []), spec.device)
        for label, owner, name in STAGES
        if hasattr(owners[owner], name)
    ]
    whole = times.setdefault("whole step", [])
    try:
        for _ in range(steps + 5):
            began = time.perf_counter()
            trainer.step()
            synchronise(spec.device)
            whole.append(time.perf_counter() - began)
    finally:
        for put_back in undo:
            put_back()
    found = {label: 1000 * float(np.median(spent[5:])) for label, spent in times.items() if len(spent) > 5}
    table = Table(title=f"stages of our step, width {spec.width}, {spec.method}, ms")
    table.add_column("stage")
    table.add_column("ms", justify="right")
    table.add_column("share", justify="right")
    for label, ms in found.items():
        table.add_row(label, f"{ms:.2f}", f"{ms / found['whole step']:.0%}")
    console.print(table)
    return found


def _timed(owner: Any, name: str, spent: list[float], device: str) -> Callable[[], None]:
    """Time every call of ``owner.name`` into ``spent``; returns what puts it back."""
    inner = getattr(owner, name)

    def outer(*arguments: Any, **options: Any) -> Any:
        synchronise(device)
        began = time.perf_counter()
        result = inner(*arguments, **options)
        synchronise(device)
        spent.append(time.perf_counter() - began)
        return result

    setattr(owner, name, outer)
    return lambda: delattr(owner, name)


def cost_of_width(spec: Spec, console: Console, *, quick: bool = False) -> list[dict[str, float]]:
    """Seconds for 1,000 images at growing widths, in turns; linear means that s/width stays."""
    widths = (256, 1024) if quick else (256, 512, 1024, 2048, 4096)
    trainers = [trainer_of(replace(spec, width=width)) for width in widths]
    seconds: list[list[float]] = [[] for _ in widths]
    for _ in range(3):
        for trainer, spent in zip(trainers, seconds, strict=True):
            spent.append(seconds_of(trainer, 12, spec.device) / 12 / spec.batch * 1000)
    rows = [{"width": float(w), "seconds": float(np.median(s))} for w, s in zip(widths, seconds, strict=True)]
    _chart(console, "cost of the width: seconds for 1,000 images", rows, "width")
    return rows


def cost_of_images(spec: Spec, console: Console, *, quick: bool = False) -> list[dict[str, float]]:
    """Seconds of training for growing numbers of images."""
    counts = (20, 40) if quick else (40, 80, 160, 320)
    rows = []
    for steps in counts:
        trainer = trainer_of(spec)
        seconds_of(trainer, 3, spec.device)
        rows.append({"images": float(steps * spec.batch), "seconds": seconds_of(trainer, steps, spec.device)})
    _chart(console, "cost of the images: seconds of training", rows, "images")
    return rows


def memory(spec: Spec, console: Console, *, quick: bool = False) -> list[dict[str, float]]:
    """Megabytes beyond what the process had before the model was made, as the run gets longer."""
    images = load_images(spec.dataset)
    before = resident()
    trainer = trainer_of(spec, images)
    weights = 4 * sum(parameter.numel() for parameter in trainer.model.parameters())
    rows, done = [], 0
    for steps in (5, 40) if quick else (5, 60, 240, 480):
        seconds_of(trainer, steps - done, spec.device)
        done = steps
        rows.append({"steps": float(steps), "megabytes": (resident() - before) / 1e6})
    console.print(
        f"memory: weights {weights / 1e6:.1f} MB, "
        f"times 4 (gradient and Adam's two moments) {4 * weights / 1e6:.1f} MB; "
        "the process grew by " + ", ".join(f"{row['megabytes']:.1f} MB after {row['steps']:.0f} steps" for row in rows)
    )
    return rows


def trainer_of(spec: Spec, images: Images | None = None) -> Trainer:
    """Our trainer at its fastest on this machine."""
    torch.set_num_threads(spec.threads)
    fast = spec.device == "cuda" or cpu_has_bfloat16()
    return Trainer(config_of(spec, "bfloat16" if fast else "float32"), images or load_images(spec.dataset))


def seconds_of(trainer: Trainer, steps: int, device: str) -> float:
    """How long so many steps take."""
    synchronise(device)
    began = time.perf_counter()
    for _ in range(steps):
        trainer.step()
    synchronise(device)
    return time.perf_counter() - began


def synchronise(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def _chart(console: Console, title: str, rows: list[dict[str, float]], name: str) -> None:
    """Bars, and the exponent b of seconds ∝ size^b: 1 is linear."""
    sizes = np.array([row[name] for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    console.print(f"\n{title} (∝ {name}^{exponent:.2f}; 1 is linear)")
    for size, spent in zip(sizes, seconds, strict=True):
        bar = "█" * max(1, round(48 * spent / seconds.max()))
        console.print(f"{size:>10,.0f} {bar} {spent:.3f} s, {1e6 * spent / size:.2f} µs each")
