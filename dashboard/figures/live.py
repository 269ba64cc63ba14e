"""The Train page's charts, made empty once a run and then fed in place.

A trace's ``meta`` names what feeds it: ``{"x", "y"}`` columns of the curves, or ``{"histogram": name}`` for the
``<name>_edges`` and ``<name>_counts`` of a live frame. Zoom and hover survive because the figure is never rebuilt.
"""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from dashboard.figures.style import BLUE, GREY, SKY, VERMILION, styled
from sae_core.sparsity import METHODS

__all__ = ["activation_figure", "density_figure", "live_figures", "loss_figure"]


def live_figures(method: str, dial_label: str) -> dict[str, dict[str, Any]]:
    """The three live charts as plotly JSON, in the order they stand on the page."""
    figures = {
        "loss": loss_figure(
            dial_label if method != "none" else "", priced=bool(METHODS[method].penalty), course=METHODS[method].whole
        ),
        "activations": activation_figure(sigmoid=METHODS[method].activations == ("sigmoid",)),
        "densities": density_figure(),
    }
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def loss_figure(dial_label: str, *, priced: bool = True, course: bool = False) -> go.Figure:
    """The objective split into what it is made of, against images seen; a dotted line where the dial moved.

    Lit units are ``priced`` where the objective has a penalty; elsewhere few are lit by construction, or many.
    """
    figure = go.Figure()
    curves = [("objective", "J", GREY, 1.2), ("reconstruction", "reconstruction", BLUE, 2)]
    if priced:
        curves.append(("penalty", "penalty", VERMILION, 2))
    for column, name, colour, width in curves:
        figure.add_scatter(
            meta={"x": "images", "y": column},
            x=[],
            y=[],
            name=name,
            mode="lines",
            line={"color": colour, "width": width},
            hovertemplate="%{y:.3f}",
        )
    figure.update_xaxes(title="images seen", tickformat="~s", hoverformat=",.0f", rangemode="tozero")
    if course:  # J falls by two orders of magnitude at once, and the rest of the way is what is to be seen
        figure.update_yaxes(title="J, the course's", type="log")
    else:
        figure.update_yaxes(title="share of variance", rangemode="tozero")
    named = dial_label if dial_label[1:2].isupper() else dial_label[:1].lower() + dial_label[1:]
    price = " plus the price of lit units" if priced else ""
    moved = f" Dotted: {named} moved." if dial_label else ""
    return styled(
        figure,
        title="What it pays for" + (" (the course's cost)" if course else " (1 = data variance)"),
        what=f"J is what training lowers: errors in the copies{price}.{moved}",
        alt="Line chart of the objective over images seen, split into reconstruction and sparsity penalty"
        if priced
        else "Line chart of the objective over images seen",
        markers=bool(dial_label),
    )


def activation_figure(*, sigmoid: bool) -> go.Figure:
    """How strongly the units that fire do so: magnitudes of the codes in the newest batch."""
    figure = go.Figure(
        go.Bar(
            meta={"histogram": "activation"},
            x=[],
            y=[],
            marker_color=SKY,
            hovertemplate="%{y:.0f} codes near %{x:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="activation", rangemode="tozero")
    figure.update_yaxes(title="codes in a batch", tickformat="~s", rangemode="tozero")
    what = (
        "Sigmoid codes are never exactly 0; sparse ones crowd at the left."
        if sigmoid
        else "Zeros are left out: these are the codes that remain."
    )
    return styled(
        figure,
        title="How strongly units fire (codes of one batch)",
        what=what,
        alt="Histogram of the activations of the units that fired in the newest batch",
    )


def density_figure() -> go.Figure:
    """How often each unit fires: log10 of the share of recent images, the first bin for those that never did."""
    figure = go.Figure(
        go.Bar(
            meta={"histogram": "density"},
            x=[],
            y=[],
            marker_color=BLUE,
            hovertemplate="%{y:.0f} units<extra></extra>",
        )
    )
    ticks = [-4, -3, -2, -1, 0]
    figure.update_xaxes(
        title="share of images a unit fires on", tickvals=ticks, ticktext=["0.01%", "0.1%", "1%", "10%", "all"]
    )
    figure.update_yaxes(title="units", rangemode="tozero")
    return styled(
        figure,
        title="How often each unit fires (units per bin, log scale)",
        what="Right: units that fire for everything. Left: specialists. The leftmost bar never fired.",
        alt="Histogram of the units' densities on a logarithmic axis; the leftmost bar counts units that never fired",
    )
