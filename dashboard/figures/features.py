"""The charts of one latent's page, made empty once and then fed in place (see `figures.live`)."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from dashboard.figures.style import BLUE, ORANGE, SKY, VERMILION, styled

__all__ = ["latent_figures"]


def latent_figures(*, digits: bool = True) -> dict[str, dict[str, Any]]:
    """The charts as plotly JSON, in the order they stand on the page; ``digits``: the images have labels."""
    figures = {"activation": activation_figure(), "lifetime": lifetime_figure()}
    if digits:
        figures |= {"classes": class_figure(), "removal": removal_figure()}
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def activation_figure() -> go.Figure:
    """How strongly the latent fires, where it does."""
    figure = _bars("activation", "count", SKY, "%{y} images near %{x:.2f}<extra></extra>")
    figure.update_xaxes(title="activation", rangemode="tozero")
    figure.update_yaxes(title="test images", rangemode="tozero")
    return styled(
        figure,
        title="How strongly it fires (test images)",
        what="Images on which it stays silent are left out.",
        alt="Histogram of this unit's activations over the test images that fire it",
    )


def lifetime_figure() -> go.Figure:
    """On what share of the test images it has fired, through the kept snapshots."""
    figure = go.Figure(
        go.Scatter(
            meta={"x": "images", "y": "density"},
            x=[],
            y=[],
            mode="lines+markers",
            line={"color": BLUE, "width": 2},
            marker={"size": 5},
            hovertemplate="%{y:.2%} after %{x:,} images<extra></extra>",
        )
    )
    figure.update_xaxes(title="images seen", type="log", tickformat="~s", nticks=5)
    figure.update_yaxes(title="share of images", tickformat="~%", rangemode="tozero")
    return styled(
        figure,
        title="How often it fired, over training",
        what="A point a kept snapshot; 0 where it was dead.",
        alt="Line chart of the share of test images on which this unit fired, over the images seen in training",
    )


def class_figure() -> go.Figure:
    """Mean activation per class."""
    figure = _bars("digit", "mean", ORANGE, "%{x}: %{y:.3f}<extra></extra>")
    figure.update_xaxes(type="category", title="digit")
    figure.update_yaxes(title="mean activation", rangemode="tozero")
    return styled(
        figure,
        title="Which digits fire it (mean activation)",
        what="Silent images count as 0.",
        alt="Bar chart of this unit's mean activation for each class of images",
    )


def removal_figure() -> go.Figure:
    """By how much the FVU of each class rises without the latent."""
    figure = _bars("digit", "removal", VERMILION, "%{x}: FVU %{y:+.4f}<extra></extra>")
    figure.update_xaxes(type="category", title="digit")
    figure.update_yaxes(title="", tickformat="~s")
    return styled(
        figure,
        title="Who misses it (FVU without it)",
        what="How much worse each digit is copied when its code is set to 0.",
        alt="Bar chart of the rise of each class's unexplained variance when this unit's code is set to zero",
    )


def _bars(x: str, y: str, colour: str, hover: str) -> go.Figure:
    return go.Figure(go.Bar(meta={"x": x, "y": y}, x=[], y=[], marker_color=colour, hovertemplate=hover))
