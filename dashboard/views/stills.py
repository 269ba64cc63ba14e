"""What pages of standing charts share: the newest snapshot, read once, and the component that draws the charts."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import streamlit as st

from dashboard.addresses import base_path
from dashboard.components import Component, module_component
from dashboard.materials import TestSet
from dashboard.views.frame import Page
from sae_core.runs.directory import RunDirectory
from sae_core.snapshot import Snapshot

__all__ = ["LIVE_EVERY", "dial_moves", "following", "newest", "plots", "words_of"]

LIVE_EVERY = 3.0
"""Seconds after which a running run's newest snapshot is shown."""


def dial_moves(run: RunDirectory) -> list[dict[str, Any]]:
    """Where the dial was moved, {step, text}: the last value of each drag."""
    moves = {
        applied.drag or f"at {applied.offset}": {"step": applied.step, "text": f"{applied.name} → {applied.value:g}"}
        for applied in run.applied()[0]
        if applied.kind == "set"
    }
    return list(moves.values())


def plots_component(key: str) -> Component:
    """The component of charts under a key of its own."""
    return module_component(key, "plots/plots.js", states=("step",), css=("features/features.css", "plots/plots.css"))


_COMPONENTS = {key: plots_component(key) for key in ("sparsity", "classify")}


def plots(key: str, page: Page, run: RunDirectory, images: TestSet, **more: Any) -> None:
    """Draw charts and lists of latents; ``figures``, ``lists``, ``words`` and ``weights`` are given by name."""
    about = {
        "run": run.id,
        "step": None,
        "history": None,
        "markers": [],
        "dataset": images.name,
        "image_shape": list(images.image_shape),
        "class_names": list(images.class_names),
        "has_labels": images.labels is not None,
        "pages": base_path(),
        "at": None,
        "answers": None,
    }
    data = page.data(**{**about, "lists": [], "figures": {}, "words": "", **more})
    _COMPONENTS[key](data, lambda name: page.take(**{name: _number(st.session_state[key][name])}))


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**53 else None


def following(run: RunDirectory, step: int | None, show: Callable[[Snapshot, str], None]) -> None:
    """Show the snapshot of a kept step, or the newest and, while the run trains, each newer one.

    ``show`` is given it and its stamp.
    """
    if step is not None and step in run.history():
        snapshot = run.snapshot_at(step)
        if snapshot is not None:
            show(snapshot, f"step-{step}")
            return

    training = run.status().state == "training"

    @st.fragment(run_every=LIVE_EVERY if training else None)
    def follow() -> None:
        if training:
            run.renew_look()
        show(*newest(run))

    follow()


def newest(run: RunDirectory) -> tuple[Snapshot, str]:
    """The newest snapshot, and a stamp that changes when a newer one comes.

    Raises:
        RunError: it is damaged.
    """
    stamp = str((run.path / "snapshot.safetensors").stat().st_mtime_ns)
    return _read(run, stamp), stamp


@lru_cache(4)
def _read(run: RunDirectory, stamp: str) -> Snapshot:  # noqa: ARG001 (the stamp is a part of the key)
    snapshot = run.snapshot()
    assert snapshot is not None
    return snapshot


def words_of(snapshot: Snapshot) -> str:
    """Of which step all this is."""
    return f"As of step {snapshot.row.step:,}, over {snapshot.census.n_images:,} test images."
