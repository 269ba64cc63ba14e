"""One line a run: read from its files as they are, a thousand of them in about a second, and then only what changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sae_core.config import Config
from sae_core.runs.directory import WORKING
from sae_core.runs.files import RunError, from_json, is_locked
from sae_core.sparsity import METHODS

__all__ = ["Summary", "family", "lineage", "read_summaries", "unusual"]

POINTS = 24
"""Of a sparkline."""

LONGEST = 20
"""Ancestors that are told."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the table says of a run."""

    id: str
    created: str
    state: str
    parent: str
    """Of a fork or a reset: "run @ step", with a note where that run has been deleted."""
    parent_id: str = ""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    dial: str = ""
    step: int = 0
    fvu: float | None = None
    l0: float | None = None
    dead: float | None = None
    curve: tuple[float, ...] = ()
    """FVU on training batches, over the run."""
    measured: tuple[float, float] | None = None
    """L0 and FVU on the test set, where the run's results say so."""


_kept: dict[str, tuple[tuple[int, ...], Summary]] = {}
"""By path: the files' times when it was read, and what was found."""


def read_summaries(root: Path) -> list[Summary]:
    """Every run of the folder, newest first; one that is half written or damaged is left out.

    Raises:
        RunError: the folder cannot be read (a sentence).
    """
    try:
        with os.scandir(root) as entries:
            paths = [entry.path for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"The runs folder {root} cannot be read: {error.strerror or error}.") from None
    there = {os.path.basename(path) for path in paths}  # noqa: PTH119 (a thousand Paths take a while)
    found = [summary for path in paths if (summary := _summary(path, there)) is not None]
    return sorted(found, key=lambda summary: (summary.created, summary.id), reverse=True)


def _summary(path: str, there: set[str]) -> Summary | None:
    try:
        stamp = tuple(os.stat(f"{path}/{name}").st_mtime_ns for name in ("status.json", "metrics.jsonl"))  # noqa: PTH116 (as above)
    except OSError:
        return None
    known = _kept.get(path)
    if known is not None and known[0] == stamp and known[1].state not in WORKING:
        return known[1]
    summary = _read(Path(path), there)
    if summary is not None:
        _kept[path] = (stamp, summary)
    return summary


def _read(path: Path, there: set[str]) -> Summary | None:
    about, status = _object(path / "config.json"), _object(path / "status.json") or {}
    if about is None or not isinstance(about.get("config"), dict):
        return None
    config, state = about["config"], str(status.get("state", "lost"))
    if state in WORKING and not is_locked(path / "lock"):
        state = "lost"
    method = METHODS.get(config.get("method", ""))
    first, rows = _rows(path / "metrics.jsonl")
    last = rows[-1] if rows else {}
    knobs = {name: config.get(name) for name in Config.model_fields}
    dial = (method.dial if method else None) or ""
    if dial and isinstance(last.get("dial"), int | float):
        knobs[dial] = last["dial"]
    return Summary(
        id=path.name,
        created=str(about.get("created", "")),
        state=state,
        parent=_parent(about, there),
        parent_id=str(about.get("parent") or ""),
        knobs=knobs,
        dial=dial,
        step=int(status.get("step") or 0),
        fvu=last.get("fvu"),
        l0=last.get("l0"),
        dead=last.get("dead_fraction"),
        curve=tuple(float(row["fvu"]) for row in first + rows if isinstance(row.get("fvu"), float)),
        measured=_measured(path),
    )


def _measured(path: Path) -> tuple[float, float] | None:
    match _object(path / "results.json"):
        case {"l0": int() | float() as l0, "fvu": int() | float() as fvu}:
            return float(l0), float(fvu)
    return None


def unusual(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """For each run the knobs that are not as in most runs of the folder, by name."""
    usual = {
        name: Counter(_key(summary.knobs.get(name)) for summary in summaries).most_common(1)[0][0]
        for name in (Config.model_fields if summaries else ())
    }
    return [
        {name: value for name, value in summary.knobs.items() if _key(value) != usual[name]} for summary in summaries
    ]


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def lineage(summary: Summary, by_id: Mapping[str, Summary]) -> list[str]:
    """Whence it came, the nearest first: "run @ step" of its parent, its parent's parent, …"""
    found: list[str] = []
    one: Summary | None = summary
    while one is not None and one.parent and len(found) < LONGEST:
        found.append(one.parent)
        one = by_id.get(one.parent_id)
    return found


def family(run: str, by_id: Mapping[str, Summary]) -> list[str]:
    """The run, its parent where that is still there, and its children, oldest first."""
    own = by_id[run]
    kin = [s.id for s in by_id.values() if s.parent_id == run or (own.parent_id and s.id == own.parent_id)]
    return sorted({run, *kin}, key=lambda one: (by_id[one].created, one))


def _parent(about: Mapping[str, Any], there: set[str]) -> str:
    parent = about.get("parent")
    if not isinstance(parent, str):
        return ""
    step = about.get("parent_step")
    gone = "" if parent in there else " (deleted)"
    return f"{parent} @ {step:,}{gone}" if isinstance(step, int) else parent + gone


def _rows(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Some rows, evenly spaced: those before the last, and the last."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return [], []
    picked = [lines[round(at * (len(lines) - 1) / (POINTS - 1))] for at in range(POINTS)] if lines else []
    rows = [row for line in dict.fromkeys(picked) if (row := from_json(line)) is not None]
    return rows[:-1], rows[-1:]


def _object(path: Path) -> dict[str, Any] | None:
    try:
        return from_json(path.read_bytes())
    except OSError:
        return None
