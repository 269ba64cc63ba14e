"""The page "Classify": features that serve another task, told by a probe on the codes."""

from __future__ import annotations

import streamlit as st

from dashboard.figures.classify import carriers, classify_figures, verdict
from dashboard.live.guard import WATCH_ONLY
from dashboard.materials import TestSet, test_set
from dashboard.probing import probing, start_probing
from dashboard.views import frame, stills
from sae_core.probe import ProbeResult
from sae_core.runs.directory import RunDirectory

__all__ = ["show"]

PROGRESS_EVERY = 0.7
"""Seconds between two looks at a probe under way."""


def show() -> None:
    """The frame, the button, and what the probe found."""
    with frame.page("classify", "Classify") as page:
        if (run := page.trained_run()) is None:
            return
        images = test_set(run.config.dataset)
        if (trouble := _unlabelled(images)) is not None:
            st.info(trouble)
            return
        probe = ProbeResult.load(run.path)
        _train(run, probe)
        if probe is not None:
            _found(page, run, images, probe)


def _unlabelled(images: TestSet) -> str | None:
    """Why there is nothing to classify, if there is not."""
    if images.labels is None:
        return f"The images of {images.name} have no labels, and a probe learns to tell them."
    if len(set(images.labels.tolist())) < 2:
        return f"All images of {images.name} are of one class: a probe needs at least two to tell apart."
    return None


def _train(run: RunDirectory, probe: ProbeResult | None) -> None:
    """A button while nothing is under way, else how far it is."""
    known = probing(run)
    if known is not None and known.running:
        _progress(run)
        return
    if known is not None and known.error:
        st.error(known.error)
    if probe is None:
        st.markdown(
            "How much do the units know of the classes, which nobody told them? A **probe**, the plainest of "
            "classifiers, learns to read the class from the codes alone; beside it the same from raw pixels, from as "
            "many principal components, and from random features. It takes about a minute and is kept with the run."
        )
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


def _found(page: frame.Page, run: RunDirectory, images: TestSet, probe: ProbeResult) -> None:
    snapshot, stamp = stills.newest(run)
    if snapshot.row.step != probe.step:
        st.caption(
            f"The probe is of step {probe.step:,}, the newest snapshot of step {snapshot.row.step:,}: what it reads "
            "from the newer codes may be off until it is trained again."
        )
    of = "" if probe.n_train == probe.n_available else f" (a sample of {probe.n_available:,})"
    images_used = f"{probe.n_train:,} training images{of}, {probe.n_test:,} test images"
    words = f"{verdict(probe)} Probe of step {probe.step:,}: {images_used}."
    stills.plots(
        "classify",
        page,
        run,
        images,
        weights=f"{stamp}-{probe.step}-{probe.n_train}",
        words=words,
        confusion=True,
        figures=classify_figures(probe),
        lists=carriers(probe, snapshot),
    )
