"""The "Check my gradient" page's charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.style import BLUE, GREY, VERMILION, styled

__all__ = ["block_figure", "filter_figure"]

FINE = 1e-6
"""Relative differences below this are roundings."""

SMALLEST = 1e-16

DIVERGING = [[0.0, "#2166ac"], [0.5, "#f7f7f7"], [1.0, "#e08214"]]


def block_figure(blocks: Mapping[str, float]) -> go.Figure:
    """Relative difference of each block of the gradient, logarithmic; ``blocks`` as in a `Report`."""
    names = list(blocks)
    values = np.array([min(max(blocks[name], SMALLEST), 1e3) for name in names])
    # Bars on a logarithmic axis have no foot, so their lengths are the logarithms themselves.
    bars = go.Bar(
        x=np.log10(values) - np.log10(SMALLEST),
        y=names,
        base=np.log10(SMALLEST),
        orientation="h",
        marker_color=[BLUE if value < FINE else VERMILION for value in values],
        text=[f"{blocks[name]:.1e}" for name in names],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.add_vline(x=float(np.log10(FINE)), line={"color": GREY, "dash": "dot"})
    styled(
        figure,
        title="Difference by block (relative)",
        what="How far your gradient is from the right one, for each block of it. Left of the dotted line is rounding.",
        alt="Relative difference: " + ", ".join(f"{name} {blocks[name]:.1e}" for name in names),
    )
    figure.update_xaxes(tickvals=[-16, -12, -9, -6, -3, 0], ticktext=["1e-16", "1e-12", "1e-9", "1e-6", "1e-3", "1"])
    figure.update_xaxes(range=[-16, 3])
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(bargap=0.4, height=190, hovermode="closest")
    return figure


def filter_figure(W1: NDArray[Any]) -> go.Figure | None:
    """What excites each hidden unit most, x = W1_j / ‖W1_j‖ (CS294A, section 4), as a mosaic; None where not square.

    ``W1`` (n_hidden, n_visible); patches are columns of MATLAB pixels, so each is read down its columns.
    """
    side = round(W1.shape[1] ** 0.5)
    if side * side != W1.shape[1]:
        return None
    columns = int(np.ceil(np.sqrt(len(W1))))
    rows = int(np.ceil(len(W1) / columns))
    canvas = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1), np.nan)
    for i, filter_ in enumerate(W1 / np.maximum(np.linalg.norm(W1, axis=1, keepdims=True), 1e-12)):
        top, left = (i // columns) * (side + 1), (i % columns) * (side + 1)
        canvas[top : top + side, left : left + side] = filter_.reshape(side, side, order="F") / np.abs(filter_).max()
    figure = go.Figure(go.Heatmap(z=canvas, zmin=-1, zmax=1, colorscale=DIVERGING, showscale=False, hoverinfo="skip"))
    styled(
        figure,
        title="What excites each hidden unit most",
        what="A picture for each hidden unit: the input of norm 1 that excites it most. Edges mean it has learned.",
        alt=f"A mosaic of {len(W1)} filters of {side} by {side} pixels.",
    )
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    figure.update_layout(height=330, margin={"l": 0, "r": 0, "t": 4, "b": 0})
    return figure
