"""Tables of a run: its curves, and a row for each latent."""

from __future__ import annotations

import csv
import io

import numpy as np

from sae_core.lens.latents import selectivity
from sae_core.runs.directory import RunDirectory
from sae_core.runs.notes import read_notes
from sae_core.runs.rows import COLUMNS, drop_superseded
from sae_core.snapshot import Snapshot

__all__ = ["curves_csv", "latents_csv"]


def curves_csv(run: RunDirectory) -> str:
    """A line for each point of the curves; rows that a crash superseded are left out."""
    rows = drop_superseded(run.rows()[0])
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def latents_csv(run: RunDirectory, snapshot: Snapshot) -> str:
    """A line for each latent: density, mean, strength, selectivity, class, bias, norm, label."""
    census, notes = snapshot.census, read_notes(run.path)
    best, how = selectivity(census.class_mean)
    norms = np.linalg.norm(snapshot.filters, axis=1)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["latent", "density", "mean", "strength", "class", "selectivity", "bias", "norm", "label"])
    for i, (density, mean) in enumerate(zip(census.density.tolist(), census.mean.tolist(), strict=True)):
        strength = mean / density if density else 0.0
        label = notes[i].label if i in notes else ""
        label = f"'{label}" if label[:1] in set("=+-@") else label  # a spreadsheet would take it for a formula
        kind = int(best[i]) if density and best[i] >= 0 else ""
        writer.writerow(
            [i, density, mean, strength, kind, float(how[i]), float(snapshot.b_enc[i]), float(norms[i]), label]
        )
    return out.getvalue()
