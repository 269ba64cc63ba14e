"""The Train page: the sidebar's knobs, and the live view that everything happens in."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import streamlit as st

from dashboard import sidebar
from dashboard.addresses import PREFIX, base_path
from dashboard.components import KEY, live_view
from dashboard.controls import NOTATIONS, knobs_json, methods_json
from dashboard.session import Session
from dashboard.views import frame
from sae_core.data import asset

__all__ = ["show"]


def show() -> None:
    """Widgets, then the live view, then the address that brings both back."""
    session = frame.session()
    session.follow_url(st.query_params.to_dict())
    session.refresh()
    st.set_page_config(initial_sidebar_state="collapsed" if session.view.lecture else "auto")
    if not session.view.lecture:
        with st.sidebar:
            sidebar.show(session, may_steer=frame.may_steer())
    for sentence in session.sentences:
        st.toast(sentence, icon="⚠️", duration="long")
    session.sentences.clear()
    live_view(_data(session), lambda name: session.look(**{name: _cleaned(name, st.session_state[KEY][name])}))
    if st.query_params.to_dict() != session.to_url():
        st.query_params.from_dict(session.to_url())


def _data(session: Session) -> dict[str, Any]:
    view = session.view
    return {
        "run": view.run,
        "pending": session.pending(),
        "knobs": knobs_json(),
        "methods": methods_json(),
        "view": {
            "digit": view.digit,
            "weights": view.weights,
            "latent": view.latent,
            "lecture": view.lecture,
            "notation": view.notation,
        },
        "story": _story(),
        "base": base_path() + PREFIX,
    }


@cache
def _story() -> dict[str, Any]:
    story: dict[str, Any] = json.loads(asset("stories/sixty-seconds.json").read_text("utf-8"))
    return story


def _cleaned(name: str, value: Any) -> Any:
    """What a browser says it has chosen, as far as it can be that."""
    match name, value:
        case ("run", str()) | ("weights", "decoder" | "encoder") | ("lecture", bool()):
            return value
        case ("notation", _):
            return value if value in NOTATIONS else "words"
        case ("digit" | "latent", int() | float()) if not isinstance(value, bool) and 0 <= value < 1_000_000:
            return int(value)
        case ("weights", _):
            return "decoder"
        case ("lecture", _):
            return False
        case _:
            return None
