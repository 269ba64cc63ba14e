"""The page "Sweeps": a grid, random draws or a search; its frontier, its knobs side by side, and every run in it."""

from __future__ import annotations

import os

import pandas as pd
import streamlit as st

from dashboard.figures.compared import frontier_figure, parallel_figure
from dashboard.path.start import fork_run
from dashboard.sweeps import drive_elsewhere
from dashboard.views import frame
from sae_core.runs.files import RunError
from sae_core.sweep.drive import make_plan
from sae_core.sweep.elsewhere import stop_file
from sae_core.sweep.folder import SweepFolder, sweeps
from sae_core.sweep.plan import OBJECTIVES, Plan, read_choices, read_range

__all__ = ["show"]

EVERY = 1.0
"""Seconds between two looks at a sweep under way."""

KINDS = {"grid": "Grid: every combination", "random": "Random draws", "search": "Search (Optuna)"}


def show() -> None:
    """What to try, and what came of it."""
    with frame.page("sweeps", "Sweeps", own={"sweep": str}) as page:
        known = {sweep.id: sweep for sweep in sweeps(page.session.runs)}
        _form(page, open_=not known)
        if not known:
            st.info("No sweep yet. Say above which knobs to vary; every trial becomes a run of its own.")
            return
        chosen = page.own.get("sweep")
        if (begun := st.session_state.pop("sweeps-next", None)) in known:
            chosen = st.session_state["sweeps-which"] = begun
        chosen = st.selectbox(
            "Sweep",
            list(known),
            index=list(known).index(chosen) if chosen in known else 0,
            width=320,
            key="sweeps-which",
        )
        page.own["sweep"] = chosen
        _sweep(page, known[chosen])


def _form(page: frame.Page, *, open_: bool) -> None:
    with st.expander("New sweep", expanded=open_), st.form("sweeps-new", border=False):
        left, right = st.columns(2)
        kind = left.selectbox("What kind", list(KINDS), format_func=KINDS.__getitem__)
        name = right.text_input("Name", placeholder="made from the plan")
        grid = left.text_area(
            "Values to combine, a knob a line", "penalty_weight=0.01,0.03,0.1,0.3\nseed=0,1", height=110
        )
        ranges = right.text_area(
            "Ranges to draw from, a knob a line", placeholder="penalty_weight=0.003..1", height=110
        )
        base = left.text_input("For all trials", "dataset=mnist epochs=1")
        count = right.number_input("Draws (random and search)", 1, 1000, 20)
        objectives = left.multiselect("The search is for", list(OBJECTIVES), ["fvu", "l0"])
        workers = right.number_input("Trials at once", 1, 64, os.cpu_count() or 1)
        hopeless = left.checkbox("Stop trials that are clearly worse half way")
        if not st.form_submit_button("Begin", type="primary", disabled=not frame.may_steer()):
            return
    plan = make_plan(
        dict(map(read_choices, grid.split())) if kind == "grid" or grid.strip() else {},
        dict(map(read_range, ranges.split())) if kind != "grid" else {},
        random=int(count) if kind == "random" else None,
        search=int(count) if kind == "search" else None,
        objectives=objectives,
        seed=0,
        base={knob: values[0] for knob, values in map(read_choices, base.split())},
    )
    plan.check()
    folder = SweepFolder.begin(page.session.runs, plan, name or None)
    drive_elsewhere(folder, int(workers), stop_hopeless=hopeless)
    page.own["sweep"] = st.session_state["sweeps-next"] = folder.id
    st.rerun()


def _sweep(page: frame.Page, folder: SweepFolder) -> None:
    plan = folder.plan
    done = len(folder.results())

    @st.fragment(run_every=EVERY if folder.under_way or done < len(plan) else None)
    def progress() -> None:
        now = len(folder.results())
        st.progress(
            now / len(plan),
            f"{now} of {len(plan)} trials" + ("" if folder.under_way or now == len(plan) else ", at rest"),
        )
        if now != done:
            st.rerun()

    progress()
    with st.container(horizontal=True):
        if folder.under_way:
            st.button("Stop", on_click=lambda: stop_file(folder).touch(), disabled=not frame.may_steer())
        elif done < len(plan):
            count = os.cpu_count() or 1
            st.button("Go on", on_click=lambda: drive_elsewhere(folder, count), disabled=not frame.may_steer())
    if not done:
        return
    table = folder.table()
    _charts(page, plan, table)
    with st.container(horizontal=True):
        st.download_button("Table (CSV)", table.to_csv(index=False), f"{folder.id}.csv", "text/csv")
        parquet = folder.path / "table.parquet"
        if parquet.exists():
            st.download_button("Table (Parquet)", parquet.read_bytes(), f"{folder.id}.parquet")


def _charts(page: frame.Page, plan: Plan, table: pd.DataFrame) -> None:
    """The frontier, whose points can be chosen; the knobs; the trials."""
    knobs = [knob for knob in plan.knobs if table[knob].nunique() > 1]
    colour = st.segmented_control("Colour", knobs, default=knobs[0], key="sweeps-colour") if knobs else None
    left, right = st.columns(2)
    with left:
        st.markdown("**Explained against lit** (choose points)")
        event = st.plotly_chart(
            frontier_figure(table, colour),
            key="sweeps-frontier",
            on_select="rerun",
            height=330,
            config={"displaylogo": False},
        )
    with right:
        st.markdown("**Knobs and results** (drag along an axis)")
        st.plotly_chart(parallel_figure(table, knobs), key="sweeps-parallel", config={"displaylogo": False})
    picked = [point["customdata"][0] for point in event["selection"]["points"] if point.get("customdata")]
    shown = table[table["run"].isin(picked)] if picked else table
    columns = [
        "run",
        *plan.knobs,
        "fvu",
        "l0",
        "dead_fraction",
        *(["accuracy"] if "accuracy" in table else []),
        "state",
    ]
    chosen = st.dataframe(
        shown[columns],
        key="sweeps-table",
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "fvu": st.column_config.NumberColumn("FVU", format="%.3f"),
            "l0": st.column_config.NumberColumn("lit (L0)", format="%.1f"),
        },
    )
    rows: list[int] = list(chosen["selection"]["rows"])
    runs = [str(run) for run in shown.iloc[rows]["run"]] or picked
    if runs:
        with st.container(horizontal=True):
            frame.link("compare", f"Compare {len(runs[:6])} of them", **{"with": ",".join(runs[:6])})
            st.button(f"Use {runs[0]}: go on live", on_click=_use, args=(page, runs[0]), disabled=not frame.may_steer())


def _use(page: frame.Page, run: str) -> None:
    """Begin a live run from a trial's end."""
    directory = page.session.runs.open(run)
    try:
        new = fork_run(page.session.runs, run, directory.status().step, {})
    except RunError as error:
        page.session.sentences.append(str(error))
        return
    page.session.look(run=new)
    page.session.sentences.append(f"{new} goes on from there: it is on the Train page.")
