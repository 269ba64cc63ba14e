"""What a run can be taken along as, by name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sae_core import tensorfile
from sae_core.export.pictures import film_gif, montage_png
from sae_core.export.report import report_html
from sae_core.export.saelens import saelens_files
from sae_core.export.tables import curves_csv, latents_csv
from sae_core.export.tensorboard import event_file
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError, RunWriteError, write_atomically, write_sentence
from sae_core.snapshot import Snapshot

__all__ = ["FORMATS", "ExportError", "Format", "export", "exported"]


class ExportError(RunError):
    """Why a run cannot be taken along like this: one sentence."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way; ``make`` gives the file's bytes."""

    label: str
    suffix: str
    mime: str
    make: Callable[[RunDirectory, Snapshot], bytes]


def exported(run: RunDirectory, name: str, step: int | None = None) -> bytes:
    """The file's bytes; ``step`` is a kept one, None the newest snapshot.

    Raises:
        ExportError: no such format, no snapshot, or this run cannot be expressed in it.
    """
    if name not in FORMATS:
        raise ExportError(f"There is no format {name!r}; there are {', '.join(FORMATS)}.")
    snapshot = run.snapshot() if step is None else run.snapshot_at(step)
    if snapshot is None:
        which = "yet" if step is None else f"of step {step}; it keeps {', '.join(map(str, run.history())) or 'none'}"
        raise ExportError(f"The run {run.id} has no snapshot {which}.")
    try:
        return FORMATS[name].make(run, snapshot)
    except ExportError:
        raise
    except RunError as error:
        raise ExportError(str(error)) from None


def export(run: RunDirectory, name: str, path: Path, step: int | None = None) -> Path:
    """Write the run as ``path``; of SAELens, whose form is a folder, as that folder. Returns where it is.

    Raises:
        ExportError: as `exported`.
        RunWriteError: the file cannot be written.
    """
    data = exported(run, name, step)
    try:
        if name == "saelens" and path.suffix != ".zip":
            path.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(io.BytesIO(data)) as folder:
                for one in folder.namelist():
                    write_atomically(path / one, folder.read(one))
        else:
            write_atomically(path, data)
    except OSError as error:
        raise RunWriteError(write_sentence(error, path)) from error
    return path


def _safetensors(_: RunDirectory, snapshot: Snapshot) -> bytes:
    """As `SparseAutoencoder.load` reads it."""
    arrays = {
        "W_enc": snapshot.encoder,
        "b_enc": snapshot.b_enc,
        "dictionary": snapshot.filters,
        "b_dec": snapshot.b_dec,
        **snapshot.extras,
    }
    return tensorfile.pack(arrays, {"schema": 1, "config": snapshot.config.model_dump()})


def _saelens(_: RunDirectory, snapshot: Snapshot) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, data in saelens_files(snapshot).items():
            folder.writestr(name, data)
    return out.getvalue()


BYTES = "application/octet-stream"

FORMATS: dict[str, Format] = {
    "html": Format("report (HTML, opens offline)", ".html", "text/html", report_html),
    "safetensors": Format("weights (safetensors)", ".safetensors", BYTES, _safetensors),
    "saelens": Format("weights for SAELens", ".saelens.zip", "application/zip", _saelens),
    "png": Format("filters (PNG)", ".png", "image/png", lambda _, s: montage_png(s.filters, s.image_shape)),
    "gif": Format("film of its training (GIF)", ".gif", "image/gif", lambda run, _: film_gif(run)),
    "csv": Format("curves (CSV)", ".csv", "text/csv", lambda run, _: curves_csv(run).encode()),
    "latents": Format("units (CSV)", ".latents.csv", "text/csv", lambda run, s: latents_csv(run, s).encode()),
    "tensorboard": Format(
        "scalars for TensorBoard", ".tfevents", "application/octet-stream", lambda r, _: event_file(r)
    ),
}
"""Every format by name."""
