"""The gradient by differences, which believes no formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sae_core.textbook.cost import Array, Knobs, Weights, cost, cost_and_gradient

__all__ = ["EPSILON", "TOLERANCE", "gradient_check", "numerical_gradient", "relative_difference"]

EPSILON = 1e-4
"""The course's step."""

TOLERANCE = 1e-9
"""What the course asks the relative difference to be below, in double precision."""


def numerical_gradient(J: Callable[[Array], float], theta: Array, where: Array, epsilon: float = EPSILON) -> Array:
    """(J(θ + ε eᵢ) − J(θ − ε eᵢ)) / 2ε for the coordinates i in ``where``; ε = 1e-4 (CS294A, section 2.3).

    It is off by ε² J‴/6, which on a few examples can be more than the course's `TOLERANCE`.
    """
    found = np.empty(len(where))
    moved = theta.astype(np.float64, copy=True)
    for row, i in enumerate(where):
        moved[i] = theta[i] + epsilon
        above = J(moved)
        moved[i] = theta[i] - epsilon
        found[row] = (above - J(moved)) / (2 * epsilon)
        moved[i] = theta[i]
    return found


def relative_difference(a: Array, b: Array) -> float:
    """‖a − b‖ / ‖a + b‖, the course's; 0 where both are 0, infinite where they are opposite."""
    apart, together = float(np.linalg.norm(a - b)), float(np.linalg.norm(a + b))
    if apart == 0:
        return 0.0
    return apart / together if together else float("inf")


def gradient_check(weights: Weights, x: Array, knobs: Knobs, n: int = 200, examples: int = 500, seed: int = 0) -> float:
    """Relative difference of the closed form and the numerical gradient, on ``n`` random coordinates.

    On the first ``examples`` of ``x`` (m, n_visible): the formula is the same for any number.
    """
    n_hidden, n_visible = weights.W1.shape
    few = x[:examples].astype(np.float64)
    theta = weights.flat().astype(np.float64)
    where = np.random.default_rng(seed).permutation(len(theta))[:n]

    def at(moved: Array) -> float:
        return cost(Weights.unflat(moved, n_visible, n_hidden), few, knobs).cost

    _, gradient = cost_and_gradient(Weights.unflat(theta, n_visible, n_hidden), few, knobs)
    return relative_difference(gradient.flat()[where], numerical_gradient(at, theta, where))
