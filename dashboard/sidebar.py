"""The sidebar: which run is watched, what applies at the next reset, what acts now."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from typing import Any

import streamlit as st

from dashboard.controls import AT_RESET, LIVE, MORE, OWN_DATA, stops
from dashboard.live.guard import WATCH_ONLY
from dashboard.session import Session
from sae_core.config import Config, Knob
from sae_core.data import DATASETS, DataError, absolute, check_own, is_own, label_of
from sae_core.runs.data import data_note
from sae_core.runs.folder import Runs
from sae_core.sparsity import METHODS

__all__ = ["show"]

CHOICES = {
    "dataset": {**{name: dataset.label for name, dataset in DATASETS.items()}, OWN_DATA: "Your own …"},
    "method": {name: method.label for name, method in METHODS.items()},
}
"""Names → what a menu calls them."""


def show(session: Session, *, may_steer: bool) -> None:
    """Draw it; what a hand changes goes into ``session`` before the page runs again."""
    running = session.run is not None
    _run_picker(session)
    st.markdown("**Apply at the next reset**" if running else "**The next run**")
    if trouble := session.pending_trouble():
        st.error(trouble)
    for name in AT_RESET:
        _knob(session, name)
    with st.expander("More options"):
        for name in MORE:
            _knob(session, name, may_steer=may_steer or name not in LIVE or not running)
    st.markdown("**Act now**" if running else "**Can change while it runs**")
    for name in (name for name in LIVE if name not in MORE):
        _knob(session, name, may_steer=may_steer or not running)
    if not may_steer:
        st.caption(WATCH_ONLY)


def _run_picker(session: Session) -> None:
    runs = _described(session.runs)
    if session.view.run is not None:
        runs.setdefault(session.view.run, session.view.run)
    st.session_state["run"] = session.view.run
    st.selectbox(
        "Run",
        list(runs),
        index=None,
        key="run",
        format_func=lambda run: runs.get(run, run),
        placeholder="none yet" if not runs else "choose one",
        on_change=lambda: session.look(run=st.session_state["run"]),
        help="Every run is kept in its own folder and goes on without this page.",
    )


def _described(runs: Runs) -> dict[str, str]:
    try:
        stamp = runs.root.stat().st_mtime_ns
    except OSError:
        return {}
    return dict(_list(str(runs.root), stamp, datetime.now().astimezone().date()))


@st.cache_data(max_entries=4, show_spinner=False)
def _list(root: str, stamp: int, today: date) -> dict[str, str]:  # noqa: ARG001 (a part of the key)
    """Ids and words for all runs of a folder, newest first; read again when the folder changes (``stamp``)."""
    return {run.id: f"{run.id} · {_when(run.meta.created, today)}" for run in Runs(root).list()}


def _when(created: str, today: date) -> str:
    """The hour of today, else the day: a narrow menu has no room for more."""
    with suppress(ValueError):
        there = datetime.fromisoformat(created).astimezone()
        return f"{there:%H:%M}" if there.date() == today else f"{there.day} {there:%b}"
    return created[:10]


def _knob(session: Session, name: str, *, may_steer: bool = True) -> None:
    """One knob's widget, made from its declaration."""
    knob = Config.knobs()[name]
    key = f"knob-{name}"
    own = name == "dataset" and (session.values[name] == OWN_DATA or is_own(session.values[name]))
    st.session_state[key] = OWN_DATA if own else session.values[name]
    waits = name not in LIVE and name in session.differing()
    label = f"{knob.label} :orange[· now {_said(getattr(session.running, name), name)}]" if waits else knob.label
    unused = name in _unused(session)
    common: dict[str, Any] = {
        "key": key,
        "help": f"The method {session.values['method']} has no place for it." if unused else knob.help,
        "disabled": not may_steer or unused,
        "on_change": lambda: _changed(session, knob, st.session_state[key], may_steer=may_steer),
    }
    if name in CHOICES:
        chosen = st.session_state[key]  # which a run of another version may have from a longer list
        words = CHOICES[name] if chosen in CHOICES[name] else {**CHOICES[name], chosen: chosen}
        st.selectbox(label, list(words), format_func=lambda choice: words.get(choice, choice), **common)
    elif knob.switch:
        st.toggle(label, **common)
    elif knob.choices:
        st.selectbox(label, knob.choices, **common)
    elif knob.integer:
        step = int(knob.dial[0]) if knob.dial else 1
        st.number_input(
            label,
            min_value=int(knob.low or 0),
            max_value=min(int(knob.high or 2**31), 2**53 - 1),  # the largest a browser counts to
            step=step,
            placeholder="no end" if name == "steps" else "chosen at the start",
            **common,
        )
    else:
        st.select_slider(label, stops(knob, session.values[name]), format_func=_said, **common)
    if own:
        _own_data(session, may_steer=may_steer)
    if name == "dataset" and (dataset := DATASETS.get(session.values[name])) and not dataset.at_hand():
        st.caption(dataset.summary)


def _unused(session: Session) -> frozenset[str]:
    """Knobs that the chosen method has no place for; LIVE ones stay the running model's."""
    method = METHODS.get(session.values["method"])
    return method.unused if method else frozenset()


def _own_data(session: Session, *, may_steer: bool) -> None:
    """The field for the path of one's own data, what is wrong with it, and what it was found to be."""
    path = session.values["dataset"]
    st.session_state["own-path"] = "" if path == OWN_DATA else path
    st.text_input(
        "Path on this machine",
        key="own-path",
        placeholder="strokes.npy, or a folder of pictures",
        help="A .npy, .npz, .mat or IDX file, or a folder of pictures (subfolders are classes); it is never copied.",
        disabled=not may_steer,
        on_change=lambda: _own_path(session, st.session_state["own-path"], may_steer=may_steer),
    )
    if may_steer and path != OWN_DATA:
        try:
            check_own(path, network=False)
        except DataError as error:
            st.error(str(error))
    if session.run is not None and session.running is not None and session.running.dataset == path:
        st.caption(data_note(session.run))


def _own_path(session: Session, text: str, *, may_steer: bool) -> None:
    if not may_steer:
        session.sentences.append(WATCH_ONLY)
        return
    path = text.strip().strip("\"'")
    if path and not is_own(path):
        path = f"./{path}"
    try:
        check_own(path, network=False)
        path = absolute(path)
    except DataError:
        pass  # said beside the field
    session.choose("dataset", path or OWN_DATA)


def _changed(session: Session, knob: Knob, value: Any, *, may_steer: bool) -> None:
    if not may_steer:  # a disabled widget is a courtesy, not a lock
        session.sentences.append(WATCH_ONLY)
    elif knob.name in LIVE:
        session.steer(knob.name, value)
    else:
        session.choose(knob.name, value)


def _said(value: Any, name: str = "") -> str:
    if name in CHOICES:
        return CHOICES[name].get(value) or (label_of(value) if name == "dataset" else str(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "no end"
    if value == 0:
        return "off" if not name else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)
