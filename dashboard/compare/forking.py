"""Forks from the Compare page: going on from a kept step of any chosen run, with another value of its dial."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.path.start import fork_run
from dashboard.views import frame
from sae_core.config import Config, ConfigError
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError

__all__ = ["fork", "go_on_live"]


def fork(page: frame.Page, runs: Sequence[RunDirectory]) -> None:
    """The form; what it begins stands beside its parent."""
    with st.expander("Fork: go on from a step of one of them with another value"):
        run = runs[0]
        if len(runs) > 1:
            chosen = st.selectbox("Run", [run.id for run in runs], key="compare-fork-run", width=320)
            run = next((one for one in runs if one.id == chosen), run)
        knob = run.config.dial
        done = run.status().step
        kept = sorted({step for step in run.history() if step <= done} | {done})
        with st.form("compare-fork", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            step = st.number_input(
                "From step",
                0,
                max(done, 0),
                done,
                width=160,
                help=f"Kept, so at once: {', '.join(f'{one:,}' for one in kept[-12:])}. Any other is trained again "
                "from the nearest checkpoint, bit for bit.",
            )
            value = None
            if knob is not None:
                known, now = Config.knobs()[knob], float(getattr(run.current_config(), knob))
                value = st.number_input(known.label, value=now, format="%.4g", width=180)
            pressed = st.form_submit_button("Fork", type="primary", disabled=not frame.may_steer())
        if pressed:
            _begin(page, run, int(step), {knob: float(value)} if knob and value is not None else {})


def _begin(page: frame.Page, run: RunDirectory, step: int, changes: dict[str, float]) -> None:
    try:
        with st.spinner("Going back to that step…"):
            new = fork_run(page.session.runs, run.id, step, changes)
    except (ConfigError, RunError) as error:
        st.error(str(error))
        return
    page.session.look(run=new)
    st.success(f"{new} goes on from step {step:,}; it is on the Train page.")
    with st.container(horizontal=True):
        frame.link("train", "Watch it")
        frame.link("compare", "Put it beside its parent", **{"with": f"{run.id},{new}"})


def go_on_live(page: frame.Page, run_id: str, step: int) -> None:
    """Begin a run without an end from there, and watch it on the Train page.

    Called from the page's body, never from a callback: it takes seconds, and a page that is waited for says so.
    """
    try:
        with st.spinner(f"Going on from {run_id}…"):
            new = fork_run(page.session.runs, run_id, step, {})
    except (ConfigError, RunError) as error:
        st.error(str(error))
        return
    page.session.look(run=new)
    frame.go_to("train")
