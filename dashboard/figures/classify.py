"""The Classify page's charts and lists: what a linear classifier makes of the codes, beside other features."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.style import BLUE, GREY, ORANGE, VERMILION, styled
from sae_core.probe import Kind, ProbeCurve, ProbeResult
from sae_core.snapshot import Snapshot

__all__ = ["carriers", "efficiency_figure", "figures_json", "training_figure", "verdict"]

KINDS: dict[str, tuple[str, str, str]] = {
    "codes": ("codes", BLUE, "circle"),
    "pixels": ("raw pixels", VERMILION, "square"),
    "pca": ("PCA", ORANGE, "diamond"),
    "random": ("random features", GREY, "x"),
}
CARRIERS = 10
"""Latents named for each class."""


def figures_json(figures: Mapping[str, go.Figure]) -> dict[str, dict[str, Any]]:
    """The page's charts as plotly JSON."""
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def training_figure(curve: ProbeCurve, note: str = "", *, at: int | None = None) -> go.Figure:
    """What a light probe reads off the codes of each kept step, against training images seen.

    ``at`` is how many the step had seen that is looked at; ``note`` says why there is no point, where there is none.
    """
    points = curve.points
    figure = go.Figure(
        go.Scatter(
            x=[max(1, point.images) for point in points],
            y=[point.accuracy for point in points],
            customdata=[point.step for point in points],
            name="codes",
            mode="lines+markers",
            line={"color": BLUE, "width": 2},
            marker={"size": 8},
            hovertemplate="step %{customdata:,}: %{y:.1%}",
        )
    )
    if points and curve.pixels is not None:
        figure.add_scatter(
            x=[max(1, points[0].images), max(1, points[-1].images)],
            y=[curve.pixels] * 2,
            name="raw pixels",
            mode="lines",
            line={"color": VERMILION, "width": 1.5, "dash": "dash"},
            hovertemplate="%{y:.1%}",
        )
    figure.update_xaxes(title="training images seen", type="log", tickformat="~s", dtick=1)
    figure.update_yaxes(title="test images read right", tickformat=".0%")
    if at is not None and points:
        line = {"color": GREY, "width": 1.5, "dash": "dot"}
        figure.add_shape(type="line", x0=max(1, at), x1=max(1, at), y0=0, y1=1, yref="paper", line=line)
    if not points:
        figure.update_xaxes(range=[2, 6], showticklabels=False, showgrid=False)
        figure.update_yaxes(range=[0, 1], showticklabels=False, showgrid=False)
        figure.add_annotation(x=0.5, y=0.5, xref="paper", yref="paper", text=note, showarrow=False)
    styled(
        figure,
        title="Accuracy over training (light probe on each kept step)",
        what="A light probe, fitted anew to the codes of each kept step, learns from 10,000 images in closed form and "
        "stays a few points below the whole one. Left, before anything is learned, the units are random features. "
        "Click a point to go to its step.",
        alt=f"Accuracy over training: {len(points)} kept steps"
        + (f", from {points[0].accuracy:.1%} to {points[-1].accuracy:.1%}" if points else ""),
    )
    return figure.update_layout(meta={**figure.layout.meta, "opens": "step"})


def efficiency_figure(probe: ProbeResult) -> go.Figure:
    """Test accuracy against labelled images per class, one curve for each kind of features."""
    figure = go.Figure()
    for kind in get_args(Kind):
        name, colour, symbol = KINDS[kind]
        scores = [probe.score(kind, count) for count in probe.counts]
        figure.add_scatter(
            x=[score.n_labelled / len(probe.class_names) for score in scores],
            y=[score.accuracy for score in scores],
            error_y={"type": "data", "array": [score.spread for score in scores], "thickness": 1, "width": 3},
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"symbol": symbol, "size": 8},
            hovertemplate="%{y:.1%}",
        )
    figure.update_xaxes(title="labelled images per class", type="log", tickformat="~s")
    figure.update_yaxes(title="test images read right", tickformat=".0%")
    return styled(
        figure,
        title="How far a few labels go",
        what="The same logistic regression on four kinds of features. Left, where labels are dear, good features count "
        f"most. Bars: ± one standard deviation over {probe.score('codes', probe.counts[0]).repeats} draws of labels.",
        alt="Test accuracy against the number of labels per class, for codes, raw pixels, PCA and random features",
    )


def verdict(probe: ProbeResult) -> str:
    """One plain sentence: how the codes did, first with few labels, then with all."""
    few = probe.counts[0]
    sentences = []
    for count in dict.fromkeys((few, probe.counts[-1])):
        codes, pixels = (probe.score(kind, count).accuracy for kind in ("codes", "pixels"))
        labels = f"{count:,} labels per class" if count is not None else f"all {probe.n_train:,} labels"
        word = "ahead of" if codes > pixels + 0.002 else "behind" if codes < pixels - 0.002 else "level with"
        sentences.append(f"with {labels} the codes read {codes:.1%} right, {word} raw pixels ({pixels:.1%})")
    text = "; ".join(sentences)
    return f"{text[0].upper()}{text[1:]}."


def carriers(weights: NDArray[np.float32], class_names: Sequence[str], snapshot: Snapshot) -> list[dict[str, Any]]:
    """For each class the latents that carry it: those that raise its logit most on its own images.

    ``weights`` (n_classes, n_latents) of a classifier on codes. weight[c, j] · (mean code of j on class c − mean code
    of j) is what latent j adds to logit c there, beyond what it adds on any image.
    Those that speak for a class by firing less for it than for others are not said to carry it.
    """
    census = snapshot.census
    if weights.shape != (len(class_names), len(census.mean)) or census.class_mean.shape[1] != len(class_names):
        return []
    lists = []
    for c, name in enumerate(class_names):
        push = weights[c] * np.maximum(census.class_mean[:, c] - census.mean, 0)
        best = np.argsort(-push, kind="stable")[:CARRIERS]
        best = best[push[best] > 0]
        lists.append(
            {
                "title": f"“{name}” is carried by",
                "what": "" if len(best) else "No unit: none fires more for it than for others.",
                "latents": best.tolist(),
                "values": [f"+{push[latent]:.2f}" for latent in best],
            }
        )
    return lists
