"""A student's exercise to try the check on, with one of the mistakes or none."""

from __future__ import annotations

import numpy as np

from sae_core.data.patches import normalise, photographs, sample
from sae_core.textbook.cost import COURSE, Array, Knobs, cost_and_gradient, start
from sae_core.textbook.mistakes import Mistake

__all__ = ["example"]

N_HIDDEN = 25
N = 2_000


def example(mistake: Mistake | None = None, seed: int = 0) -> dict[str, Array]:
    """``theta``, ``patches`` (64, 2000) and ``grad`` as MATLAB would save them: the course's 64-25-64 at its start."""
    x = normalise(sample(photographs(), N, seed=seed))
    random = np.random.default_rng(seed)
    weights = start(x.shape[1], N_HIDDEN, seed)
    weights = weights._replace(
        b1=0.1 * random.standard_normal((N_HIDDEN,)), b2=0.1 * random.standard_normal((x.shape[1],))
    )
    _, gradient = cost_and_gradient(weights, x, Knobs(), mistake.formula if mistake else COURSE)
    return {"theta": weights.flat(), "patches": x.T, "grad": gradient.flat()}
