"""Snapshots as files: safetensors for the arrays, JSON in their metadata for the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sae_core.config import Config
from sae_core.runs.files import RunError
from sae_core.runs.rows import row_fields, row_from_fields
from sae_core.snapshot import Census, Digits, Histogram, Snapshot

__all__ = ["load_snapshot", "metadata", "snapshot_from_bytes", "snapshot_to_bytes"]

SCHEMA = 1
"""Of the snapshot file; a larger number in a file means a newer Penstroke wrote it."""

EXTRA = "extra."
"""Before the names of the method's own tensors."""


def snapshot_to_bytes(snapshot: Snapshot) -> bytes:
    """The snapshot as a safetensors file."""
    census = snapshot.census
    arrays: dict[str, NDArray[Any]] = {
        "filters": snapshot.filters,
        "encoder": snapshot.encoder,
        "b_enc": snapshot.b_enc,
        "b_dec": snapshot.b_dec,
        "density": snapshot.density,
        "dead": snapshot.dead,
        "activations.edges": snapshot.activations.edges,
        "activations.counts": snapshot.activations.counts,
        "densities.edges": snapshot.densities.edges,
        "densities.counts": snapshot.densities.counts,
        "digits.x": snapshot.digits.x,
        "digits.x_hat": snapshot.digits.x_hat,
        "digits.codes": snapshot.digits.codes,
        "digits.fvu": snapshot.digits.fvu,
        "digits.l0": snapshot.digits.l0,
        "census.density": census.density,
        "census.mean": census.mean,
        "census.class_mean": census.class_mean,
        "census.top_images": census.top_images,
        "census.top_codes": census.top_codes,
        "census.numbers": np.array([census.n_images, census.fvu, census.l0, census.l1, census.dead_fraction]),
    }
    arrays |= {EXTRA + name: array for name, array in snapshot.extras.items()}
    about = {
        "config": snapshot.config.model_dump(),
        "row": row_fields(snapshot.row),
        "image_shape": list(snapshot.image_shape),
        "digit_names": list(snapshot.digits.names),
    }
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(contiguous, {"schema": str(SCHEMA), "snapshot": json.dumps(about, allow_nan=False)})


def metadata(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file.

    Raises:
        ValueError: it is not one.
    """
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError("it is cut short")
    header = json.loads(data[8 : 8 + length])
    found = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return found if isinstance(found, dict) else {}


def snapshot_from_bytes(data: bytes) -> Snapshot:
    """The snapshot in a file's bytes.

    Raises:
        ValueError: it is damaged, or of a newer schema (a sentence).
    """
    try:
        text = metadata(data)
        if int(text["schema"]) > SCHEMA:
            raise RunError(f"A newer Penstroke wrote it (schema {text['schema']}, this one reads {SCHEMA}).")
        return _assemble(load(data), json.loads(text["snapshot"]))
    except RunError:
        raise
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"It is damaged ({type(error).__name__}: {error}).") from None


def _assemble(arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> Snapshot:
    n_images, fvu, l0, l1, dead_fraction = (float(number) for number in arrays["census.numbers"])
    return Snapshot(
        config=Config(**about["config"]),
        row=row_from_fields(about["row"]),
        image_shape=tuple(about["image_shape"]),
        filters=arrays["filters"],
        encoder=arrays["encoder"],
        b_enc=arrays["b_enc"],
        b_dec=arrays["b_dec"],
        digits=Digits(
            x=arrays["digits.x"],
            x_hat=arrays["digits.x_hat"],
            codes=arrays["digits.codes"],
            names=tuple(about["digit_names"]),
            fvu=arrays["digits.fvu"],
            l0=arrays["digits.l0"],
        ),
        density=arrays["density"],
        dead=arrays["dead"],
        activations=Histogram(arrays["activations.edges"], arrays["activations.counts"]),
        densities=Histogram(arrays["densities.edges"], arrays["densities.counts"]),
        census=Census(
            n_images=int(n_images),
            fvu=fvu,
            l0=l0,
            l1=l1,
            dead_fraction=dead_fraction,
            density=arrays["census.density"],
            mean=arrays["census.mean"],
            class_mean=arrays["census.class_mean"],
            top_images=arrays["census.top_images"],
            top_codes=arrays["census.top_codes"],
        ),
        extras={name.removeprefix(EXTRA): array for name, array in arrays.items() if name.startswith(EXTRA)},
    )


def load_snapshot(path: Path) -> Snapshot | None:
    """The snapshot in a file, read by copy so that nobody waits to replace it; None where there is none.

    Raises:
        RunError: the file is damaged, or a newer Penstroke wrote it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path.name} of {path.parent.name} cannot be read: {error.strerror or error}.") from None
    try:
        return snapshot_from_bytes(data)
    except RunError as error:
        raise RunError(f"{path.name} of {path.parent.name} cannot be read: {error}") from None
