"""How a run's codes became readable: the accuracy of `sae_core.probe.light` at every step the run has kept.

`sae_core.probe.run.extend_curve` measures what is missing and keeps it in the run's folder, a line a step:

    probe-curve.jsonl     {"step", "images", "accuracy"}, and once {"pixels": accuracy on the raw pixels}

A page reads it without torch: ``curve = ProbeCurve.load(run.path)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sae_core.runs.files import LineWriter, from_json, read_lines

__all__ = ["CurvePoint", "ProbeCurve", "keep"]

FILE = "probe-curve.jsonl"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Share of test images, of 1, whose class was read off the codes after so many steps and training images."""

    step: int
    images: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class ProbeCurve:
    """What has been measured of a run so far."""

    points: tuple[CurvePoint, ...] = ()
    """In order of step."""
    pixels: float | None = None
    """The same classifier on the raw pixels."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `keep` wrote; empty where nothing was. Lines of anything else are passed over."""
        points: dict[int, CurvePoint] = {}
        pixels = None
        for _, line in read_lines(folder / FILE)[0]:
            match from_json(line):
                case {"step": int(step), "images": int(images), "accuracy": float() | int() as accuracy}:
                    points[step] = CurvePoint(step, images, float(accuracy))
                case {"pixels": float() | int() as found}:
                    pixels = float(found)
        return cls(tuple(points[step] for step in sorted(points)), pixels)

    def missing(self, steps: Iterable[int]) -> list[int]:
        """Those of the steps that have not been measured."""
        known = {point.step for point in self.points}
        return sorted(set(steps) - known)


def keep(folder: Path, found: CurvePoint | float) -> None:
    """Add a point, or the accuracy on raw pixels.

    Raises:
        OSError: it cannot be written.
    """
    with LineWriter(folder / FILE) as log:
        log.append([asdict(found) if isinstance(found, CurvePoint) else {"pixels": found}])
