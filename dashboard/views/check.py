"""The page "Check my gradient": a course's exercise, its cost term by term, and the likely mistake."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from typing import Any

import numpy as np
import streamlit as st

from dashboard.figures.textbook import block_figure, filter_figure
from dashboard.views import frame
from sae_core.textbook.case import Arrays, assemble
from sae_core.textbook.check import Report, check, knobs_of
from sae_core.textbook.cost import Knobs, Weights
from sae_core.textbook.example import example
from sae_core.textbook.files import KINDS, read_arrays
from sae_core.textbook.mistakes import MISTAKES
from sae_core.textbook.notation import COST, SYMBOLS, symbol

__all__ = ["show"]

KEPT = "check-kept"
LARGEST_MB = 64
"""Of an upload: the course's IMAGES.mat is 20 MB."""

RIGHT = "none: the gradient is right"
TYPES = [kind.removeprefix(".") for kind in KINDS]
OWN = {"notation": frame.choice("notation", ("course", "modern"))}


def show() -> None:
    """What is checked, the files or an example, the verdict."""
    with frame.page("check", "Check my gradient", own=OWN, of_a_run=False) as page:
        _introduce(page)
        left, right = st.columns([5, 7], gap="large")
        with left:
            arrays = _files()
            knobs = knobs_of(*_knobs())
        with right:
            if arrays is None:
                _empty()
                return
            with st.spinner("Checking: formulas, then differences, then mistakes…"):
                report, note = _checked(arrays, knobs)
            _verdict(report, note)


def _checked(arrays: tuple[Arrays, Arrays | None, Arrays | None], knobs: Knobs) -> tuple[Report, str]:
    """The report; the last one is kept, so that switching the notation does not check again."""
    digest = blake2b(repr(knobs).encode())
    for group in arrays:
        for name, values in (group or {}).items():
            digest.update(f"{name} {values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
    known, *kept = st.session_state.get(KEPT, ("", None, ""))
    if known != digest.hexdigest():
        case = assemble(*arrays)
        kept = [check(case.theta, case.x, knobs, gradient=case.gradient, cost=case.cost, order=case.order), case.note]
        st.session_state[KEPT] = (digest.hexdigest(), *kept)
    report, note = kept
    return report, note


def _introduce(page: frame.Page) -> None:
    notation = st.segmented_control(
        "Notation",
        ["course", "modern"],
        default=page.own.get("notation") or "course",
        required=True,
        format_func={"course": "CS294A", "modern": "modern"}.get,
        help="The course's letters, or those of this program and of newer papers.",
    )
    page.own["notation"] = None if notation == "course" else notation
    st.latex(symbol(COST, notation))
    with st.popover("What the letters mean"):
        st.table(
            {
                "CS294A": [f"${entry.course}$" for entry in SYMBOLS.values()],
                "modern": [f"${entry.modern}$" for entry in SYMBOLS.values()],
                "meaning": [entry.meaning for entry in SYMBOLS.values()],
            },
            hide_index=True,
        )


def _files() -> tuple[Arrays, Arrays | None, Arrays | None] | None:
    """θ, the data and the gradient, uploaded or made up; None before there is anything."""
    source = st.segmented_control(
        "Check", ["my files", "an example"], default="my files", required=True, label_visibility="collapsed"
    )
    if source == "an example":
        names = [RIGHT, *(mistake.name for mistake in MISTAKES if (mistake.formula.rho_batch or 0) < 2_000)]
        chosen = st.selectbox(
            "The mistake in it", names, index=names.index("sign of the sparsity term"), key="check-mistake"
        )
        st.caption(
            "A 64-25-64 network at its start, on 2,000 patches of photographs, and a gradient with this mistake."
        )
        return _example(chosen), None, None
    theta = _upload("θ, or W1, W2, b1, b2", "Saved as MATLAB's .mat (not v7.3), numpy's .npz or .npy, or text.")
    data = _upload(
        "The patches you trained on, or IMAGES.mat", "Without: patches are cut from scikit-learn's photographs."
    )
    grad = _upload("Your gradient", "Where it is not in the first file. It has to be of the same patches.")
    return None if theta is None else (theta, data, grad)


@lru_cache(maxsize=4)
def _example(mistake: str) -> Arrays:
    return example(next((m for m in MISTAKES if m.name == mistake), None))


def _upload(label: str, help: str) -> Arrays | None:
    file = st.file_uploader(label, TYPES, help=help, max_upload_size=LARGEST_MB)
    return None if file is None else read_arrays(BytesIO(file.getvalue()), file.name)


def _knobs() -> tuple[float, float, float]:
    boxes = st.columns(3)
    rho = boxes[0].number_input(
        "ρ", value=0.01, key="check-rho", format="%g", step=None, help="Target activation, between 0 and 1."
    )
    decay = boxes[1].number_input("λ (weight decay)", value=1e-4, format="%g", step=None, help="0 or more.")
    beta = boxes[2].number_input("β", value=3.0, format="%g", step=None, help="Weight of the sparsity term, 0 or more.")
    return rho, decay, beta


def _empty() -> None:
    st.info(
        "Hand over θ (the course's long parameter vector) to see its cost term by term; with your gradient too, it is "
        "compared, and the likely mistake is named. No files at hand? Choose **an example** on the left."
    )
    st.caption(
        "In a terminal: `penstroke check theta.mat --data patches.mat --grad grad.mat`. Files stay on this machine."
    )


def _verdict(report: Report, note: str) -> None:
    {True: st.success, False: st.error, None: st.info}[report.right](report.sentence)
    terms = {
        "squared error": report.terms.reconstruction,
        "weight decay": report.terms.decay,
        "sparsity": report.terms.sparsity,
        "cost J": report.terms.cost,
    }
    for column, (name, value) in zip(st.columns(4), terms.items(), strict=True):
        column.metric(name, f"{value:.5g}")
    if report.cost_given is not None:
        apart = abs(report.cost_given - report.terms.cost) / max(abs(report.terms.cost), 1e-300)
        st.caption(f"Your cost is {report.cost_given:.10g}, {'the same' if apart < 1e-6 else f'{apart:.1e} away'}.")
    charts = st.columns(2)
    if report.blocks is not None:
        with charts[0]:
            _chart(block_figure(report.blocks))
    with charts[1 if report.blocks is not None else 0]:
        weights = Weights.unflat(report.theta, report.n_visible, report.n_hidden, report.order)
        if (mosaic := filter_figure(weights.W1)) is not None:
            _chart(mosaic)
    st.caption(
        f"{report.n_visible}-{report.n_hidden}-{report.n_visible}, on {note}. The gradient here differs from the "
        f"numerical one (ε = 1e-4) by {report.numerical:.1e}; the course asks for less than 1e-9. Matrices are "
        "flattened "
        + ("down their columns, as MATLAB does." if report.order == "F" else "along their rows, as numpy does.")
    )
    st.download_button("The right gradient (.npy)", _npy(report.gradient), "gradient.npy", "application/octet-stream")


def _chart(figure: Any) -> None:
    meta = figure.layout.meta
    st.markdown(f"**{meta['title']}**", help=meta["what"])
    st.plotly_chart(figure, alt=meta["alt"], config={"displayModeBar": False})


def _npy(values: Any) -> bytes:
    target = BytesIO()
    np.save(target, values, allow_pickle=False)
    return target.getvalue()
