"""Our components: one shim that loads an ES module of this folder from the server's own route.

The module exports ``mount({data, parentElement, setStateValue, setTriggerValue})``: it is called at every rerun of
the page with what Python says now, keeps its own node in ``parentElement``, and returns what cleans up after it.
Python hears of ``setStateValue(name, value)`` for the names that `module_component` was told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import streamlit as st

__all__ = ["KEY", "Component", "live_view", "module_component", "version"]

FOLDER = Path(__file__).resolve().parent
KEY = "live"
STATES = ("run", "digit", "weights", "latent", "lecture", "notation")

# A component's script is a module made from a string: a path in it has nothing to be relative to, hence the origin.
# The data comes in a list of one: in a dictionary Streamlit looks for data frames, and imports pandas for it (0.5 s).
SHIM = """
const loads = new Map();

export default function (component) {
  const { parentElement } = component;
  const [data] = component.data;
  const url = new URL(`${data.base}/components/${data.module}?v=${data.version}`, location.origin).href;
  if (!loads.has(url)) loads.set(url, import(url));
  let cleanup = null;
  let gone = false;
  loads.get(url).then(
    (view) => {
      if (!gone) cleanup = view.mount({ ...component, data });
    },
    () => {
      loads.delete(url);
      parentElement.textContent = "This view could not be loaded from the server; reload the page.";
    },
  );
  return () => {
    gone = true;
    cleanup?.();
  };
}
"""


class Component(Protocol):
    """Shows itself; ``on_change`` is called with the name of what a hand changed, before the page runs again.

    The new value is then ``st.session_state[key][name]``.
    """

    def __call__(self, data: dict[str, Any], on_change: Callable[[str], None]) -> None:
        """Show it with what is true now."""


def module_component(key: str, module: str, *, states: Sequence[str] = (), css: Sequence[str] = ()) -> Component:
    """The component that ``module`` draws (a path in this folder), styled by these sheets after ``live.css``.

    Call it once, at import. ``key`` names it in the session, and in CSS as ``.st-key-<key>``.
    """
    sheets = "\n".join((FOLDER / sheet).read_text("utf-8") for sheet in ("live.css", *css))
    component = st.components.v2.component(f"penstroke.{key}", js=SHIM, css=sheets, isolate_styles=False)

    def show(data: dict[str, Any], on_change: Callable[[str], None]) -> None:
        callbacks: dict[str, Any] = {f"on_{name}_change": _calling(on_change, name) for name in states}
        component(data=[{**data, "module": module, "version": version()}], key=key, **callbacks)

    return show


live_view = module_component(KEY, "live-view.js", states=STATES)
"""The Train page's live view."""


def _calling(on_change: Callable[[str], None], name: str) -> Callable[[], None]:
    return lambda: on_change(name)


def version() -> str:
    """A short name for the scripts as they are now, so that a browser never keeps old ones."""
    files = sorted(path for path in FOLDER.rglob("*") if path.suffix in {".js", ".css"})
    stamps = [(path.relative_to(FOLDER).as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in files]
    return blake2b(json.dumps(stamps).encode(), digest_size=6).hexdigest()
