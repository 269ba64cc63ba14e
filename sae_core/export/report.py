"""A run as one HTML file: opens by a double click, offline, with no script and no server."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from sae_core.data import DataError, load_images
from sae_core.export.pictures import grey_png, montage, montage_png, png
from sae_core.export.saelens import penalty_elsewhere
from sae_core.lens.latents import selectivity
from sae_core.runs.directory import RunDirectory
from sae_core.runs.notes import read_notes
from sae_core.runs.rows import drop_superseded
from sae_core.snapshot import Snapshot

__all__ = ["report_html"]

N_UNITS, N_IMAGES = 40, 8
"""Units described one by one, and images for each."""

CURVES = {"fvu": "unexplained (FVU)", "l0": "lit per image (L0)", "dead_fraction": "dead (share)"}

WHAT = (
    "Every hidden unit's filter: what it adds to an image when it fires. Vermilion adds ink, blue takes it away; each "
    "is scaled by its own strongest pixel."
)


def report_html(run: RunDirectory, snapshot: Snapshot) -> bytes:
    """The report of a snapshot of the run."""
    census, row = snapshot.census, snapshot.row
    facts = [
        ("measured on", f"{census.n_images:,} test images"),
        ("explained", f"{max(0.0, 1 - census.fvu):.1%} (FVU {census.fvu:.4f})"),
        ("lit per image", f"{census.l0:.1f} of {len(snapshot.filters):,} (L0)"),
        ("dead", f"{census.dead_fraction:.1%}"),
        ("trained", f"{row.step:,} steps, {row.images:,} images, {row.epoch:.2f} epochs"),
        ("begun", run.meta.created),
        *_penalty(snapshot),
        *((name, str(value)) for name, value in snapshot.config.model_dump().items() if value is not None),
    ]
    body = [
        f"<h1>{escape(run.id)}</h1>",
        f"<p>A sparse autoencoder of {escape(snapshot.config.dataset)}, by Penstroke, as of step {row.step:,}.</p>",
        "<h2>What it has learned</h2>",
        _image(montage_png(snapshot.filters, snapshot.image_shape), "All filters", "wide"),
        f"<p class=what>{WHAT}</p>",
        "<h2>In and out</h2>",
        _digits(snapshot),
        "<h2>How it got there</h2>",
        _curves(run),
        "<h2>Its strongest units</h2>",
        _units(run, snapshot),
        "<h2>The run</h2>",
        "<table>",
        *(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts),
        "</table>",
        "<h2>The same again</h2>",
        f"<pre>{escape(_again(run))}</pre>",
    ]
    title = f"{escape(run.id)}: a sparse autoencoder"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    icon = '<link rel="icon" href="data:,">'
    head += f"{icon}<style>{STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>'.encode()


def _penalty(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The penalty weight as SAELens and dictionary_learning count it."""
    config = snapshot.config
    if config.method not in {"l1", "gated"}:
        return []
    try:
        variance = load_images(config.dataset, download=False).variance
    except (DataError, ValueError):
        return []
    elsewhere = f"{penalty_elsewhere(config.penalty_weight, variance):.3g}"
    return [("penalty weight in SAELens' and dictionary_learning's units", elsewhere)]


def _image(data: bytes, alt: str, kind: str = "") -> str:
    return f'<img class="{kind}" alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def _digits(snapshot: Snapshot) -> str:
    digits, shape = snapshot.digits, snapshot.image_shape
    cells = [
        f"<figure>{_image(grey_png(digits.x[i], shape), f'{name}, as it is')}"
        f"{_image(grey_png(digits.x_hat[i], shape), f'{name}, reconstructed')}"
        f"<figcaption>{escape(name)}<br>{max(0.0, 1 - float(digits.fvu[i])):.0%}, {int(digits.l0[i])} lit</figcaption>"
        "</figure>"
        for i, name in enumerate(digits.names)
    ]
    return f"<div class=row>{''.join(cells)}</div>"


def _curves(run: RunDirectory) -> str:
    rows = drop_superseded(run.rows()[0])
    plots = [_curve(rows, name, title) for name, title in CURVES.items()]
    return f"<div class=row>{''.join(plots)}</div>"


def _curve(rows: Sequence[dict[str, object]], name: str, title: str, width: int = 320, height: int = 150) -> str:
    points = [(row["images"], row.get(name)) for row in rows]
    known = [(float(x), float(y)) for x, y in points if isinstance(x, int | float) and isinstance(y, int | float)]
    if len(known) < 2:
        return ""
    xs, ys = np.array(known).T
    top = float(ys.max()) or 1.0
    places = zip(40 + (width - 50) * xs / (xs.max() or 1.0), height - 22 - (height - 34) * ys / top, strict=True)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in _thinned(list(places)))
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)} over images seen">'
        f'<path d="M40 8V{height - 22}H{width - 8}" class="axis"/><polyline points="{line}"/>'
        f'<text x="36" y="16" text-anchor="end">{top:.3g}</text>'
        f'<text x="36" y="{height - 22}" text-anchor="end">0</text>'
        f'<text x="{width - 8}" y="{height - 6}" text-anchor="end">{xs.max():,.0f} images</text></svg>'
        f"<figcaption>{escape(title)}: {ys[-1]:.3g} at the end</figcaption></figure>"
    )


def _thinned(points: list[tuple[float, float]], most: int = 400) -> Iterable[tuple[float, float]]:
    return points if len(points) <= most else [points[round(i)] for i in np.linspace(0, len(points) - 1, most)]


def _units(run: RunDirectory, snapshot: Snapshot) -> str:
    census, notes = snapshot.census, read_notes(run.path)
    try:
        images = load_images(snapshot.config.dataset, download=False)
        test, names = images.test, images.class_names if images.test_labels is not None else ()
    except (DataError, ValueError):  # the pictures of data that is elsewhere are left out
        test, names = None, ()
    best, how = selectivity(census.class_mean)
    chosen = [int(i) for i in np.argsort(-census.mean, kind="stable")[:N_UNITS] if census.density[i] > 0]
    if not chosen:
        return "<p>All units are dead: no test image fires any of them.</p>"
    cells = []
    for i in chosen:
        tile = png(montage(snapshot.filters[i : i + 1], snapshot.image_shape, 1), 2)
        tops = [int(k) for k in census.top_images[i][:N_IMAGES] if k >= 0] if test is not None else []
        strip = "".join(_top_image(test[k], snapshot.image_shape, k) for k in tops if test is not None)
        kind = f", mostly for {escape(str(names[best[i]]))} (selectivity {how[i]:.2f})" if len(names) > 1 else ""
        label = f"<br>{escape(notes[i].label)}" if i in notes and notes[i].label else ""
        cells.append(
            f"<div class=unit>{_image(tile, f'Filter of unit {i}', 'filter')}<div><b>unit {i}</b>: fires on "
            f"{census.density[i]:.1%} of images{kind}{label}<div class=strip>{strip}</div></div></div>"
        )
    return f"<div class=units>{''.join(cells)}</div>"


def _top_image(x: NDArray[np.float32], image_shape: tuple[int, ...], index: int) -> str:
    return _image(grey_png(x, image_shape), f"test image {index}")


def _again(run: RunDirectory) -> str:
    return (
        f"penstroke evaluate {run.id}\npenstroke export {run.id} --format html\n\n"
        f"from sae_core import Run\nrun = Run.open({run.id!r})\nsnapshot, curves = run.snapshot(), run.metrics"
    )


STYLE = """
body{font:16px/1.45 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1b2733;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}img{image-rendering:pixelated}img.wide{width:100%;max-width:900px}
.what,figcaption{color:#555;font-size:.85rem}.row{display:flex;flex-wrap:wrap;gap:12px}figure{margin:0}
.row figure img{width:64px;display:block;border:1px solid #d5dce3;margin-bottom:3px}
svg{width:320px;max-width:100%}svg polyline{fill:none;stroke:#0072b2;stroke-width:2}svg .axis{fill:none;stroke:#999}
svg text{font-size:11px;fill:#555}
.units{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:14px}
.unit{display:flex;gap:10px}.filter{width:64px;height:64px}.strip{display:flex;flex-wrap:wrap;gap:2px;margin-top:4px}
.strip img{width:28px}
table{border-collapse:collapse}th{text-align:left;font-weight:500;padding:2px 14px 2px 0;color:#555}
pre{background:#f4f6f8;padding:12px;border-radius:6px;white-space:pre-wrap}
"""
