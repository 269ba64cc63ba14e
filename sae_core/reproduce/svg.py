"""A small chart as a file of its own: points and lines, no scripts, readable on light and dark paper."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

__all__ = ["Axis", "Series", "chart", "mosaic", "picture"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#999999", "#B8A500")
"""Okabe and Ito's; the last darkened, as yellow is lost on white."""

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 48, 56

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b2733 } .title { font-size: 16px; font-weight: 600 }
.grid { stroke: #d5dce3 } .paper { fill: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #e6ebf0 } .grid { stroke: #33404d } .paper { fill: #12171d } }
"""


@dataclass(frozen=True, slots=True)
class Axis:
    """A label with its unit, and whether the scale is logarithmic."""

    label: str
    log: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Points in a line; ``spread`` is a half-width for each, such as a standard deviation over seeds."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] = ()


def chart(title: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """The chart as SVG text."""
    places = _Scale([v for s in series for v in s.x], x.log, LEFT, WIDTH - RIGHT)
    ups = [v + e for s in series for v, e in zip(s.y, s.spread or [0.0] * len(s.y), strict=True)]
    downs = [v - e for s in series for v, e in zip(s.y, s.spread or [0.0] * len(s.y), strict=True)]
    heights = _Scale([*ups, *(d for d in downs if not y.log or d > 0)], y.log, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"',
        f' aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *_grid(places, heights, x, y),
    ]
    for i, one in enumerate(series):
        parts += _line(one, COLOURS[i % len(COLOURS)], places, heights, row=i)
    return "\n".join([*parts, "</svg>\n"])


class _Scale:
    """Values to pixels."""

    def __init__(self, values: Sequence[float], log: bool, start: float, end: float) -> None:
        self.log, self.start, self.end = log, start, end
        known = [self._at(v) for v in values if math.isfinite(v) and not (log and v <= 0)] or [0.0, 1.0]
        self.low, self.high = min(known), max(known)
        room = 0.04 * (self.high - self.low) or 0.5
        self.low, self.high = self.low - room, self.high + room

    def __call__(self, value: float) -> float:
        return self.start + (self._at(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values: 1, 2 and 5 times powers of ten."""
        if self.log:
            decades = range(math.floor(self.low), math.ceil(self.high) + 1)
            steps = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
            return [step for step in steps if self.low <= math.log10(step) <= self.high]
        raw = (self.high - self.low) / 6
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(size * digit for digit in (1, 2, 5, 10) if size * digit >= raw)
        return [float(v) for v in np.arange(math.ceil(self.low / step), math.floor(self.high / step) + 1) * step]

    def _at(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value


def _grid(places: _Scale, heights: _Scale, x: Axis, y: Axis) -> list[str]:
    parts = []
    for tick in places.ticks():
        at = places(tick)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in heights.ticks():
        at = heights(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x.label)}</text>')
    turned = f"rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2:.0f})"
    parts.append(
        f'<text x="18" y="{(TOP + HEIGHT - BOTTOM) / 2:.0f}" text-anchor="middle" transform="{turned}">'
        f"{escape(y.label)}</text>"
    )
    return parts


def _line(one: Series, colour: str, places: _Scale, heights: _Scale, row: int) -> list[str]:
    points = [(places(a), heights(b)) for a, b in zip(one.x, one.y, strict=True)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>']
    for (a, b), value, spread in zip(points, one.y, one.spread or [0.0] * len(points), strict=True):
        if spread:
            parts.append(
                f'<line x1="{a:.1f}" x2="{a:.1f}" y1="{heights(value - spread):.1f}" '
                f'y2="{heights(value + spread):.1f}" stroke="{colour}"/>'
            )
        parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.6" fill="{colour}"/>')
    at = TOP + 12 + 22 * row
    parts.append(f'<circle cx="{WIDTH - RIGHT + 18}" cy="{at - 4}" r="4.5" fill="{colour}"/>')
    parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{at}">{escape(one.name)}</text>')
    return parts


def mosaic(title: str, pictures: np.ndarray, columns: int = 5, pixel: int = 9) -> str:
    """Small pictures (n, height, width), each scaled to its own largest magnitude: orange above 0, blue below."""
    n, height, width = pictures.shape
    rows = -(-n // columns)
    step_x, step_y = (width + 1) * pixel, (height + 1) * pixel
    wide, high = columns * step_x + pixel, rows * step_y + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(wide, 620)} {high}" role="img"',
        f' aria-label="{escape(title)}" shape-rendering="crispEdges"><style>{STYLE}</style>',
        f'<rect class="paper" width="{max(wide, 620)}" height="{high}"/>',
        f'<text class="title" x="{pixel}" y="22">{escape(title)}</text>',
    ]
    for i, picture in enumerate(pictures):
        left, top = pixel + (i % columns) * step_x, 36 + (i // columns) * step_y
        scaled = picture / max(float(np.abs(picture).max()), 1e-12)
        for (row, column), value in np.ndenumerate(scaled):
            parts.append(
                f'<rect x="{left + column * pixel}" y="{top + row * pixel}" width="{pixel}" height="{pixel}" '
                f'fill="{_diverging(float(value))}"/>'
            )
    return "\n".join([*parts, "</svg>\n"])


def picture(title: str, png: bytes, width: int, height: int) -> str:
    """A PNG of ``width`` × ``height`` pixels under a title, inside the SVG: what a mosaic of many pixels is."""
    wide = max(width, 620) + 18
    data = b64encode(png).decode("ascii")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height + 46}" role="img"',
            f' aria-label="{escape(title)}"><style>{STYLE}</style>',
            f'<rect class="paper" width="{wide}" height="{height + 46}"/>',
            f'<text class="title" x="9" y="24">{escape(title)}</text>',
            f'<image x="9" y="37" width="{width}" height="{height}" href="data:image/png;base64,{data}"/>',
            "</svg>\n",
        ]
    )


def _diverging(value: float) -> str:
    """White at 0, orange at 1, blue at −1."""
    end = (224, 130, 20) if value > 0 else (33, 102, 172)
    mixed = [round(247 + (channel - 247) * abs(value)) for channel in end]
    return "#{:02x}{:02x}{:02x}".format(*mixed)
