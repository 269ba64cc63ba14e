"""Where our own routes are: the same for the server that answers there and the pages that ask."""

from __future__ import annotations

__all__ = ["PREFIX", "base_path"]

PREFIX = "/penstroke"
"""What all of our routes begin with, under the app's own path."""


def base_path() -> str:
    """Where the app is mounted: empty, or a path like ``/lab``."""
    from streamlit import config

    base = str(config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""
