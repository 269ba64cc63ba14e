"""A path as a film: everything its dial shows, quantised once, so that a browser moves through it by itself.

    "PSF1" bytes (`sae_core.runs.frames`) with the arrays
    filters   (n_points, n_shown, height · width)   uint8, 128 is zero, each scaled by its own largest magnitude
    alive     (n_points, n_shown)                   uint8, 255 where the latent fires on some test image, else 0
    lit       (n_points, n_digits, n_shown)         uint8, 0 where it does not fire, 255 the digit's strongest
    x         (n_digits, height · width)            uint8
    x_hat     (n_points, n_digits, height · width)  uint8
    densities, activations   (n_points, n_bins)     float32, shares of the largest bin
    numbers   (n_points, 5)                         float32: value, L0, FVU, dead share, accuracy (NaN as −1)

256 latents, 12 points and 10 digits are 2.6 MB. Of wider models the 256 are shown that fire most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.config import Config
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError
from sae_core.runs.frames import encode_arrays
from sae_core.runs.path_file import PathPoint
from sae_core.sweep.whole import WholePath

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
    path = WholePath.open(run)
    held = [(half, point) for half, point in path.points() if _kept(half, point.step)]
    if not held:
        raise RunError(f"The path {path.run.id} has no point yet.")
    shots = [_shot(half.path, point.step) for half, point in held]
    earliest = min(range(len(held)), key=lambda at: (held[at][1].step, held[at][0] is not path.run))
    shown = _shown(shots[earliest], len(path.values))
    first, knob = shots[0], Config.knobs(run.config.method)[path.plan.knob]
    about = {
        "run": path.run.id,
        "knob": path.plan.knob,
        "label": knob.label,
        "values": [point.value for _, point in held],
        "planned": list(path.values),
        "first": path.values.index(held[0][1].value),
        "runs": [half.id for half, _ in held],
        "steps": [point.step for _, point in held],
        "shape": list(first.shape),
        "digits": list(first.digits),
        "latents": run.config.n_latents,
        "method": run.config.method,
        "dataset": run.config.dataset,
        "references": {name: list(map(dict, found)) for name, found in (references or {}).items()},
    }
    arrays: dict[str, NDArray[Any]] = {
        "filters": np.stack([shot.filters[shown] for shot in shots]),
        "alive": np.stack([((shot.density[shown] > 0) * 255).astype(np.uint8) for shot in shots]),
        "lit": np.stack([shot.lit[:, shown] for shot in shots]),
        "x": first.x,
        "x_hat": np.stack([shot.x_hat for shot in shots]),
        "densities": np.stack([shot.densities for shot in shots]),
        "activations": np.stack([shot.activations for shot in shots]),
        "numbers": np.array([_numbers(point) for _, point in held], dtype=np.float32),
    }
    return Film(about, arrays)


@dataclass(frozen=True, slots=True, eq=False)
class _Shot:
    """One point's snapshot, quantised: every latent."""

    shape: tuple[int, ...]
    digits: tuple[str, ...]
    density: NDArray[np.float32]
    filters: Bytes
    lit: Bytes
    x: Bytes
    x_hat: Bytes
    densities: NDArray[np.float32]
    activations: NDArray[np.float32]


def _kept(run: RunDirectory, step: int) -> bool:
    return _file(run.path, step).exists()


def _file(path: Path, step: int) -> Path:
    return path / "history" / f"snapshot-{step:012d}.safetensors"


def _shot(path: Path, step: int) -> _Shot:
    return _read_shot(path, step, _file(path, step).stat().st_mtime_ns)


@lru_cache(maxsize=2 * 60)
def _read_shot(path: Path, step: int, stamp: int) -> _Shot:  # noqa: ARG001 (the stamp is a part of the key)
    """Kept: while a path is trained its film is made anew with every point."""
    s = RunDirectory(path).snapshot_at(step)
    if s is None:
        raise RunError(f"The snapshot of step {step:,} of {path.name} has gone.")
    return _Shot(
        shape=s.image_shape[:2],
        digits=tuple(s.digits.names),
        density=s.census.density,
        filters=_signed(_flat(s.filters, s.image_shape)),
        lit=_lit(s.digits.codes),
        x=_grey(_flat(s.digits.x, s.image_shape)),
        x_hat=_grey(_flat(s.digits.x_hat, s.image_shape)),
        densities=_bars(s.densities.counts),
        activations=_bars(s.activations.counts),
    )


def _shown(earliest: _Shot, planned: int) -> NDArray[np.int64]:
    """Which latents are shown, in their own order: those that fire most at the point that was trained first."""
    height, width = earliest.shape
    room = max(16, min(MOST_SHOWN, MOST_BYTES // (planned * height * width)))
    return np.sort(np.argsort(-earliest.density, kind="stable")[:room])


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
