"""What every page but Train opens with: the tab's run, a picker for it, lecture mode, an address that brings it back.

    def show() -> None:
        with frame.page("features", "Features", own={"latent": frame.index("latent")}) as page:
            if (run := page.trained_run()) is None:
                return                                    # the page has already said what is missing
            view(page.data(run=run.id, latent=page.own.get("latent")), lambda name: page.take(…))

A page keeps its own parameters in ``page.own`` (a plain dictionary; None leaves the address), and the frame writes
them behind ``run`` and ``lecture`` when the block ends. Going to another page keeps the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.addresses import PREFIX, base_path
from dashboard.live import hub
from dashboard.live.guard import WATCH_ONLY
from dashboard.session import Session
from sae_core.lens.client import Lens
from sae_core.runs.directory import WORKING, RunDirectory
from sae_core.runs.folder import Runs

__all__ = ["Page", "choice", "go_to", "index", "lens", "link", "may_steer", "navigation", "page", "session"]

Readers = Mapping[str, Callable[[str], Any]]

PAGES = "pages"
"""The session's key for the pages there are, by name."""

RUNS_TTL = 3.0
"""Seconds for which the states of runs are kept."""

RECENT = 40
"""Runs whose states are looked up: none older is at work, or nobody would look for it here."""


@dataclass
class Page:
    """One page, opened for one tab."""

    name: str
    session: Session
    own: dict[str, Any]
    """The page's own parameters of the address; change them at will."""

    @property
    def run(self) -> RunDirectory | None:
        """The chosen run."""
        return self.session.run

    def trained_run(self) -> RunDirectory | None:
        """The chosen run if it has a snapshot to look at; else None, and the page has said what is missing."""
        if self.run is None:
            _no_run(self.session)
            return None
        if not (self.run.path / "snapshot.safetensors").exists():
            _no_snapshot(self.run)
            return None
        lens().warm()
        return self.run

    def take(self, **changes: Any) -> None:
        """What the browser says it looks at: it counts for more than the address that came with it."""
        self.own.update(changes)
        self.session.told = True

    def data(self, **more: Any) -> dict[str, Any]:
        """What a component needs of the frame: where the server's routes are, lecture mode, who may change things."""
        return {
            "base": base_path() + PREFIX,
            "lecture": self.session.view.lecture,
            "maySteer": may_steer(),
            "watchOnly": WATCH_ONLY,
            **more,
        }


def navigation(pages: Mapping[str, Any]) -> None:
    """Show the chosen one of the pages, ``st.Page`` by name, under a bar that names them all."""
    st.session_state[PAGES] = dict(pages)
    st.html(f"<style>{STYLE}</style>")
    st.navigation(list(pages.values()), position="top").run()


def session() -> Session:
    """What this tab has chosen."""
    found = st.session_state.get("session")
    if not isinstance(found, Session):
        server = hub.current()
        found = st.session_state["session"] = Session(server.runs if server else Runs())
    return found


def may_steer() -> bool:
    """Whether this browser may change runs, or only watch."""
    server = hub.current()
    return server is None or server.guard.may_steer(st.context.cookies)


def lens() -> Lens:
    """The server's lens, which answers questions about runs' models."""
    server = hub.current()
    return server.lens if server is not None else _own_lens()


@cache
def _own_lens() -> Lens:
    """Of a page without a server, as in a test."""
    return Lens(session().runs.root)


@contextmanager
def page(name: str, title: str, *, own: Readers | None = None, of_a_run: bool = True) -> Iterator[Page]:
    """The frame of page ``name``; ``own`` reads its parameters from the address (`index`, `choice`, …).

    A page that is of no one run has no picker for it; the tab keeps its run all the same.
    """
    tab = session()
    tab.follow_page(name, st.query_params.to_dict(), own or {})
    opened = Page(name, tab, tab.own[name])
    st.set_page_config(initial_sidebar_state="collapsed")
    _head(tab, title, of_a_run=of_a_run)
    for sentence in tab.sentences:
        st.toast(sentence, icon="⚠️", duration="long")
    tab.sentences.clear()
    try:
        yield opened
    except (ValueError, OSError) as error:  # ours are one sentence each: what, which value, what is allowed
        st.error(str(error))
    url = tab.page_to_url(name)
    if st.query_params.to_dict() != url:
        st.query_params.from_dict(url)


def link(name: str, label: str, **params: Any) -> None:
    """A link to another page, which opens with the run of this one and these parameters."""
    target = st.session_state.get(PAGES, {}).get(name)
    if target is None:  # the page stands alone, as in a test
        st.caption(label)
        return
    run = session().view.run
    address = {**({"run": run} if run else {}), **{key: str(value) for key, value in params.items()}}
    st.page_link(target, label=label, query_params=address)


def go_to(name: str) -> None:
    """Leave for another page, with the run of this one."""
    if (target := st.session_state.get(PAGES, {}).get(name)) is not None:  # none where the page stands alone, in a test
        st.switch_page(target)


def index(name: str) -> Callable[[str], int]:
    """Reads a number from 0."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or len(text) > 15:
            raise ValueError(f"{name} is {text[:40]!r}, but it is a number from 0. None is chosen.")
        return int(text)

    return read


def choice(name: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """Reads one of ``choices``."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{name} is {text[:40]!r}, but it is one of {', '.join(choices)}.")
        return text

    return read


def _head(tab: Session, title: str, *, of_a_run: bool) -> None:
    row = {"horizontal": True, "vertical_alignment": "center"}
    with st.container(key="frame-head", horizontal_alignment="distribute", **row):
        st.markdown(f"## {title}")
        with st.container(key="frame-tools", horizontal_alignment="right", width="content", **row):
            if of_a_run:
                _run_picker(tab)
            st.button(
                "Lecture",
                key="frame-lecture",
                help="Large type (L)",
                shortcut="L",
                on_click=lambda: tab.look(lecture=not tab.view.lecture),
            )


def _run_picker(tab: Session) -> None:
    runs = _runs(str(tab.runs.root), int(time.monotonic() / RUNS_TTL))
    if tab.view.run is not None and tab.view.run not in runs:
        runs = {tab.view.run: "", **runs}
    st.session_state["frame-run"] = tab.view.run
    st.selectbox(
        "Run",
        list(runs),
        index=None,
        key="frame-run",
        label_visibility="collapsed",
        format_func=lambda run: f"run: {run}{runs.get(run, '')}",
        placeholder="run: none yet" if not runs else "run: choose one",
        on_change=lambda: _choose(tab),
        width=320,
    )


def _choose(tab: Session) -> None:
    if st.session_state["frame-run"] is not None:
        tab.look(run=st.session_state["frame-run"])


@st.cache_data(max_entries=2, show_spinner=False)
def _runs(root: str, moment: int) -> dict[str, str]:  # noqa: ARG001 (a part of the key: states are read again)
    """Ids and states of a folder's runs: those at work first, then the newest."""
    folder = Path(root)
    try:
        ids = _ids(root, folder.stat().st_mtime_ns)
    except (ValueError, OSError):  # the page itself says what is wrong with the folder
        return {}
    words = dict.fromkeys(ids, "")
    for run_id in ids[:RECENT]:
        with suppress(ValueError, OSError):
            state = Runs(root).open(run_id).status().state
            words[run_id] = "" if state in {"finished", "paused"} else f" · {state}"
    at_work = {f" · {state}" for state in WORKING}
    return {run_id: words[run_id] for run_id in sorted(ids, key=lambda run_id: words[run_id] not in at_work)}


@st.cache_data(max_entries=2, show_spinner=False)
def _ids(root: str, stamp: int) -> list[str]:  # noqa: ARG001 (a part of the key)
    """The ids of a folder's runs, newest first; read again when the folder changes."""
    return [run.id for run in Runs(root).list()]


def _no_run(tab: Session) -> None:
    if _runs(str(tab.runs.root), int(time.monotonic() / RUNS_TTL)):
        st.info("Choose a run above: everything it has learned so far can be looked at here.")
        return
    st.info("No run yet: press Play on the Train page, and come back while it learns.")
    link("train", "To the Train page")


def _no_snapshot(run: RunDirectory) -> None:
    @st.fragment(run_every=1.0)
    def wait() -> None:
        if (run.path / "snapshot.safetensors").exists():
            st.rerun()
        at_work = run.alive()
        st.info(
            "This run has no snapshot yet: the first comes a few seconds after its start."
            if at_work
            else "This run has no snapshot yet: press Play on the Train page, and it has one within seconds."
        )

    wait()
    link("train", "To the Train page")


STYLE = """
.stMainBlockContainer:has(.st-key-frame-head) { padding: 4.1rem 1.4rem 1rem; max-width: none; }
.st-key-frame-head h2 { padding: 0; font-size: 1.35rem; }
.st-key-frame-head { min-height: 2.6rem; }
@media (max-width: 640px) {
  .stMainBlockContainer:has(.st-key-frame-head) { padding: 3.9rem 0.8rem 1rem; }
  .st-key-frame-tools, .st-key-frame-tools .stSelectbox { width: 100% !important; }
  .st-key-frame-lecture { display: none; }
}
/* Streamlit offers to stop a script that takes long; here "Stop" stops runs and sweeps, and nothing else may say it. */
[data-testid="stStatusWidget"] button { display: none; }
"""
