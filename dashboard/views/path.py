"""The page "Path": a whole path of models at a button, and a dial that moves through it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.compare.forking import go_on_live
from dashboard.components import module_component
from dashboard.path.start import go_on, make_ready, paths, stands, start_path
from dashboard.views import frame
from sae_core.config import Config
from sae_core.data import DATASETS
from sae_core.sparsity import METHODS
from sae_core.sweep.whole import WholePath

__all__ = ["show"]

KEY = "path"
LOOKS_EVERY = 1.0
"""Seconds between two looks at whether an unfinished path stands."""

USE = "path-use"
"""The session's key for a point that was just asked for."""

WIDTHS = (64, 128, 256, 512, 1024)

_dial = module_component(KEY, "path/path-view.js", states=("use",), css=("path/path.css",))


def show() -> None:
    """The frame, what to train, and the dial."""
    with frame.page("path", "Penalty path", own={"path": str}, of_a_run=False) as page:
        runs = page.session.runs
        known = paths(runs)
        chosen = page.own.get("path")
        if chosen is not None and chosen not in known:
            st.toast(f"There is no path {chosen[:64]!r} any more.", icon="⚠️")
            chosen = page.own["path"] = None
        bar = st.container(horizontal=True, vertical_alignment="bottom")
        with bar:
            chosen = _choose(page, known, chosen or (known[0] if known else None))
            with st.popover("New path…") if known else st.container():
                _form(page)
            path = WholePath.open(runs.open(chosen)) if chosen is not None else None
            if path is None or not path.unfinished:
                make_ready()
            elif frame.may_steer():
                _go_on(page, path)
        if chosen is None:
            st.info(
                "No path yet. **Train the path** trains one model after another, from *everything lit* to *nearly "
                "nothing left*, and then hands you the dial: how sparse should it be? Look, and decide."
            )
            return
        _dial(page.data(run=chosen), lambda _: st.session_state.update({USE: st.session_state[KEY].get("use")}))
        with bar:  # where what it says moves nothing
            _use(page, chosen, st.session_state.pop(USE, None))


def _form(page: frame.Page) -> None:
    """What a path is of, and the one button."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="path-form"):
        methods = [name for name, method in METHODS.items() if method.dial and not method.whole]
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


@st.fragment(run_every=LOOKS_EVERY)
def _go_on(page: frame.Page, path: WholePath) -> None:
    """A button while it stands; it goes when somebody takes the path up, here or elsewhere."""
    if not path.unfinished:
        st.rerun()
    if stands(path):
        st.button("Go on with this path", on_click=lambda: go_on(page.session.runs, path.run))


def _choose(page: frame.Page, known: list[str], chosen: str | None) -> str | None:
    """Which of the paths; a box to choose from only where there are several."""
    if (begun := st.session_state.pop("path-next", None)) in known:
        chosen = st.session_state["path-run"] = begun
    if len(known) > 1 and chosen is not None:
        page.own["path"] = chosen = st.selectbox("Path", known, index=known.index(chosen), key="path-run", width=320)
    return chosen


def _use(page: frame.Page, run_id: str, asked: Any) -> None:
    """Begin a live run from the point the dial stands at, if the browser has asked for it."""
    match asked:
        case {"run": str(half), "step": int() | float() as step} if frame.may_steer():
            path = WholePath.open(page.session.runs.open(run_id))
            if half in {run.id for run in path.runs}:
                go_on_live(page, half, int(step))
