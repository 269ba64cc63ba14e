"""Rows of metrics.jsonl: the points of every curve, and which of them a crash superseded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sae_core.runs.files import from_json, read_lines
from sae_core.snapshot import Row, Terms

__all__ = ["COLUMNS", "drop_superseded", "finite", "read_rows", "row_fields", "row_from_fields"]

COLUMNS = (
    "step",
    "images",
    "epoch",
    "seconds",
    "images_per_second",
    "reconstruction",
    "sparsity",
    "weight",
    "decay",
    "objective",
    "fvu",
    "l0",
    "dead_fraction",
    "dial",
    "auxiliary",
)
"""Numbers of every row; ``seconds`` is training time, shares are of 1, ``dial`` is the knob of the big slider."""


def finite(value: Any) -> Any:
    """``value``, or None where it is a float that JSON has no word for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row_fields(row: Row) -> dict[str, Any]:
    """A row as `COLUMNS`; what is not finite is None."""
    terms = row.terms
    values = (
        row.step,
        row.images,
        row.epoch,
        row.seconds,
        row.images_per_second,
        terms.reconstruction,
        terms.sparsity,
        terms.weight,
        terms.decay,
        terms.objective,
        row.fvu,
        row.l0,
        row.dead_fraction,
        row.penalty_weight,
        terms.auxiliary,
    )
    return {name: finite(value) for name, value in zip(COLUMNS, values, strict=True)}


def row_from_fields(fields: Mapping[str, Any]) -> Row:
    """The row that `row_fields` took apart; None becomes NaN.

    Raises:
        KeyError, TypeError, ValueError: a column is missing or no number.
    """
    known = {"auxiliary": 0.0, **fields}  # which rows of before 2026-11-23 lack
    at = {name: math.nan if known[name] is None else float(known[name]) for name in COLUMNS if name != "objective"}
    return Row(
        step=int(at["step"]),
        images=int(at["images"]),
        epoch=at["epoch"],
        seconds=at["seconds"],
        images_per_second=at["images_per_second"],
        terms=Terms(at["reconstruction"], at["sparsity"], at["weight"], at["decay"], at["auxiliary"]),
        fvu=at["fvu"],
        l0=at["l0"],
        dead_fraction=at["dead_fraction"],
        penalty_weight=at["dial"],
    )


def read_rows(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The rows from byte ``offset`` on, with their ``attempt``, and where to read on; damaged lines are left out."""
    lines, following = read_lines(path, offset)
    rows = (from_json(line) for _, line in lines)
    return [row for row in rows if row is not None and _is_row(row)], following


def _is_row(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("step"), int) and isinstance(row.get("attempt"), int)


def drop_superseded(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that hold: a later attempt, which begins with a row at its first step, replaces all from there on."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if kept and row["attempt"] != kept[-1]["attempt"]:
            while kept and kept[-1]["step"] >= row["step"]:
                kept.pop()
        kept.append(row)
    return kept
