"""What Streamlit runs for every visitor: the pages, and where one is among them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import streamlit as st

from dashboard.views import frame

PAGES = {
    "train": ("Train", "Train and watch."),
    "features": ("Features", "What has it learned?"),
    "take-apart": ("Take apart", "Image = sum of units."),
    "sparsity": ("Sparsity", "How few units say how much?"),
    "classify": ("Classify", "What are the codes good for?"),
    "compare": ("Compare", "Runs side by side, and forks."),
    "sweeps": ("Sweeps", "Many runs at once."),
    "path": ("Penalty path", "How sparse should it be?"),
    "check": ("Check my gradient", "The course's exercise."),
}
"""Each is the module of its name in ``dashboard/views``: what stands on the bar, and what it is for."""


def _page(name: str) -> Any:
    """The page, whose module is imported when it is first looked at: pandas and SciPy are not for the first screen."""
    title, use = PAGES[name]

    def show() -> None:
        import_module(f"dashboard.views.{name.replace('-', '_')}").show()

    return st.Page(show, title=title, url_path=name, default=name == "train", help=use)


st.set_page_config(page_title="Penstroke", page_icon="🖋️", layout="wide")
frame.navigation({name: _page(name) for name in PAGES})
