"""The page "Compare": every run in a table, up to six of them side by side, and forks of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.compare.summaries import Summary, read_summaries
from dashboard.figures.compared import curves_figure
from dashboard.figures.mosaics import digit_rows, filter_mosaic
from dashboard.path.start import fork_run
from dashboard.views import frame
from sae_core.config import Config, ConfigError
from sae_core.metrics.match import SHARED, match, stability
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs
from sae_core.runs.rows import drop_superseded
from sae_core.snapshot import Snapshot

__all__ = ["show"]

MOST = 6
SIDE = 8
"""Filters a side of the sheets that stand side by side."""

ROWS = 300
"""Points of an overlaid curve at most."""


def show() -> None:
    """The table; below it, what is chosen in it."""
    with frame.page("compare", "Compare", own={"with": str}) as page:
        summaries = read_summaries(page.session.runs.root)
        if not summaries:
            st.info("No run yet. Begin one on the Train page, or train a whole path or a sweep: they all meet here.")
            frame.link("train", "To the Train page")
            return
        chosen = _table(page, summaries)
        if not chosen:
            st.caption(
                "Tick up to six rows to see them side by side: curves, filters in matched order, the same digits."
            )
            return
        runs = [run for summary in chosen if (run := _opened(page.session.runs, summary.id)) is not None]
        _differences(chosen)
        _curves(runs)
        shots = [(run.id, snapshot) for run in runs if (snapshot := run.snapshot()) is not None]
        if shots:
            _filters(shots)
            _digits(shots)
        _fork(page, runs[0])


def _opened(runs: Runs, run_id: str) -> RunDirectory | None:
    try:
        return runs.open(run_id)
    except RunError as error:
        st.warning(str(error))
        return None


def _table(page: frame.Page, summaries: Sequence[Summary]) -> list[Summary]:
    """Every run; those ticked, else those the address names."""
    table = pd.DataFrame(
        {
            "run": [s.id for s in summaries],
            "FVU": [s.fvu for s in summaries],
            "curve": [list(s.curve) for s in summaries],
            "lit (L0)": [s.l0 for s in summaries],
            "dead": [None if s.dead is None else 100 * s.dead for s in summaries],
            "method": [s.knobs["method"] for s in summaries],
            "dial": [s.knobs.get(s.dial) if s.dial else None for s in summaries],
            "units": [s.knobs["n_latents"] for s in summaries],
            "data": [s.knobs["dataset"] for s in summaries],
            "seed": [s.knobs["seed"] for s in summaries],
            "step": [s.step for s in summaries],
            "state": [s.state for s in summaries],
            "forked from": [s.parent for s in summaries],
            "begun": [s.created[:16].replace("T", " ") for s in summaries],
        }
    )
    columns = st.column_config
    event = st.dataframe(
        table,
        key="compare-table",
        hide_index=True,
        height=min(36 + 31 * len(table), 36 + 31 * 10),
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "run": columns.TextColumn(pinned=True, width="medium"),
            "FVU": columns.NumberColumn(format="%.3f"),
            "curve": columns.LineChartColumn("FVU over time", y_min=0.0, y_max=1.0),
            "lit (L0)": columns.NumberColumn(format="%.1f"),
            "dead": columns.NumberColumn("dead %", format="%.1f"),
            "dial": columns.NumberColumn("penalty, β or k", format="%.4g"),
        },
    )
    rows = list(event["selection"]["rows"])
    if len(rows) > MOST:
        st.info(f"Six fit side by side; the first six of {len(rows)} are shown.")
    by_id = {summary.id: summary for summary in summaries}
    if rows:
        found = [summaries[row] for row in rows[:MOST]]
        page.own["with"] = ",".join(summary.id for summary in found)
        return found
    named = [name for name in (page.own.get("with") or "").split(",") if name]
    if gone := [name[:64] for name in named if name not in by_id]:
        st.toast(f"There is no run {gone[0]!r} here any more.", icon="⚠️")
    return [by_id[name] for name in named if name in by_id][:MOST]


def _differences(chosen: Sequence[Summary]) -> None:
    """The knobs in which they differ, and nothing else."""
    if len(chosen) < 2:
        return
    differ = [name for name in Config.model_fields if len({str(s.knobs.get(name)) for s in chosen}) > 1]
    if not differ:
        st.caption("All knobs are the same.")
        return
    words = {name: [_short(s.knobs.get(name)) for s in chosen] for name in differ}
    labels = {name: Config.knobs()[name].label for name in differ}
    table = pd.DataFrame(words, index=[s.id for s in chosen]).rename(columns=labels).T
    st.markdown("**What differs**")
    usual = table.mode(axis=1)[0]
    st.dataframe(
        table.style.apply(
            lambda row: [
                "font-weight: bold; background-color: rgba(230, 159, 0, 0.25)" if value != usual[row.name] else ""
                for value in row
            ],
            axis=1,
        )
    )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)


def _curves(runs: Sequence[RunDirectory]) -> None:
    rows = {run.id: _thinned(drop_superseded(run.rows()[0])) for run in runs}
    for column, place in zip(("fvu", "l0"), st.columns(2), strict=True):
        with place:
            figure = curves_figure(rows, column)
            st.markdown(f"**{figure.layout.meta['title']}**")
            st.plotly_chart(figure, key=f"compare-{column}", height=280, config={"displaylogo": False})


def _thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[:: max(1, len(rows) // ROWS)]


def _filters(shots: Sequence[tuple[str, Snapshot]]) -> None:
    """Sheets of filters, each place the same feature where there is one, those that are not shared faded."""
    st.markdown(f"**Filters in matched order** (faded: not shared with {shots[0][0]}, cosine below {SHARED:g})")
    dark = st.context.theme.type == "dark"
    first = shots[0][1]
    places = np.argsort(-first.census.density, kind="stable")[: SIDE * SIDE]
    columns = st.columns(min(3, len(shots)))
    for at, (run_id, snapshot) in enumerate(shots):
        with columns[at % len(columns)]:
            if snapshot.filters.shape[1] != first.filters.shape[1]:
                st.caption(f"{run_id}: other images, so its filters cannot be matched.")
                continue
            found = _matched(first.filters, snapshot.filters)
            tiles = found.arrange(snapshot.filters)[places]
            strength = np.where((found.cosine[places] >= SHARED) | (at == 0), 1.0, 0.3)
            sheet = filter_mosaic(tiles, snapshot.image_shape, SIDE, strength=strength, dark=dark)
            alike = stability_of(first.filters, snapshot.filters)
            shared = (
                "the one the others are matched with"
                if at == 0
                else f"{alike.shared:.0%} shared, by chance {alike.baseline_shared:.0%}"
            )
            st.image(
                sheet, width="stretch", output_format="PNG", alt=f"{SIDE * SIDE} filters of {run_id} in matched order"
            )
            st.caption(
                f"{run_id}: {shared}"
                + (f"; mean cosine {alike.mean_cosine:.2f}, by chance {alike.baseline_cosine:.2f}" if at else "")
            )


@st.cache_data(max_entries=24, show_spinner="Matching filters…")
def _matched(first: Any, second: Any) -> Any:
    return match(first, second)


@st.cache_data(max_entries=24, show_spinner="Matching filters…")
def stability_of(first: Any, second: Any) -> Any:
    """`stability`, kept: the matching of 1,024 filters takes a tenth of a second, four times."""
    return stability(first, second)


def _digits(shots: Sequence[tuple[str, Snapshot]]) -> None:
    st.markdown("**The same digits, as each copies them**")
    dark = st.context.theme.type == "dark"
    first = shots[0][1].digits
    st.image(digit_rows(first.x, shots[0][1].image_shape, dark=dark), width=620, output_format="PNG", alt="The digits")
    for run_id, snapshot in shots:
        if snapshot.digits.x.shape == first.x.shape:
            rows = digit_rows(snapshot.digits.x_hat, snapshot.image_shape, dark=dark)
            st.image(rows, width=620, output_format="PNG", alt=f"The digits as {run_id} copies them")
            st.caption(
                f"{run_id}: FVU {snapshot.census.fvu:.3f}, {snapshot.census.l0:.1f} lit per image on the test set"
            )


def _fork(page: frame.Page, run: RunDirectory) -> None:
    """Go on from a kept step with another value of the dial."""
    knob = run.config.dial
    with st.expander(f"Fork {run.id}: go on from one of its steps with another value"):
        steps = sorted({*run.history(), run.status().step})
        with st.form("compare-fork", border=False):
            step = st.select_slider("From step", steps, value=steps[-1]) if len(steps) > 1 else steps[0]
            value = (
                st.number_input(
                    Config.knobs()[knob].label, value=float(getattr(run.current_config(), knob)), format="%.4g"
                )
                if knob
                else None
            )
            pressed = st.form_submit_button("Fork", disabled=not frame.may_steer())
        if pressed:
            changes = {knob: float(value)} if knob and value is not None else {}
            try:
                with st.spinner("Going back to that step…"):
                    new = fork_run(page.session.runs, run.id, int(step), changes)
            except (ConfigError, RunError) as error:
                st.error(str(error))
                return
            page.session.look(run=new)
            st.success(f"{new} goes on from step {step:,}; it is on the Train page.")
