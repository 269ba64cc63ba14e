"""Up to six runs side by side: what differs, curves, the frontier, filters in matched order, the same digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.compare.summaries import Summary, lineage
from dashboard.figures.compared import Trail, colour_of, curves_figure, trails_figure
from dashboard.figures.mosaics import digit_rows, filter_mosaic
from sae_core.config import Config
from sae_core.metrics.match import SHARED, match, stability
from sae_core.runs.directory import RunDirectory
from sae_core.runs.path_file import read_points
from sae_core.runs.rows import drop_superseded
from sae_core.snapshot import Snapshot

__all__ = ["curves_and_frontier", "differences", "digits", "filters", "legend"]

SIDE = 8
"""Filters a side of the sheets that stand side by side."""

ROWS = 300
"""Points of an overlaid curve at most."""

TRAIL = 12
"""Kept steps of a run that its way to the frontier is drawn through."""

Shots = Sequence[tuple[str, Snapshot]]


def legend(chosen: Sequence[Summary], by_id: Mapping[str, Summary]) -> None:
    """Which colour is which run, and whence each came: said once, for every chart below."""
    lines = []
    for at, summary in enumerate(chosen):
        before = " ← ".join(lineage(summary, by_id))
        after = ", ".join(sorted(child.id for child in by_id.values() if child.parent_id == summary.id)[:6])
        words = (f" ← {before}" if before else "") + (f" → {after}" if after else "")
        lines.append(
            f'<span style="color:{colour_of(at)};font-weight:700">● {summary.id}</span>'
            f'<span style="opacity:.7">{words}</span>'
        )
    st.html('<div style="line-height:1.7">' + "<br>".join(lines) + "</div>")


def differences(chosen: Sequence[Summary]) -> None:
    """The knobs in which they differ, and nothing else."""
    if len(chosen) < 2:
        return
    differ = [name for name in Config.model_fields if len({str(s.knobs.get(name)) for s in chosen}) > 1]
    if not differ:
        st.caption("All knobs are the same.")
        return
    words = {name: [short(s.knobs.get(name)) for s in chosen] for name in differ}
    labels = {name: Config.knobs()[name].label for name in differ}
    table = pd.DataFrame(words, index=[s.id for s in chosen]).rename(columns=labels).T
    st.markdown("**What differs**")
    usual = table.mode(axis=1)[0]
    st.dataframe(
        table.style.apply(
            lambda row: [MARKED if value != usual[row.name] else "" for value in row],
            axis=1,
        )
    )


MARKED = "font-weight: bold; background-color: rgba(230, 159, 0, 0.25)"
"""The look of a knob that is not as it mostly is."""


def short(value: Any) -> str:
    """A knob's value in few letters."""
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)


def curves_and_frontier(runs: Sequence[RunDirectory], summaries: Sequence[Summary]) -> None:
    """FVU and L0 as they were trained, and where that stands on test images."""
    rows = {run.id: _thinned(drop_superseded(run.rows()[0])) for run in runs}
    names = {run.id for run in runs}
    others = [(s.id, *s.measured) for s in summaries if s.measured is not None and s.id not in names]
    figures = [curves_figure(rows, "fvu"), curves_figure(rows, "l0"), trails_figure(list(map(_trail, runs)), others)]
    for at, (figure, place) in enumerate(zip(figures, st.columns(3), strict=True)):
        with place:
            st.markdown(f"**{figure.layout.meta['title']}**")
            st.plotly_chart(figure, key=f"compare-chart-{at}", height=300, config={"displaylogo": False})


def _thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for at, row in enumerate(rows) if at % max(1, len(rows) // ROWS) == 0 or at == len(rows) - 1]


def _trail(run: RunDirectory) -> Trail:
    """A path's points; of another run its kept steps, and its newest snapshot last."""
    if points := read_points(run.path):
        points = sorted(points, key=lambda point: point.value)
        names = [f"at {point.value:g}" for point in points]
        return Trail(run.id, [p.l0 for p in points], [p.fvu for p in points], names, path=True)
    steps = run.history()
    found = [_standing(str(run.path), step) for step in steps[:: max(1, -(-len(steps) // TRAIL))]]
    newest = run.snapshot()
    if newest is not None:
        found = [one for one in found if one is not None and one[0] < newest.row.step]
        found.append((newest.row.step, newest.census.l0, newest.census.fvu))
    known = [one for one in found if one is not None]
    return Trail(run.id, [one[1] for one in known], [one[2] for one in known], [f"step {one[0]:,}" for one in known])


@st.cache_data(max_entries=400, show_spinner=False)
def _standing(path: str, step: int) -> tuple[int, float, float] | None:
    """Step, L0 and FVU on the test set at a kept step, which never changes."""
    from pathlib import Path

    snapshot = RunDirectory(Path(path)).snapshot_at(step)
    return None if snapshot is None else (step, snapshot.census.l0, snapshot.census.fvu)


def filters(shots: Shots) -> None:
    """Sheets of filters, each place the same feature where there is one, those that are not shared faded."""
    if len(shots) > 1:
        first = shots[0][0]
        st.markdown(f"**Filters in matched order** (faded: no filter of {first} is like it; cosine below {SHARED:g})")
    else:
        st.markdown("**Filters**, those that fire most first")
    columns = st.columns(4 if len(shots) == 4 else 3)
    for at, (run_id, snapshot) in enumerate(shots):
        with columns[at % len(columns)]:
            _sheet(at, run_id, snapshot, shots[0][1])
    if len(shots) > 2:
        _pairs(shots)


def _sheet(at: int, run_id: str, snapshot: Snapshot, first: Snapshot) -> None:
    if snapshot.filters.shape[1] != first.filters.shape[1]:
        st.caption(f"{run_id}: other images, so its filters cannot be matched.")
        return
    places = np.argsort(-first.census.density, kind="stable")[: SIDE * SIDE]
    found = _matched(first.filters, snapshot.filters)
    tiles = found.arrange(snapshot.filters)[places]
    strength = np.where((found.cosine[places] >= SHARED) | (at == 0), 1.0, 0.3)
    dark = st.context.theme.type == "dark"
    sheet = filter_mosaic(tiles, snapshot.image_shape, SIDE, strength=strength, dark=dark)
    st.image(sheet, width="stretch", output_format="PNG", alt=f"{len(places)} filters of {run_id} in matched order")
    if at == 0:
        st.caption(f"{run_id}: the one that others are matched with")
        return
    alike = _stability(first.filters, snapshot.filters)
    st.caption(
        f"{run_id}: {alike.shared:.0%} shared, by chance {alike.baseline_shared:.0%}; mean cosine "
        f"{alike.mean_cosine:.2f}, by chance {alike.baseline_cosine:.2f}"
    )


def _pairs(shots: Shots) -> None:
    """Every two of them: how many of the row's filters have their like in the column's."""
    fitting = [(run, shot) for run, shot in shots if shot.filters.shape[1] == shots[0][1].filters.shape[1]]
    shares = [[_stability(one.filters, other.filters) for _, other in fitting] for _, one in fitting]
    names = [run for run, _ in fitting]
    table = pd.DataFrame([[alike.shared for alike in row] for row in shares], index=names, columns=names)
    chance = max(alike.baseline_shared for row in shares for alike in row)
    st.markdown(f"**Share of the row's filters that the column has too** (random filters: {chance:.0%} at most)")
    look = table.style.format("{:.0%}").map(lambda share: f"background-color: rgba(0, 114, 178, {0.45 * share:.2f})")
    st.dataframe(look)


@st.cache_data(max_entries=64, show_spinner="Matching filters…")
def _matched(first: Any, second: Any) -> Any:
    return match(first, second)


@st.cache_data(max_entries=64, show_spinner="Matching filters…")
def _stability(first: Any, second: Any) -> Any:
    """Kept: the matching of 1,024 filters takes a tenth of a second, twice."""
    return stability(first, second)


def digits(shots: Shots) -> None:
    """The fixed digits, and what each run makes of them."""
    st.markdown("**The same digits, as each copies them**")
    dark = st.context.theme.type == "dark"
    first = shots[0][1].digits
    rows = [("the digits", "", digit_rows(first.x, shots[0][1].image_shape, dark=dark), "The digits")]
    for run_id, snapshot in shots:
        if snapshot.digits.x.shape == first.x.shape:
            words = f"FVU {snapshot.census.fvu:.3f}, {snapshot.census.l0:.1f} lit per image on the test set"
            sheet = digit_rows(snapshot.digits.x_hat, snapshot.image_shape, dark=dark)
            rows.append((run_id, words, sheet, f"The digits as {run_id} copies them"))
    for name, words, sheet, alt in rows:
        picture, said = st.columns((3, 2), vertical_alignment="center")
        picture.image(sheet, width=620, output_format="PNG", alt=alt)
        said.caption(f"**{name}**  \n{words}")
