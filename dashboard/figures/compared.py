"""Charts of several runs: their curves overlaid, their ends on one frontier, and a sweep's knobs side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.style import GREY, styled
from dashboard.theme import OKABE_ITO
from sae_core.config import Config

__all__ = ["Trail", "colour_of", "curves_figure", "frontier_figure", "label_of", "parallel_figure", "trails_figure"]

LEAST = 0.1
"""Lit per image: fewer stand at the edge of a logarithmic axis."""

NAMES = {"fvu": "FVU", "l0": "lit per image (L0)", "dead_fraction": "dead", "accuracy": "told right"}


def colour_of(at: int) -> str:
    """The colour of the run at this place."""
    return ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"][at % 6]


def _of_lit() -> dict[str, Any]:
    """An axis of L0: logarithmic, with round numbers."""
    ticks = [round(first * 10.0**power, 4) for power in range(-1, 5) for first in (1, 2, 5)]
    text = [f"{tick:g}" for tick in ticks]
    return {"title": "lit per image (L0)", "type": "log", "tickvals": ticks, "ticktext": text}


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
    figure.update_yaxes(**_of_lit() if column == "l0" else {"title": NAMES.get(column, column)})
    title = f"{NAMES.get(column, column)} on training batches"
    styled(figure, title=title, what="", alt=f"Line chart: {title} of {len(rows)} runs")
    return _roomy(figure.update_layout(showlegend=False))


@dataclass(frozen=True, slots=True)
class Trail:
    """One run on the frontier: its points on the test set in order, what each is called, and whether it ends there."""

    run: str
    l0: Sequence[float]
    fvu: Sequence[float]
    names: Sequence[str]
    path: bool = False
    """Of a path every point counts; of another run the way it took is thin, and only its end a point."""


def trails_figure(trails: Sequence[Trail], others: Sequence[tuple[str, float, float]]) -> go.Figure:
    """Where runs stand between few lit and much explained, on test images; ``others`` are (run, L0, FVU), in grey."""
    figure = go.Figure()
    figure.add_scatter(
        x=[max(l0, LEAST) for _, l0, _ in others],
        y=[1 - fvu for _, _, fvu in others],
        text=[run for run, _, _ in others],
        name="other runs",
        mode="markers",
        marker={"color": GREY, "size": 5, "opacity": 0.45},
        hovertemplate="%{text}<br>%{x:.1f} lit, %{y:.1%} explained<extra></extra>",
    )
    for at, trail in enumerate(trails):
        last = len(trail.l0) - 1
        figure.add_scatter(
            x=[max(l0, LEAST) for l0 in trail.l0],
            y=[1 - fvu for fvu in trail.fvu],
            text=[f"{trail.run}, {name}" for name in trail.names],
            name=trail.run,
            mode="lines+markers",
            line={"color": colour_of(at), "width": 2 if trail.path else 1, "dash": "solid" if trail.path else "dot"},
            marker={"size": [8 if trail.path else 11 if i == last else 3 for i in range(last + 1)]},
            hovertemplate="%{text}<br>%{x:.1f} lit, %{y:.1%} explained<extra></extra>",
        )
    figure.update_xaxes(**_of_lit())
    figure.update_yaxes(title="explained", tickformat=".0%")
    title = "Explained against lit, on test images"
    styled(figure, title=title, what="", alt=f"Scatter chart: {title}, of {len(trails)} runs and {len(others)} others")
    return _roomy(figure.update_layout(hovermode="closest", showlegend=False))


def _roomy(figure: go.Figure) -> go.Figure:
    """Room for the axes' titles below their numbers, which the page's own theme sets larger."""
    figure.update_xaxes(title_standoff=12)
    figure.update_yaxes(title_standoff=10)
    return figure.update_layout(margin={"l": 60, "r": 12, "t": 8, "b": 54})


def frontier_figure(table: pd.DataFrame, colour: str | None = None, drawn: Collection[str] = ()) -> go.Figure:
    """Every trial as explained against lit, and a line through those that no other beats in both.

    Colours tell a knob's value; of those ``drawn`` from a range as a quantity, of others as kinds where they are few.
    """
    marker: dict[str, Any] = {"size": 11, "opacity": 0.9, "line": {"width": 1, "color": "white"}, "color": OKABE_ITO[0]}
    if colour is not None:
        marker |= _coloured(table[colour], label_of(colour), quantity=colour in drawn)
    figure = go.Figure(
        go.Scatter(
            x=table["l0"].clip(lower=LEAST).tolist(),
            y=(1 - table["fvu"]).tolist(),
            mode="markers",
            marker=marker,
            text=table["run"].tolist(),
            unselected={"marker": {"opacity": 0.12}},
            hovertemplate="%{text}<br>%{x:.1f} lit, %{y:.1%} explained<extra></extra>",
        )
    )
    best = table.sort_values(["l0", "fvu"])
    best = best[best["fvu"] < best["fvu"].cummin().shift(fill_value=float("inf"))]
    line = {"color": GREY, "width": 1.5, "dash": "dot"}
    figure.add_scatter(
        x=best["l0"].clip(lower=LEAST).tolist(),
        y=(1 - best["fvu"]).tolist(),
        mode="lines",
        line=line,
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(**_of_lit())
    figure.update_yaxes(title="explained", tickformat=".0%")
    alt = f"Scatter chart of {len(table)} trials: explained against lit per image"
    styled(figure, title="Explained against lit", what="", alt=alt)
    return _roomy(figure.update_layout(hovermode="closest", dragmode="lasso", showlegend=False))


def label_of(knob: str) -> str:
    """A knob's or a result's name on screen."""
    knobs = Config.knobs()
    return NAMES.get(knob) or (knobs[knob].label if knob in knobs else knob)


def _coloured(values: pd.Series[Any], title: str, *, quantity: bool) -> dict[str, Any]:
    """Numbers as a scale, logarithmic where they span much; other things by their place among their kinds."""
    bar: dict[str, Any] = {"title": {"text": title, "side": "right"}, "thickness": 10, "outlinewidth": 0}
    if _are_kinds(values, quantity=quantity):
        kinds = sorted(values.unique(), key=str if not pd.api.types.is_numeric_dtype(values) else None)
        places = values.map({kind: at for at, kind in enumerate(kinds)})
        ticks = {"tickvals": list(range(len(kinds))), "ticktext": [_word(kind) for kind in kinds]}
        return {"color": places.tolist(), "colorscale": SCALE, "colorbar": {**bar, **ticks}}
    if (values > 0).all() and values.max() > 20 * values.min():
        return {"color": np.log10(values).tolist(), "colorscale": SCALE, "colorbar": {**bar, **_log_ticks(values)}}
    return {"color": values.tolist(), "colorscale": SCALE, "colorbar": bar}


SCALE = [[0.0, "#8250c8"], [0.25, "#4a7fc0"], [0.5, "#21918c"], [0.75, "#4fae55"], [1.0, "#c9a81c"]]
"""Viridis with its dark end lighter and its bright end darker: lines of it stand on white paper and in a dark room."""

FEW = 12
"""Different values up to which each has a tick of its own."""


def _are_kinds(values: pd.Series[Any], *, quantity: bool) -> bool:
    return not pd.api.types.is_numeric_dtype(values) or (values.nunique() <= FEW and not quantity)


def parallel_figure(table: pd.DataFrame, knobs: Sequence[str], drawn: Collection[str] = ()) -> go.Figure:
    """Every trial as a line through its knobs and what it came to, coloured by its FVU; ``drawn`` as on the frontier.

    Results are quantities, however few trials there are.
    """
    results = [
        name for name in ("l0", "fvu", "dead_fraction", "accuracy") if name in table and table[name].notna().all()
    ]
    columns = [*knobs, *results]
    figure = go.Figure(
        go.Parcoords(
            dimensions=[
                _dimension(table[name], label_of(name), quantity=name in results or name in drawn) for name in columns
            ],
            line={"color": table["fvu"].tolist(), "colorscale": SCALE, "showscale": False},
        )
    )
    alt = f"Parallel coordinates of {len(table)} trials: {', '.join(map(label_of, columns))}"
    figure.update_layout(margin={"l": 60, "r": 60, "t": 60, "b": 24}, meta={"alt": alt})
    return figure


def _dimension(values: pd.Series[Any], label: str, *, quantity: bool) -> dict[str, Any]:
    if _are_kinds(values, quantity=quantity):
        kinds = sorted(values.unique(), key=str if not pd.api.types.is_numeric_dtype(values) else None)
        places = values.map({kind: at for at, kind in enumerate(kinds)})
        ticks = {"tickvals": list(range(len(kinds))), "ticktext": [_word(kind) for kind in kinds]}
        alone = {"range": [-1, 1]} if len(kinds) == 1 else {}
        return {"label": label, "values": places.tolist(), **ticks, **alone}
    if (values > 0).all() and values.max() > 20 * values.min():
        return {"label": label, "values": np.log10(values).tolist(), **_log_ticks(values)}
    alone = float(values.iloc[0])
    one = {"range": [alone - 1, alone + 1], "tickvals": [alone], "ticktext": [_word(alone)]}
    return {"label": label, "values": values.tolist(), **(one if values.nunique() == 1 else {})}


def _log_ticks(values: pd.Series[Any]) -> dict[str, Any]:
    ticks = [first * 10.0**power for power in range(-6, 6) for first in (1, 3)]
    ticks = [tick for tick in ticks if values.min() <= tick <= values.max()] or [float(values.min())]
    return {"tickvals": [float(np.log10(tick)) for tick in ticks], "ticktext": [f"{tick:g}" for tick in ticks]}


def _word(kind: Any) -> str:
    return f"{kind:.4g}" if isinstance(kind, float) else str(kind)
