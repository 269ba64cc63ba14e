"""The Features page: every filter the run has learned, and all about the one that is chosen."""

from __future__ import annotations

from dashboard.views import frame

__all__ = ["show"]


def show() -> None:
    """The frame; the atlas fills it."""
    with frame.page("features", "Features", own={"latent": frame.index("latent")}) as page:
        if (run := page.trained_run()) is None:
            return
        frame.st.caption(run.id)
