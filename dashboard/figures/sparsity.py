"""The Sparsity page's charts and what they mean in words: how many units an image lights, how many images a unit.

Traces with ``meta={"survey": [x, y]}`` are filled in the browser from the survey of the test set; a point's
``customdata`` is its latent. Shapes as in `Snapshot` and `Census`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.figures.style import BLUE, GREY, ORANGE, SKY, VERMILION, styled
from sae_core.metrics import DENSE, DENSITY_EDGES, density_histogram
from sae_core.snapshot import Snapshot
from sae_core.sparsity import METHODS

__all__ = ["Kinds", "kinds_of", "kl_figure", "sparsity_figures"]

Floats = NDArray[Any]

SVG_POINTS = 4_096

SHARES = [1e-4, 1e-3, 3e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0]
"""Where a logarithmic axis of shares is named: closer together where most latents are."""

LEFTMOST = 10**-4.6
"""Where latents that never fire stand on a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """Latents by how often they fire on the test set, each an array of their numbers, the most telling first."""

    dead: NDArray[np.int64]
    dense: NDArray[np.int64]
    between: NDArray[np.int64]


def kinds_of(density: Floats) -> Kinds:
    """Dead: never; dense: on more than `DENSE` of the images, the densest first; between: all others."""
    dense = np.flatnonzero(density > DENSE)
    return Kinds(
        dead=np.flatnonzero(density == 0),
        dense=dense[np.argsort(-density[dense], kind="stable")],
        between=np.flatnonzero((density > 0) & (density <= DENSE)),
    )


def sparsity_figures(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """The page's charts as plotly JSON, in the order they stand on it."""
    figures = {
        "population": population_figure(snapshot),
        "lifetime": lifetime_figure(snapshot),
        "magnitudes": magnitude_figure(snapshot),
        "scatter": scatter_figure(snapshot),
    }
    if snapshot.config.activation == "sigmoid" and "rho" in METHODS[snapshot.config.method].knobs:
        figures["kl"] = kl_figure(snapshot)
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def population_figure(snapshot: Snapshot) -> go.Figure:
    """Population sparsity: test images by how many latents fire for them."""
    figure = go.Figure(
        go.Bar(
            meta={"survey": ["l0_counts_x", "l0_counts"]},
            x=[],
            y=[],
            marker_color=BLUE,
            hovertemplate="%{y:.0f} images light %{x} units<extra></extra>",
        )
    )
    figure.update_xaxes(title="units lit", rangemode="tozero")
    figure.update_yaxes(title="test images", rangemode="tozero")
    return styled(
        figure,
        title=f"How many units an image lights ({snapshot.census.l0:.1f} on average, of {len(snapshot.filters):,})",
        what=_population_words(snapshot.census.l0, len(snapshot.filters)),
        alt="Histogram of the test images by how many units fire for them",
    )


def _population_words(l0: float, n: int) -> str:
    if l0 == 0:
        return "Nothing lights up for any image: the code says nothing. Lower the dial, or begin anew with a warm-up."
    share = l0 / n
    if share > 0.5:
        return (
            "Most units light up for every image, so none stands for anything in particular. "
            "Raise the dial and watch the bars move left."
        )
    if l0 < 3:
        return "So few units per image can only say what kind of digit it is. Lower the dial and details come back."
    return (
        f"An image is told by {share:.0%} of the units. Images at the right need many parts; "
        "raise the dial for fewer and larger parts, lower it for finer ones."
    )


def lifetime_figure(snapshot: Snapshot) -> go.Figure:
    """Lifetime sparsity: latents by the share of test images on which they fire, the first bin for never."""
    density = snapshot.census.density
    found = density_histogram(density, density == 0)
    figure = go.Figure(
        go.Bar(
            x=((found.edges[1:] + found.edges[:-1]) / 2).tolist(),
            y=found.counts.tolist(),
            width=(np.diff(found.edges) * 0.92).tolist(),
            marker_color=[GREY] + [BLUE if edge < np.log10(DENSE) - 1e-6 else ORANGE for edge in DENSITY_EDGES[1:-1]],
            hovertemplate="%{y:.0f} units<extra></extra>",
        )
    )
    ticks = [-5.125, -4, -3, -2, -1, 0]
    figure.update_xaxes(
        title="share of images a unit fires on",
        tickvals=ticks,
        ticktext=["never", "0.01%", "0.1%", "1%", "10%", "all"],
        range=[-5.3, 0.05],
    )
    figure.update_yaxes(title="units", rangemode="tozero")
    return styled(
        figure,
        title="How many images light a unit (log scale; grey: never, orange: dense)",
        what=_lifetime_words(kinds_of(density), len(density)),
        alt="Histogram of the units by the share of test images on which they fire, on a logarithmic axis",
    )


def _lifetime_words(kinds: Kinds, n: int) -> str:
    if len(kinds.dead) == n:
        return "Every unit is dead. The penalty came too hard too soon: begin anew, with it lower or warmed up longer."
    if len(kinds.dead) > 0.1 * n:
        return (
            f"{len(kinds.dead):,} of {n:,} units never fire: they cost room and do nothing. "
            "Lower the dial (some may come back), warm it up longer, or train fewer units."
        )
    if len(kinds.dense) > 0.5 * n:
        return "Most units are dense: they fire for more than a quarter of all images. Raise the dial for specialists."
    return (
        f"Left are specialists, right are units that fire for nearly all; {len(kinds.dense):,} of {n:,} are dense. "
        f"A sparse code that works has its hill between 0.1% and {DENSE:.0%}."
    )


def magnitude_figure(snapshot: Snapshot) -> go.Figure:
    """Magnitudes of the codes that fire, over all test images and latents."""
    sigmoid = snapshot.config.activation == "sigmoid"
    figure = go.Figure(
        go.Bar(
            meta={"survey": ["code_centres", "code_counts"]},
            x=[],
            y=[],
            marker_color=SKY,
            hovertemplate="%{y:.0f} codes near %{x:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(title="activation", rangemode="tozero")
    figure.update_yaxes(title="codes that fire", tickformat="~s", rangemode="tozero")
    what = (
        "Sigmoid codes are never exactly 0: what is below 0.1 counts as silent and is left out. Codes in the middle "
        "are units that cannot decide; a larger β pushes most of them to the left."
        if sigmoid
        else "Zeros are left out. Many small codes are doubts that explain little: L1 shrinks all codes "
        "alike, TopK and JumpReLU cut the small ones off and leave the large ones as they are."
    )
    return styled(
        figure,
        title="How strongly units fire (codes on the test set)",
        what=what,
        alt="Histogram of the activations that fire, over all test images and units",
    )


def scatter_figure(snapshot: Snapshot) -> go.Figure:
    """Each latent by how often and, where it fires, how strongly it does."""
    density = np.asarray(snapshot.census.density, np.float64)
    strength = np.asarray(snapshot.census.mean, np.float64) / np.maximum(density, 1e-12)
    strength = np.where(density > 0, strength, 0.0)
    kinds = kinds_of(density)
    figure = go.Figure()
    groups = [("between", kinds.between, BLUE, "circle"), ("dense", kinds.dense, ORANGE, "diamond"),
              ("dead", kinds.dead, GREY, "x")]  # fmt: skip
    for name, latents, colour, symbol in groups:
        if not len(latents):
            continue
        _points(figure, len(density))(
            x=np.maximum(density[latents], LEFTMOST).tolist(),
            y=strength[latents].tolist(),
            customdata=latents.tolist(),
            name=f"{name} ({len(latents):,})",
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.75},
            hovertemplate="unit %{customdata}: fires on %{x:.2%}<br>%{y:.2f} where it does<extra></extra>",
        )
    figure.update_xaxes(
        title="share of images it fires on",
        type="log",
        tickvals=SHARES,
        ticktext=[f"{100 * share:g}%" for share in SHARES],
    )
    figure.update_yaxes(title="mean activation where it fires", rangemode="tozero")
    figure = styled(
        figure,
        title="Each unit: how often against how strongly (click, or arrow keys and Enter, open one)",
        what="Rare and strong at the upper left: whole shapes. Frequent and weak at the lower right: parts that many "
        "digits share. A unit that is frequent and strong does what a bias could do.",
        alt="Scatter plot of all units: share of test images on which each fires against its mean activation there",
    )
    figure.update_layout(hovermode="closest", meta={**figure.layout.meta, "opens": "latent"})
    return figure


def _points(figure: go.Figure, n: int) -> Callable[..., go.Figure]:
    """How so many points are best drawn: WebGL takes a while to start, and pays from some thousands on."""
    add: Callable[..., go.Figure] = figure.add_scattergl if n > SVG_POINTS else figure.add_scatter
    return add


def kl_figure(snapshot: Snapshot) -> go.Figure:
    """KL(ρ ‖ ρ̂) in nats against ρ̂, with each latent's mean activation on it (Ng, CS294A lecture notes, 2011)."""
    rho = snapshot.config.rho
    mean = np.clip(np.asarray(snapshot.census.mean, np.float64), 1e-6, 1 - 1e-6)
    curve = np.geomspace(1e-3, 0.98, 160)
    figure = go.Figure()
    figure.add_scatter(
        x=curve.tolist(),
        y=_kl(rho, curve).tolist(),
        name="the price of ρ̂",
        mode="lines",
        line={"color": VERMILION, "width": 2},
        hoverinfo="skip",
    )
    _points(figure, len(mean))(
        x=mean.tolist(),
        y=_kl(rho, mean).tolist(),
        customdata=list(range(len(mean))),
        name="units",
        mode="markers",
        marker={"color": BLUE, "size": 7, "opacity": 0.6},
        hovertemplate="unit %{customdata}: ρ̂ = %{x:.3f}, costs %{y:.3f} nats<extra></extra>",
    )
    figure.add_vline(x=rho, line={"color": GREY, "dash": "dot"})
    figure.add_annotation(
        x=float(np.log10(rho)), y=1, yref="paper", text=f"ρ = {rho:g}", showarrow=False, xanchor="left"
    )
    around = [min(rho, float(mean.min())) / 3, min(0.98, 3 * max(rho, float(mean.max())))]
    figure.update_xaxes(title="mean activation ρ̂", type="log", range=np.log10(around).tolist(), dtick="D2")
    figure.update_yaxes(title="KL(ρ ‖ ρ̂), nats", range=[-0.01, max(0.05, 2.5 * float(_kl(rho, mean).max()))])
    away = float(np.mean(mean))
    figure = styled(
        figure,
        title=f"Mean activation ρ̂ of each unit against the target ρ (their mean is {away:.3f})",
        what="Each dot is a unit on the curve it pays by. Left of ρ a unit is too quiet, right of it too busy; "
        + (
            "they are far above ρ: raise β, or give it longer."
            if away > 2 * rho
            else "they sit near the bottom, so β does its work; a smaller ρ asks for rarer firing."
        ),
        alt="The KL divergence as a function of the mean activation, with every unit marked on the curve",
    )
    figure.update_layout(hovermode="closest", meta={**figure.layout.meta, "opens": "latent"})
    return figure


def _kl(rho: float, rho_hat: Floats) -> Floats:
    divergence: Floats = rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
    return divergence
