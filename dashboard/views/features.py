"""The Features page: every filter the run has learned, and all about the one that is chosen."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import streamlit as st

from dashboard.components import module_component
from dashboard.explore.along import along
from dashboard.figures.features import latent_figures
from dashboard.views import frame
from sae_core.data import DATASETS
from sae_core.runs.directory import RunDirectory

__all__ = ["show"]

KEY = "features"
SORTS = ("place", "density", "strength", "selectivity", "age", "map")
FILTERS = ("all", "dead", "dense", "twins", "favourites")
OWN = {
    "latent": frame.index("latent"),
    "step": frame.index("step"),
    "sort": frame.choice("sort", SORTS),
    "filter": frame.choice("filter", FILTERS),
    "digit": frame.index("digit"),
}
USUAL = {"sort": "place", "filter": "all"}

_atlas = module_component(KEY, "features/features.js", states=("view",), css=("features/features.css",))


def show() -> None:
    """The frame, and the atlas, which asks the server itself for all that follows."""
    with frame.page(KEY, "Features", own=OWN) as page:
        if (run := page.trained_run()) is None:
            return
        data = page.data(
            run=run.id,
            said=str(sorted(page.own.items())),
            heard=_heard(),
            figures=_figures(labelled=_labelled(run)),
            markers=_markers(run),
            **_along(page, run),
            **{name: page.own.get(name) for name in OWN},
        )
        _atlas(data, lambda _: page.take(**_taken(st.session_state[KEY]["view"])))


def _heard() -> Any:
    """Which telling of the browser's this rerun has heard: older news is not for it."""
    view = st.session_state[KEY].get("view") if KEY in st.session_state else None
    return view.get("told") if isinstance(view, dict) else None


def _along(page: frame.Page, run: RunDirectory) -> dict[str, Any]:
    """The files, and what gives this view in a terminal and in Python."""
    step, latent = page.own.get("step"), page.own.get("latent") or 0
    command = f"penstroke export {run.id} --format png" + (f" --step {step}" if step is not None else "")
    lines = (
        f"image = snapshot.filters[{latent}].reshape(snapshot.image_shape)\n"
        f"density, top = snapshot.census.density[{latent}], snapshot.census.top_images[{latent}]"
    )
    return along(page.data()["base"], run, step, command, lines)


@cache
def _figures(*, labelled: bool) -> dict[str, Any]:
    return latent_figures(digits=labelled)


def _labelled(run: RunDirectory) -> bool:
    dataset = DATASETS.get(run.config.dataset)
    return dataset is None or bool(getattr(dataset, "labelled", True))


def _markers(run: RunDirectory) -> list[dict[str, Any]]:
    """Where the dial was moved: the last value of each drag."""
    moves: dict[Any, dict[str, Any]] = {}
    for applied in run.applied()[0]:
        if applied.kind == "set":
            moves[applied.drag or f"at {applied.offset}"] = {
                "step": applied.step,
                "text": f"{applied.name} → {applied.value:g} at step {applied.step:,}",
            }
    return list(moves.values())


def _taken(view: Any) -> dict[str, Any]:
    """What the browser says it looks at, as far as it can be that."""
    if not isinstance(view, dict):
        return {}
    taken: dict[str, Any] = {}
    for name, read in OWN.items():
        value = view.get(name)
        taken[name] = None
        if value is not None and value != USUAL.get(name):
            with suppress(ValueError):
                taken[name] = read(str(int(value)) if isinstance(value, float) else str(value))
    return taken
