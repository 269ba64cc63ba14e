"""The one live component: a shim that loads the ES modules beside this file from the server's own route."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import streamlit as st

__all__ = ["KEY", "live_view", "version"]

FOLDER = Path(__file__).resolve().parent
KEY = "live"
STATES = ("run", "digit", "weights", "latent", "lecture")

# A component's script is a module made from a string: a path in it has nothing to be relative to, hence the origin.
# The data comes in a list of one: in a dictionary Streamlit looks for data frames, and imports pandas for it (0.5 s).
SHIM = """
const loads = new Map();

export default function (component) {
  const { parentElement } = component;
  const [data] = component.data;
  const url = new URL(`${data.base}/components/live-view.js?v=${data.version}`, location.origin).href;
  if (!loads.has(url)) loads.set(url, import(url));
  let cleanup = null;
  let gone = false;
  loads.get(url).then(
    (live) => {
      if (!gone) cleanup = live.mount({ ...component, data });
    },
    () => {
      loads.delete(url);
      parentElement.textContent = "The live view could not be loaded from the server; reload the page.";
    },
  );
  return () => {
    gone = true;
    cleanup?.();
  };
}
"""

_live = st.components.v2.component(
    "penstroke.live",
    js=SHIM,
    css=(FOLDER / "live.css").read_text("utf-8"),
    isolate_styles=False,
)


def live_view(data: dict[str, Any], on_change: Callable[[str], None]) -> None:
    """Show the live view; ``on_change`` is called with the name of what a hand changed, before the page runs again.

    The new value is then ``st.session_state[KEY][name]``.
    """
    callbacks: dict[str, Any] = {f"on_{name}_change": _calling(on_change, name) for name in STATES}
    _live(data=[{**data, "version": version()}], key=KEY, **callbacks)


def _calling(on_change: Callable[[str], None], name: str) -> Callable[[], None]:
    return lambda: on_change(name)


def version() -> str:
    """A short name for the scripts as they are now, so that a browser never keeps old ones."""
    files = sorted(path for path in FOLDER.iterdir() if path.suffix in {".js", ".css"})
    stamps = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
    return blake2b(json.dumps(stamps).encode(), digest_size=6).hexdigest()
