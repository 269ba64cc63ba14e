"""The page "Path": a whole path of models at a button, and a dial that moves through it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.components import module_component
from dashboard.path.start import fork_run, paths, start_path, wake
from dashboard.views import frame
from sae_core.config import Config
from sae_core.data import DATASETS
from sae_core.runs.directory import RunDirectory
from sae_core.runs.path_file import read_path, read_points
from sae_core.sparsity import METHODS

__all__ = ["show"]

KEY = "path"
WIDTHS = (64, 128, 256, 512, 1024)

_dial = module_component(KEY, "path/path-view.js", states=("use",), css=("path/path.css",))


def show() -> None:
    """The frame, what to train, and the dial."""
    with frame.page("path", "Penalty path", own={"path": str}) as page:
        runs = page.session.runs
        known = paths(runs)
        chosen = page.own.get("path")
        if chosen is not None and chosen not in known:
            st.toast(f"There is no path {chosen[:64]!r} any more.", icon="⚠️")
            chosen = page.own["path"] = None
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = _choose(page, known, chosen or (known[0] if known else None))
            with st.popover("New path…") if known else st.container():
                _form(page)
            if chosen is not None and _stands(runs.open(chosen)) and frame.may_steer():
                st.button("Go on with this path", on_click=lambda: wake(runs, runs.open(str(chosen))))
        if chosen is None:
            st.info(
                "No path yet. **Train the path** trains one model after another, from *everything lit* to *nearly "
                "nothing left*, and then hands you the dial: how sparse should it be? Look, and decide."
            )
            return
        _dial(page.data(run=chosen), lambda _: _use(page, chosen))


def _stands(run: RunDirectory) -> bool:
    """Whether the path was interrupted before its last point."""
    plan = read_path(run.path)
    at_rest = run.status().state in {"paused", "stopped", "lost", "failed"}
    return plan is not None and at_rest and len(read_points(run.path)) < len(plan.values)


def _form(page: frame.Page) -> None:
    """What a path is of, and the one button."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="path-form"):
        methods = [name for name, method in METHODS.items() if method.dial]
        dataset = st.selectbox("Data set", list(DATASETS), key="path-dataset", width=150)
        method = st.selectbox("Sparsity method", methods, key="path-method", width=160)
        width = st.selectbox("Hidden units", WIDTHS, index=WIDTHS.index(256), key="path-width", width=120)
        points = st.number_input("Points", 3, 30, 12, key="path-points", width=110)
        epochs = st.number_input("Epochs each", 0.1, 20.0, 3.0, 0.5, key="path-epochs", width=130)
        if st.button("Train the path", type="primary", disabled=not frame.may_steer()):
            values: dict[str, Any] = {"dataset": dataset, "method": method, "n_latents": width, "epochs": epochs}
            if Config.knobs(method)["k"].default > width and "k" in METHODS[method].knobs:
                values["k"] = width // 2
            run = start_path(page.session.runs, values, int(points))
            page.own["path"] = st.session_state["path-next"] = run.id
            st.rerun()


def _choose(page: frame.Page, known: list[str], chosen: str | None) -> str | None:
    """Which of the paths; a box to choose from only where there are several."""
    if (begun := st.session_state.pop("path-next", None)) in known:
        chosen = st.session_state["path-run"] = begun
    if len(known) > 1 and chosen is not None:
        page.own["path"] = chosen = st.selectbox("Path", known, index=known.index(chosen), key="path-run", width=320)
    return chosen


def _use(page: frame.Page, run_id: str) -> None:
    """Begin a live run from the point the dial stands at."""
    match st.session_state[KEY].get("use"):
        case {"step": int() | float() as step} if frame.may_steer():
            try:
                new = fork_run(page.session.runs, run_id, int(step), {})
            except (ValueError, OSError) as error:
                page.session.sentences.append(str(error))
            else:
                page.session.look(run=new)
                page.session.sentences.append(f"{new} goes on from there: it is on the Train page.")
