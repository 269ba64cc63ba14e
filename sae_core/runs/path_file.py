"""The path of one knob, as files of an ordinary run.

A path is a run whose knob moves on a schedule: its later values stand in applied.jsonl from the start, as ``set``
records at the steps where they will take effect, so that any worker trains it, resumes it and replays it bit for bit
like every other run. Two more files in its folder:

    path.json        {"schema", "knob", "values": [first, …], "steps": [where each value's stretch ends, …], "other":
                     the run that trains the path's other half, "second": whether this half is listed under the other}
    points.jsonl     one line a point, written by the worker when its files are there: {"step", "value", "fvu", "l0",
                     "dead_fraction", "accuracy" (of `light_probe`), "seconds"}; of two lines for a step the last holds

Each point's snapshot and checkpoint stay in history/, so that every point can be looked at, forked and gone on from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sae_core.runs.files import RunError, from_json, read_lines, to_json, write_atomically
from sae_core.runs.rows import finite

__all__ = ["PathPlan", "PathPoint", "point_line", "read_path", "read_points", "write_path"]

SCHEMA = 2


@dataclass(frozen=True, slots=True)
class PathPlan:
    """Which knob moves, through which values, and the step at which the stretch of each ends.

    A path that two processes train is two runs, of which each names the other (`sae_core.sweep.path`).
    """

    knob: str
    values: tuple[float, ...]
    steps: tuple[int, ...]
    other: str = ""
    second: bool = False


@dataclass(frozen=True, slots=True)
class PathPoint:
    """What the model came to at one value: on the test set, shares of 1; ``seconds`` is training time so far."""

    step: int
    value: float
    fvu: float
    l0: float
    dead_fraction: float
    accuracy: float | None
    """Share of test images that `sae_core.probe.light` tells right; None without labels."""
    seconds: float


def write_path(path: Path, plan: PathPlan) -> None:
    """Make the run's folder ``path`` a path's."""
    write_atomically(path / "path.json", to_json({"schema": SCHEMA, **asdict(plan)}), sync=True)


def read_path(path: Path) -> PathPlan | None:
    """The plan in a run's folder; None where the run is no path.

    Raises:
        RunError: it is damaged, or a newer Penstroke wrote it.
    """
    try:
        data = from_json((path / "path.json").read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"path.json of {path.name} cannot be read: {error.strerror or error}.") from None
    match data:
        case {"schema": int(schema)} if schema > SCHEMA:
            raise RunError(f"A newer Penstroke made the path {path.name} (schema {schema}): update this one.")
        case {"knob": str(knob), "values": [*values], "steps": [*steps], **more} if len(values) == len(steps) > 0:
            other, second = str(more.get("other", "")), bool(more.get("second", False))
            return PathPlan(knob, tuple(map(float, values)), tuple(map(int, steps)), other, second)
        case _:
            raise RunError(f"path.json of {path.name} is damaged.")


def point_line(point: PathPoint) -> dict[str, Any]:
    """A point as a line of points.jsonl."""
    return {name: finite(value) for name, value in asdict(point).items()}


def read_points(path: Path) -> list[PathPoint]:
    """The points there are, in order of step: those whose snapshot is in history/."""
    found: dict[int, PathPoint] = {}
    for _, line in read_lines(path / "points.jsonl")[0]:
        data = from_json(line)
        if data is not None and set(PathPoint.__slots__) <= data.keys():
            found[data["step"]] = PathPoint(**{name: data[name] for name in PathPoint.__slots__})
    kept = (step for step in sorted(found) if (path / "history" / f"snapshot-{step:012d}.safetensors").exists())
    return [found[step] for step in kept]
