"""The page "Sweeps": a grid, random draws or a search; its frontier, its knobs side by side, and every run in it."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pandas as pd
import streamlit as st

from dashboard.compare.forking import go_on_live
from dashboard.components import module_component
from dashboard.figures.compared import frontier_figure, label_of, parallel_figure
from dashboard.sweeps import asked_lately, drive_elsewhere, plan_form
from dashboard.views import frame
from sae_core.runs.files import RunError
from sae_core.sweep.drive import share_done
from sae_core.sweep.elsewhere import stop_file
from sae_core.sweep.folder import SweepFolder, results_of, sweeps
from sae_core.sweep.hopeless import rows_of
from sae_core.sweep.plan import Plan

__all__ = ["show"]

EVERY = 1.0
"""Seconds between two looks at a sweep under way."""

KEY = "sweep"
MOST = 6
"""Runs that stand side by side on Compare."""

_charts = module_component(KEY, "sweep/sweep-view.js", states=("picked",), css=("sweep/sweep.css",))


def show() -> None:
    """What to try, and what came of it."""
    with frame.page("sweeps", "Sweeps", own={"sweep": str}, of_a_run=False) as page:
        known = {sweep.id: sweep for sweep in sweeps(page.session.runs)}
        _new(page, open_=not known)
        if not known:
            st.info(
                "No sweep yet. Say above which knobs to vary: every trial becomes a run of its own, and here they "
                "stand together, so that you can look at what each knob does and go on with the one you like."
            )
            return
        if (wanted := page.own.get("sweep")) is not None and wanted not in known:
            st.toast(f"There is no sweep {wanted[:64]!r} any more.", icon="⚠️")
        _sweep(page, known[_choose(page, list(known))])


def _new(page: frame.Page, *, open_: bool) -> None:
    """The form; what it begins is shown at once."""
    with st.expander("New sweep", expanded=open_):
        asked = plan_form.ask(os.cpu_count() or 1, disabled=not frame.may_steer())
        if asked is None:
            return
        try:
            folder = SweepFolder.begin(page.session.runs, asked.plan, asked.name)
            if not folder.under_way:
                drive_elsewhere(folder, asked.workers, stop_hopeless=asked.stop_hopeless)
        except (ValueError, OSError) as error:
            st.error(str(error))
            return
    page.own["sweep"] = st.session_state["sweeps-next"] = folder.id
    st.rerun()


def _choose(page: frame.Page, known: list[str]) -> str:
    chosen = page.own.get("sweep")
    if (begun := st.session_state.pop("sweeps-next", None)) in known:
        chosen = st.session_state["sweeps-which"] = begun
    at = known.index(chosen) if chosen in known else 0
    chosen = known[at]
    if len(known) > 1:
        chosen = st.selectbox("Sweep", known, index=at, width=320, key="sweeps-which")
    page.own["sweep"] = chosen
    return str(chosen)


def _sweep(page: frame.Page, folder: SweepFolder) -> None:
    plan, done = folder.plan, len(folder.results())
    _progress(folder, done)
    if not done:
        return
    table = folder.table()
    runs = _charted(page, folder, table)
    _trials(page, plan, table[table["run"].isin(runs)] if runs else table)
    with st.container(horizontal=True):
        st.download_button("Table (CSV)", table.to_csv(index=False), f"{folder.id}.csv", "text/csv")
        parquet = folder.path / "table.parquet"
        if parquet.exists():
            st.download_button("Table (Parquet)", parquet.read_bytes(), f"{folder.id}.parquet")


def _progress(folder: SweepFolder, done: int) -> None:
    """How far it is, while it is on its way; and the button that stops it, or lets it go on."""
    plan, steer = folder.plan, frame.may_steer()
    whole = done >= len(plan)
    moving = folder.under_way

    @st.fragment(run_every=EVERY if moving or _starting(folder) else None)
    def look() -> None:
        now, under_way = len(folder.results()), folder.under_way
        state = "" if under_way else ", starting…" if _starting(folder) else ", at rest"
        begun = _begun(folder, training=under_way)
        share = now + sum(share for _, share in begun)
        st.progress(min(1.0, share / len(plan)), f"{now} of {len(plan)} trials{state}")
        if begun:
            what = "Being trained" if under_way else "Begun"
            st.caption(f"{what}: " + ", ".join(f"{run} ({share:.0%})" for run, share in begun))
        if now != done or under_way != moving:
            st.rerun()

    if not whole or moving:
        look()
    if sentence := _last_word(folder):
        st.warning(sentence)
    if moving and not whole:
        st.button("Stop", on_click=lambda: stop_file(folder).touch(), disabled=not steer, help="What is done stays.")
    elif not whole and not _starting(folder):
        st.button("Go on", on_click=lambda: _go_on(folder), disabled=not steer)


def _begun(folder: SweepFolder, *, training: bool) -> list[tuple[str, float]]:
    """Runs of trials that have begun and not ended, each with the share of its steps that is done; those in training
    alone, if asked.
    """
    found = []
    for trial in folder.trials():
        if trial.run is not None and results_of(folder.runs.root / trial.run) is None:
            with suppress(RunError):
                run = folder.runs.open(trial.run)
                if not training or run.status().state == "training":
                    found.append((run.id, share_done(run, rows_of(run))))
    return found


def _go_on(folder: SweepFolder) -> None:
    drive_elsewhere(folder, os.cpu_count() or 1)


def _starting(folder: SweepFolder) -> bool:
    """Whether someone was asked to drive it a moment ago."""
    return asked_lately(folder) and not folder.under_way


def _last_word(folder: SweepFolder) -> str:
    """Why it stands, where its driver has said so."""
    if folder.under_way:
        return ""
    try:
        lines = (folder.path / "drive.log").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[-1][:300] if lines and len(folder.results()) < len(folder.plan) else ""


def _charted(page: frame.Page, folder: SweepFolder, table: pd.DataFrame) -> list[str]:
    """The two linked charts; the runs that are chosen in them."""
    knobs = [knob for knob in folder.plan.knobs if table[knob].nunique() > 1]
    colour = (
        st.segmented_control("Colour", knobs, default=knobs[0], key="sweeps-colour", format_func=label_of)
        if len(knobs) > 1
        else (knobs or [None])[0]
    )
    state = st.session_state.get(KEY)
    picked = (state.get("picked") if state else None) or []
    data = page.data(
        sweep=folder.id,
        runs=list(table["run"]),
        colour=colour,
        frontier=json.loads(frontier_figure(table, colour, folder.plan.ranges).to_json() or "{}"),
        parallel=json.loads(
            parallel_figure(table, knobs or list(folder.plan.knobs), folder.plan.ranges).to_json() or "{}"
        ),
    )
    _charts(data, lambda _: None)
    return [str(run) for run in picked if run in set(table["run"])]


def _trials(page: frame.Page, plan: Plan, shown: pd.DataFrame) -> None:
    """A row a trial; what can be done with those chosen."""
    results = ["fvu", "l0", "dead_fraction", *(["accuracy"] if "accuracy" in shown else [])]
    chosen = st.dataframe(
        shown[["run", *plan.knobs, *results, "state"]],
        key="sweeps-table",
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="–",
        height=min(36 + 36 * len(shown), 400),
        column_config={
            **{knob: st.column_config.Column(label_of(knob)) for knob in plan.knobs},
            "fvu": st.column_config.NumberColumn("FVU", format="%.3f"),
            "l0": st.column_config.NumberColumn("lit (L0)", format="%.1f"),
            "dead_fraction": st.column_config.NumberColumn("dead", format="percent"),
            "accuracy": st.column_config.NumberColumn("told right", format="percent"),
        },
    )
    rows = [row for row in chosen["selection"]["rows"] if row < len(shown)]
    runs = [str(run) for run in (shown.iloc[rows] if rows else shown)["run"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        first = runs[:MOST]
        frame.link("compare", f"Compare {len(first)} side by side", **{"with": ",".join(first)})
        if len(runs) == 1 or rows:
            label = f"Use this: go on live from {runs[0]}"
            if st.button(label, type="primary", disabled=not frame.may_steer()):
                go_on_live(page, runs[0], page.session.runs.open(runs[0]).status().step)
        else:
            st.caption("Choose a trial, in a chart or here, to go on with it live.")
