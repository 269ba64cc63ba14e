"""A latent's life story, read off what the lens found in the run's kept snapshots; plain numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sae_core.lens.answers import Life

__all__ = ["ALIKE", "SURE", "TWIN", "Happening", "births", "happenings", "silences"]

ALIKE = 0.7
"""Cosine with what it is now from which on a filter counts as itself, as for a shared feature (`match.SHARED`)."""

SURE = 5.0
"""Images on which a latent was to be expected to fire before its silence means something: chance is e⁻⁵, under 1%."""

TWIN = 0.9
"""Cosine of two filters from which on they count as duplicates."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that had happened by the snapshot of ``step``, and not by the one before."""

    step: int
    images: int
    what: Literal["born", "died", "revived", "duplicated", "parted"]
    other: int | None = None
    """The duplicate."""


def births(life: Life) -> NDArray[np.int64]:
    """(L,) the snapshot from which on each filter has stayed what it is in the last one: its index in ``steps``."""
    strange = life.likeness < ALIKE
    last = len(life.steps) - 1 - np.argmax(strange[::-1], axis=0)
    return np.where(strange.any(axis=0), np.minimum(last + 1, len(life.steps) - 1), 0)


def happenings(life: Life, latent: int) -> list[Happening]:
    """Its story, in order: born when its filter became what it is; died and revived by the test set; duplicates."""
    silent, twin = silences(life, latent), life.twin_cosine[:, latent] >= TWIN
    found: list[Happening] = []

    def happened(i: int, what: Literal["born", "died", "revived", "duplicated", "parted"], other: int | None) -> None:
        found.append(Happening(int(life.steps[i]), int(life.images[i]), what, other))

    for i in range(len(life.steps)):
        if silent[i] != (i > 0 and silent[i - 1]):
            happened(i, "died" if silent[i] else "revived", None)
        if twin[i] and (not i or not twin[i - 1]):
            happened(i, "duplicated", int(life.twin[i, latent]))
        elif i and twin[i - 1] and not twin[i]:
            happened(i, "parted", int(life.twin[i - 1, latent]))
    if len(life.steps) and not life.dead[-1, latent]:
        birth = int(births(life)[latent])
        found.append(Happening(int(life.steps[birth]), int(life.images[birth]), "born"))
    return sorted(found, key=lambda one: (one.step, one.what != "born"))


def silences(life: Life, latent: int) -> list[bool]:
    """Whether it had gone silent by each snapshot: it fired on no image, where `SURE` were to be expected.

    Few images say little of a latent that fires for few: silence counts from where (density when it last fired) ×
    (images looked at since) reaches `SURE`. One that never fired is silent.
    """
    silent: list[bool] = []
    density, seen = np.inf, 0
    for density_now, n in zip(life.density[:, latent], life.n_images, strict=True):
        if density_now > 0:
            density, seen = float(density_now), 0
        else:
            seen += int(n)
        silent.append(density_now == 0 and (density * seen >= SURE or silent[-1:] == [True]))
    return silent
