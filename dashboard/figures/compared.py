"""Charts of several runs: their curves overlaid, their ends on one frontier, and a sweep's knobs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.style import styled
from dashboard.theme import OKABE_ITO

__all__ = ["colour_of", "curves_figure", "frontier_figure", "parallel_figure"]

NAMES = {"fvu": "FVU", "l0": "lit per image (L0)", "dead_fraction": "dead share", "accuracy": "told right"}


def colour_of(at: int) -> str:
    """The colour of the run at this place."""
    return ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"][at % 6]


def curves_figure(rows: Mapping[str, Sequence[Mapping[str, Any]]], column: str) -> go.Figure:
    """One column of every run against images seen."""
    figure = go.Figure()
    for at, (run, points) in enumerate(rows.items()):
        figure.add_scatter(
            x=[point["images"] for point in points],
            y=[point[column] for point in points],
            name=run,
            mode="lines",
            line={"color": colour_of(at), "width": 2},
        )
    figure.update_xaxes(title="images seen", tickformat="~s", rangemode="tozero")
    figure.update_yaxes(title=NAMES.get(column, column), type="log" if column == "l0" else "linear")
    title = f"{NAMES.get(column, column)} on training batches"
    return styled(figure, title=title, what="", alt=f"Line chart: {title} of {len(rows)} runs")


def frontier_figure(table: pd.DataFrame, colour: str | None = None) -> go.Figure:
    """Every trial as explained against lit; ``customdata`` is its run."""
    marker: dict[str, Any] = {"size": 10, "color": OKABE_ITO[0]}
    if colour is not None and pd.api.types.is_numeric_dtype(table[colour]):
        values = table[colour].astype(float)
        logarithmic = bool((values > 0).all()) and values.max() > 20 * values.min()
        marker |= {"color": np.log10(values) if logarithmic else values, "colorscale": "Viridis"}
        marker |= {"colorbar": {"title": f"log₁₀ {colour}" if logarithmic else colour, "thickness": 12}}
    figure = go.Figure(
        go.Scatter(
            x=table["l0"],
            y=1 - table["fvu"],
            mode="markers",
            marker=marker,
            customdata=table[["run"]],
            hovertemplate="%{customdata[0]}<br>%{x:.1f} lit, %{y:.1%} explained<extra></extra>",
        )
    )
    figure.update_xaxes(title="lit per image (L0)", type="log")
    figure.update_yaxes(title="explained", tickformat=".0%")
    styled(
        figure, title="Explained against lit", what="", alt="Scatter chart of trials: explained against lit per image"
    )
    return figure.update_layout(hovermode="closest", dragmode="select")


def parallel_figure(table: pd.DataFrame, knobs: Sequence[str]) -> go.Figure:
    """Every trial as a line through its knobs and what it came to; drag along an axis to keep only some."""
    columns = [*knobs, *(name for name in ("l0", "fvu", "dead_fraction", "accuracy") if name in table)]
    figure = go.Figure(
        go.Parcoords(
            dimensions=[_dimension(table[name], NAMES.get(name, name)) for name in columns],
            line={"color": table["fvu"], "colorscale": "Viridis", "showscale": False},
        )
    )
    figure.update_layout(margin={"l": 60, "r": 60, "t": 50, "b": 20}, height=330)
    return figure


def _dimension(values: pd.Series[Any], label: str) -> dict[str, Any]:
    if not pd.api.types.is_numeric_dtype(values) or values.nunique() <= 12:
        kinds = sorted(values.unique())
        places = values.map({kind: at for at, kind in enumerate(kinds)})
        words = [f"{kind:.4g}" if isinstance(kind, float) else str(kind) for kind in kinds]
        return {"label": label, "values": places, "tickvals": list(range(len(kinds))), "ticktext": words}
    if (values > 0).all() and values.max() > 20 * values.min():
        ticks = [10.0**power for power in range(-6, 6) if values.min() <= 10.0**power <= values.max()]
        logs = {"tickvals": [float(np.log10(tick)) for tick in ticks], "ticktext": [f"{tick:g}" for tick in ticks]}
        return {"label": label, "values": np.log10(values), **(logs if ticks else {})}
    return {"label": label, "values": values}
