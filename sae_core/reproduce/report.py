"""What a reproduction came to, and how it is written down."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Outcome", "Progress", "ReproduceError", "Target", "write"]

Progress: TypeAlias = Callable[[float, str], None]
"""Is told the share that is done, from 0 to 1, and what is under way."""


class ReproduceError(ValueError):
    """There is no such result, or it cannot be run here: one sentence."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Ours beside what was published."""

    ours: Mapping[str, float]
    passed: bool
    figure: str = ""
    """SVG."""
    notes: tuple[str, ...] = ()
    """What differs from the publication, and what else has to be known to read the figures."""


@dataclass(frozen=True, slots=True)
class Target:
    """One published result."""

    name: str
    title: str
    source: str
    published: str
    band: str
    """What ours has to be to pass."""
    takes: str
    """On two quiet cores."""
    run: Callable[[Progress, bool], Outcome] = field(repr=False)
    """Told whether to be quick."""
    quick: str = ""
    """What ``--quick`` leaves out; empty where there is no quicker way."""
    record: str = ""
    """Whether it has been run to its end, and when it has not, that."""


def write(folder: Path, target: Target, outcome: Outcome, *, seconds: float, quick: bool) -> Path:
    """Write NAME.json, and NAME.svg where there is a figure; the JSON's path."""
    stem = f"{target.name}-quick" if quick else target.name
    folder.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "name": target.name,
        "title": target.title,
        "source": target.source,
        "published": target.published,
        "band": target.band,
        "ours": dict(outcome.ours),
        "passed": outcome.passed,
        "quick": target.quick if quick else False,
        "notes": list(outcome.notes),
        "seconds": round(seconds, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("penstroke", "torch", "numpy", "scikit-learn")},
        "processor": platform.machine(),
        "command": f"penstroke reproduce {target.name}{' --quick' if quick else ''}",
    }
    if outcome.figure:
        (folder / f"{stem}.svg").write_text(outcome.figure, "utf-8")
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path
