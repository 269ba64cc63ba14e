"""The look all figures share. Backgrounds and text colours follow the page's theme where the figure is shown."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

__all__ = ["BLUE", "GREY", "ORANGE", "SKY", "VERMILION", "styled"]

# Okabe and Ito, "Color universal design" (2008): told apart by every kind of colour vision.
BLUE = "#0072B2"
SKY = "#56B4E9"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
GREY = "#8A8F98"


def styled(figure: go.Figure, *, title: str, what: str, alt: str, markers: bool = False) -> go.Figure:
    """The figure with margins, legend and the words around it: its title, a "what am I looking at?" line, an alt text.

    The words travel in ``layout.meta`` and are set as text beside the plot, where a screen reader finds them.
    """
    meta: dict[str, Any] = {"title": title, "what": what, "alt": alt, "markers": markers}
    figure.update_layout(
        meta=meta,
        template="none",
        margin={"l": 46, "r": 10, "t": 6, "b": 36},
        showlegend=len(figure.data) > 1,
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1.02,
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
        },
        hovermode="x",
        bargap=0,
    )
    if len(figure.data) > 1:
        figure.update_layout(margin_t=22)
    figure.update_xaxes(automargin=False, ticks="outside", ticklen=3, title_standoff=4)
    figure.update_yaxes(automargin=False, ticks="outside", ticklen=3, title_standoff=4, nticks=5)
    return figure
