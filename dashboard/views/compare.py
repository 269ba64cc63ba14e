"""The page "Compare": every run in a table, up to six of them side by side, and forks of any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.compare import forking, side_by_side
from dashboard.compare.summaries import Summary, family, read_summaries, unusual
from dashboard.views import frame
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs

__all__ = ["show"]

MOST = 6
SHOWN = 10
"""Rows that are in sight at once."""

KNOBS = {"method": "method", "n_latents": "units", "dataset": "data", "seed": "seed"}
"""Knobs with a column of their own, and its title; the others are named where they are not as in most runs."""

QUIET = {"threads", "steps", "epochs", *KNOBS}
"""Not worth naming: how long, and on how many cores."""


def show() -> None:
    """The table; below it, what is chosen in it."""
    with frame.page("compare", "Compare", own={"with": str}, of_a_run=False) as page:
        summaries = read_summaries(page.session.runs.root)
        if not summaries:
            st.info("No run yet: press Play on the Train page, or train a path, and compare what comes of it.")
            frame.link("train", "To the Train page")
            return
        by_id = {summary.id: summary for summary in summaries}
        chosen = _table(page, summaries, by_id)
        if not chosen:
            st.caption(
                "Tick up to six rows to see them side by side: curves, where they stand between few lit and much "
                "explained, filters in matched order, the same digits. A click on a title sorts."
            )
            return
        _side_by_side(page, chosen, summaries, by_id)


def _side_by_side(
    page: frame.Page, chosen: Sequence[Summary], summaries: Sequence[Summary], by_id: Mapping[str, Summary]
) -> None:
    runs = [run for summary in chosen if (run := _opened(page.session.runs, summary.id)) is not None]
    if not runs:
        return
    side_by_side.legend(chosen, by_id)
    if len(chosen) == 1 and len(kin := family(chosen[0].id, by_id)) > 1:
        frame.link("compare", f"Beside its parent and forks ({len(kin[:MOST])})", **{"with": ",".join(kin[:MOST])})
    side_by_side.differences(chosen)
    side_by_side.curves_and_frontier(runs, summaries)
    shots = [(run.id, snapshot) for run in runs if (snapshot := run.snapshot()) is not None]
    for run in runs:
        if run.id not in {name for name, _ in shots}:
            st.caption(f"{run.id} has no snapshot yet: its filters and digits come with the first.")
    if shots:
        side_by_side.filters(shots)
        side_by_side.digits(shots)
    forking.fork(page, runs)


def _opened(runs: Runs, run_id: str) -> RunDirectory | None:
    try:
        return runs.open(run_id)
    except RunError as error:
        st.warning(str(error))
        return None


def _table(page: frame.Page, summaries: Sequence[Summary], by_id: Mapping[str, Summary]) -> list[Summary]:
    """Every run; those ticked, at first those that the address names."""
    named = [name for name in (page.own.get("with") or "").split(",") if name]
    if gone := [name[:64] for name in named if name not in by_id]:
        st.toast(f"There is no run {gone[0]!r} here any more.", icon="⚠️")
    named = [name for name in dict.fromkeys(named) if name in by_id][:MOST]
    order = [*(by_id[name] for name in named), *(s for s in summaries if s.id not in named)]
    shown = st.session_state.get(SHOWN_ROWS, ())
    if {s.id for s in order} == set(shown) and page.own.get("with") == st.session_state.get(TOLD):
        order = [by_id[run_id] for run_id in shown]
    else:  # rows that come, go or are named elsewhere: what is ticked goes by row, so it is a new table
        st.session_state[SHOWN_ROWS] = [summary.id for summary in order]
        st.session_state[TABLE] = st.session_state.get(TABLE, 0) + 1
    event = st.dataframe(
        _styled(order),
        key=f"compare-table-{st.session_state[TABLE]}",
        hide_index=True,
        height=min(36 + 31 * len(order), 36 + 31 * SHOWN),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": list(range(len(named)))}},
        column_config=_columns(),
        placeholder="–",
        row_height=31,
        alt="All runs, with their curve, figures, knobs and lineage",
    )
    rows = list(event["selection"]["rows"])
    if len(rows) > MOST:
        st.info(f"Six fit side by side; the first six of {len(rows)} are shown.")
    found = [order[row] for row in rows[:MOST] if row < len(order)]
    page.own["with"] = st.session_state[TOLD] = ",".join(summary.id for summary in found) or None
    return found


SHOWN_ROWS, TABLE, TOLD = "compare-rows", "compare-tables", "compare-told"
"""The session's keys for the rows as they stand, how many tables there were, and what this page last wrote of them."""


def _styled(summaries: Sequence[Summary]) -> Any:
    """The table; knobs that are not as in most runs are marked."""
    odd = unusual(summaries)
    table = pd.DataFrame(
        {
            "run": [s.id for s in summaries],
            "FVU": [s.fvu for s in summaries],
            "curve": [list(s.curve) for s in summaries],
            "lit (L0)": [s.l0 for s in summaries],
            "dead": [None if s.dead is None else 100 * s.dead for s in summaries],
            "dial": [s.knobs.get(s.dial) if s.dial else None for s in summaries],
            **{title: [s.knobs[name] for s in summaries] for name, title in KNOBS.items()},
            "other": [_words(s, knobs) for s, knobs in zip(summaries, odd, strict=True)],
            "step": [s.step for s in summaries],
            "state": [s.state for s in summaries],
            "forked from": [s.parent for s in summaries],
            "begun": [s.created[:16].replace("T", " ") for s in summaries],
        }
    )
    marks = pd.DataFrame("", index=table.index, columns=table.columns)
    for name, title in KNOBS.items():
        marks[title] = [side_by_side.MARKED if name in knobs else "" for knobs in odd]
    marks["other"] = [side_by_side.MARKED if words else "" for words in table["other"]]
    return table.style.apply(lambda _: marks, axis=None)


def _words(summary: Summary, knobs: Mapping[str, Any]) -> str:
    """Knobs without a column that are not as in most runs."""
    named = {name: value for name, value in knobs.items() if name not in QUIET and name != summary.dial}
    return ", ".join(f"{name} {side_by_side.short(value)}" for name, value in named.items())


def _columns() -> dict[str, Any]:
    columns = st.column_config
    return {
        "run": columns.TextColumn(pinned=True, width="medium"),
        "FVU": columns.NumberColumn(format="%.3f", help="On recent training batches: 0 is a perfect copy, 1 the mean."),
        "curve": columns.LineChartColumn("FVU over time", y_min=0.0, y_max=1.0),
        "lit (L0)": columns.NumberColumn(format="%.1f"),
        "dead": columns.NumberColumn("dead %", format="%.1f"),
        "dial": columns.NumberColumn("penalty, β or k", format="%.4g"),
        "seed": columns.NumberColumn(format="%d", width="small"),
        "other": columns.TextColumn("also differs", help="Knobs that are not as in most of these runs."),
        "step": columns.NumberColumn(format="localized"),
    }
