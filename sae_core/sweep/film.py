"""A path as a film: everything its dial shows, quantised once, so that a browser moves through it by itself.

    "PSF1" bytes (`sae_core.runs.frames`) with the arrays
    filters   (n_points, n_shown, height · width)   uint8, 128 is zero, each scaled by its own largest magnitude
    alive     (n_points, n_shown)                   uint8, 255 where the latent fires on some test image, else 0
    lit       (n_points, n_digits, n_shown)         uint8, 0 where it does not fire, 255 the digit's strongest
    x         (n_digits, height · width)            uint8
    x_hat     (n_points, n_digits, height · width)  uint8
    densities, activations   (n_points, n_bins)     float32, shares of the largest bin
    numbers   (n_points, 5)                         float32: value, L0, FVU, dead share, accuracy (NaN as −1)

256 latents, 12 points and 10 digits are 2.6 MB. Of wider models the 256 are shown that fire most along the path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.config import Config
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.frames import encode_arrays
from sae_core.runs.path_file import PathPoint, read_path, read_points
from sae_core.snapshot import Snapshot

__all__ = ["MOST_BYTES", "Film", "make_film"]

MOST_SHOWN = 256
MOST_BYTES = 2_700_000
"""Of the filters: base64 makes 3.6 MB of it, and a file of 5 MB has room for the rest."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Film:
    """What the dial shows."""

    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """For the browser."""
        return encode_arrays(self.about, self.arrays)


def make_film(run: RunDirectory, references: Mapping[str, Sequence[Mapping[str, float]]] | None = None) -> Film:
    """The film of the points there are so far.

    Raises:
        RunError: it is no path, or has no point yet.
    """
    plan, points = read_path(run.path), read_points(run.path)
    if plan is None:
        raise RunError(f"The run {run.id} is no path.")
    shots = [(point, snapshot) for point in points if (snapshot := run.snapshot_at(point.step)) is not None]
    if not shots:
        raise RunError(f"The path {run.id} has no point yet.")
    snapshots = [snapshot for _, snapshot in shots]
    shown = _shown(snapshots, len(plan.values))
    first, knob = snapshots[0], Config.knobs(run.config.method)[plan.knob]
    about = {
        "run": run.id,
        "knob": plan.knob,
        "label": knob.label,
        "values": [point.value for point, _ in shots],
        "planned": list(plan.values),
        "steps": [point.step for point, _ in shots],
        "shape": list(first.image_shape[:2]),
        "digits": list(first.digits.names),
        "latents": run.config.n_latents,
        "method": run.config.method,
        "dataset": run.config.dataset,
        "references": {name: list(map(dict, found)) for name, found in (references or {}).items()},
    }
    arrays: dict[str, NDArray[Any]] = {
        "filters": np.stack([_signed(_flat(s.filters[shown], s.image_shape)) for s in snapshots]),
        "alive": np.stack([((s.census.density[shown] > 0) * 255).astype(np.uint8) for s in snapshots]),
        "lit": np.stack([_lit(s.digits.codes[:, shown]) for s in snapshots]),
        "x": _grey(_flat(first.digits.x, first.image_shape)),
        "x_hat": np.stack([_grey(_flat(s.digits.x_hat, s.image_shape)) for s in snapshots]),
        "densities": np.stack([_bars(s.densities.counts) for s in snapshots]),
        "activations": np.stack([_bars(s.activations.counts) for s in snapshots]),
        "numbers": np.array([_numbers(point) for point, _ in shots], dtype=np.float32),
    }
    return Film(about, arrays)


def _shown(snapshots: Sequence[Snapshot], planned: int) -> NDArray[np.int64]:
    """Which latents are shown, in their own order."""
    height, width = snapshots[0].image_shape[:2]
    room = max(16, min(MOST_SHOWN, MOST_BYTES // (planned * height * width)))
    used = np.max([snapshot.census.density for snapshot in snapshots[:1]], axis=0)
    return np.sort(np.argsort(-used, kind="stable")[:room])


def _flat(images: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Colour pictures as grey ones: (n, height · width)."""
    if len(shape) < 3:
        return images
    grey: NDArray[np.float32] = images.reshape(len(images), shape[0] * shape[1], -1).mean(axis=2)
    return grey


def _signed(rows: NDArray[np.float32]) -> Bytes:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scaled = rows / np.where(largest > 0, largest, 1)
    return (np.rint(scaled * 127) + 128).astype(np.uint8)


def _grey(images: NDArray[np.float32]) -> Bytes:
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def _lit(codes: NDArray[np.float32]) -> Bytes:
    strongest = codes.max(axis=1, keepdims=True)
    shares = np.clip(codes, 0, None) / np.where(strongest > 0, strongest, 1)
    return np.minimum(np.ceil(255 * shares), 255).astype(np.uint8)


def _bars(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    return (counts / max(float(counts.max()), 1e-9)).astype(np.float32)


def _numbers(point: PathPoint) -> tuple[float, ...]:
    accuracy = -1.0 if point.accuracy is None else point.accuracy
    return point.value, point.l0, point.fvu, point.dead_fraction, accuracy
