"""The page "Classify": features that serve another task, told by a probe on the codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.explore.along import along
from dashboard.figures.classify import carriers, efficiency_figure, figures_json, training_figure, verdict
from dashboard.live.guard import WATCH_ONLY
from dashboard.materials import TestSet, test_set
from dashboard.probing import probing, start_probing
from dashboard.views import frame, stills
from sae_core.probe import ProbeCurve, ProbeResult
from sae_core.runs.directory import RunDirectory
from sae_core.snapshot import Snapshot

__all__ = ["show"]

PROGRESS_EVERY = 0.7
"""Seconds between two looks at a probe under way."""


def show() -> None:
    """The frame, the button, and what the probe found."""
    with frame.page("classify", "Classify", own={"step": frame.index("step")}) as page:
        if (run := page.trained_run()) is None:
            return
        images = test_set(run.config.dataset)
        if (trouble := _unlabelled(images)) is not None:
            st.info(trouble)
            return
        probe = ProbeResult.load(run.path)
        _introduce(run, probe)
        with st.container(horizontal=True, vertical_alignment="center"):
            _train(run, probe)
            curve, note = _curve(run)
        _found(page, run, images, probe, (curve, note))


def _unlabelled(images: TestSet) -> str | None:
    """Why there is nothing to classify, if there is not."""
    if images.labels is None:
        return f"The images of {images.title} have no labels, and a probe learns to tell them."
    if len(set(images.labels.tolist())) < 2:
        return f"All images of {images.title} are of one class: a probe needs at least two to tell apart."
    return None


def _introduce(run: RunDirectory, probe: ProbeResult | None) -> None:
    """Why the last probe failed, and what one is for."""
    known = probing(run)
    if known is not None and known.running:
        return
    if known is not None and known.error:
        st.error(known.error)
    if probe is None:
        st.markdown(
            "How much do the units know of the classes, which nobody told them? A **probe**, the plainest of "
            "classifiers, learns to read the class from the codes alone; beside it the same from raw pixels, from as "
            "many principal components, and from random features. It takes about a minute and is kept with the run."
        )


def _train(run: RunDirectory, probe: ProbeResult | None) -> None:
    """A button while nothing is under way, else how far it is."""
    if (known := probing(run)) is not None and known.running:
        _progress(run)
        return
    may = frame.may_steer()
    label = "Train the probe" if probe is None else "Train the probe again"
    if st.button(
        label, type="primary" if probe is None else "secondary", disabled=not may, help=None if may else WATCH_ONLY
    ):
        start_probing(run)
        st.rerun()


@st.fragment(run_every=PROGRESS_EVERY)
def _progress(run: RunDirectory) -> None:
    known = probing(run)
    if known is None or not known.running:
        st.rerun()
    st.progress(known.share, f"Training the probe: {known.what} ({known.done} of {known.total or '…'})")


def _curve(run: RunDirectory) -> tuple[ProbeCurve, str]:
    """Accuracy over training as far as it is known, and why no more is; what is missing is measured meanwhile."""
    curve, known = ProbeCurve.load(run.path), probing(run, "curve")
    last = [] if run.alive() else [stills.newest(run)[0].row.step]
    missing = curve.missing([*run.history(), *last])
    if not missing and (curve.points or known is None):
        return curve, "The first point comes with the first kept step."
    if known is None or not (known.running or known.error):
        if not frame.may_steer():
            return curve, WATCH_ONLY
        known = start_probing(run, "curve")
    if not known.running:
        return curve, known.error
    _curve_progress(run)
    return curve, "being measured…"


@st.fragment(run_every=PROGRESS_EVERY)
def _curve_progress(run: RunDirectory) -> None:
    """A line beside the button, so that nothing moves when it goes."""
    known = probing(run, "curve")
    if known is None or not known.running:
        st.rerun()
    st.caption(f"Accuracy over training: {known.what} ({known.done} of {known.total or '…'} steps)")


def _found(
    page: frame.Page, run: RunDirectory, images: TestSet, probe: ProbeResult | None, curve: tuple[ProbeCurve, str]
) -> None:
    """What the probe of the newest step found; of an earlier step what a lighter one reads there."""
    step = page.own.get("step") if page.own.get("step") in run.history() else None
    if step is not None and (snapshot := run.snapshot_at(step)) is not None:
        reading = frame.lens().ask("reading", run.id, step=step).arrays
        assert images.labels is not None
        right = float((reading["answers"] == images.labels[: len(reading["answers"])]).mean())
        words = (
            f"At step {step:,} a lighter probe, fitted to the codes of that step, reads {right:.1%} of the test images "
            "right. It learns from 10,000 images in closed form, and stays a few points below the whole probe."
        )
        training = {"training": training_figure(*curve, at=snapshot.row.images)}
        seen = {"answers": reading["answers"].tolist(), "figures": figures_json(training)}
        _show(page, run, images, snapshot, f"step-{step}", words, step, reading["weights"], **seen)
        return
    snapshot, stamp = stills.newest(run)
    training = {"training": training_figure(*curve)}
    if probe is None:
        _show(page, run, images, snapshot, stamp, "", None, None, figures=figures_json(training))
        return
    if snapshot.row.step != probe.step:
        st.caption(
            f"The probe is of step {probe.step:,}, the newest snapshot of step {snapshot.row.step:,}: what it reads "
            "from the newer codes may be off until it is trained again."
        )
    of = "" if probe.n_train == probe.n_available else f" (a sample of {probe.n_available:,})"
    images_used = f"{probe.n_train:,} training images{of}, {probe.n_test:,} test images"
    words = f"{verdict(probe)} Probe of step {probe.step:,}: {images_used}."
    version = f"{stamp}-{probe.step}-{probe.n_train}"
    figures = figures_json({**training, "efficiency": efficiency_figure(probe)})
    _show(page, run, images, snapshot, version, words, None, probe.classifier.weights, figures=figures)


def _show(
    page: frame.Page,
    run: RunDirectory,
    images: TestSet,
    snapshot: Snapshot,
    version: str,
    words: str,
    step: int | None,
    weights: NDArray[np.float32] | None,
    **more: Any,
) -> None:
    stills.plots(
        "classify",
        page,
        run,
        images,
        weights=version,
        words=words,
        step=step,
        history=run.history(),
        markers=stills.dial_moves(run),
        at={"step": snapshot.row.step, "images": snapshot.row.images},
        confusion=weights is not None,
        lists=[] if weights is None else carriers(weights, images.class_names, snapshot),
        **along(
            page.data()["base"],
            run,
            step,
            f"penstroke probe {run.id}",
            "from sae_core.probe import ProbeResult\n\n"
            "probe = ProbeResult.load(run.directory.path)\n"
            "scores, confusion, weights = probe.scores, probe.confusion, probe.classifier.weights",
        ),
        **more,
    )
