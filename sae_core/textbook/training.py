"""Minimising the course's cost as the course does: L-BFGS on the full batch, torch's, so that it can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sae_core.textbook.cost import Array, Knobs, Terms, Weights, cost_and_gradient, start
from sae_core.textbook.files import TextbookError

__all__ = ["Moment", "minimise"]

HISTORY = 100
"""Steps that L-BFGS remembers: minFunc's default, which the course uses."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the minimisation is; the weights are a copy."""

    iteration: int
    evaluations: int
    terms: Terms
    weights: Weights
    state: dict[str, Any]
    """torch's ``state_dict`` of the optimiser: with the weights, all it takes to go on."""


def minimise(
    x: Array,
    n_hidden: int,
    knobs: Knobs,
    iterations: int = 400,
    *,
    seed: int = 0,
    every: int = 20,
    start_from: Moment | None = None,
) -> Iterator[Moment]:
    """Minimise J over ``x`` (m, n_visible), in ``x``'s precision; a `Moment` every ``every`` iterations and at the end.

    L-BFGS with strong Wolfe line search from `start`, or on from a moment: N iterations and then N more are 2N, bit
    for bit, where ``every`` divides N. It ends early where no step makes J smaller.

    Raises:
        TextbookError: x is outside [0, 1], or J is no longer finite.
    """
    if x.min() < 0 or x.max() > 1:
        raise TextbookError(
            f"The examples reach from {x.min():.3g} to {x.max():.3g}; sigmoid outputs only from 0 to 1."
        )
    n_visible = x.shape[1]
    first = start_from.weights if start_from else start(n_visible, n_hidden, seed)
    theta = torch.tensor(first.flat("C").astype(x.dtype), requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [theta],
        max_iter=every,
        max_eval=2 * every,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )
    if start_from:
        optimiser.load_state_dict(start_from.state)

    def evaluate() -> torch.Tensor:
        terms, gradient = cost_and_gradient(_weights(theta, n_visible, n_hidden), x, knobs)
        theta.grad = torch.from_numpy(gradient.flat("C").astype(x.dtype, copy=False))
        return torch.tensor(terms.cost, dtype=torch.float64)

    done = start_from.iteration if start_from else 0
    while done < iterations:
        optimiser.step(evaluate)  # type: ignore[no-untyped-call]  # torch's own has no types
        state = optimiser.state[theta]
        terms, _ = cost_and_gradient(_weights(theta, n_visible, n_hidden), x, knobs)
        if not np.isfinite(terms.cost):
            raise TextbookError(f"J is {terms.cost:g} after {done} iterations: L-BFGS ran away.")
        stuck, done = state["n_iter"] == done, int(state["n_iter"])
        weights = Weights(*(part.copy() for part in _weights(theta, n_visible, n_hidden)))
        yield Moment(done, int(state["func_evals"]), terms, weights, optimiser.state_dict())
        if stuck:
            return


def _weights(theta: torch.Tensor, n_visible: int, n_hidden: int) -> Weights:
    """Views of the live parameters."""
    return Weights.unflat(theta.detach().numpy(), n_visible, n_hidden, "C")
