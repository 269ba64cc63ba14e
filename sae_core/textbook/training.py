"""Minimising the course's cost as the course does: L-BFGS on the full batch, torch's, so that it can be saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sae_core.sparsity import FIRING_THRESHOLD
from sae_core.textbook.cost import EDGE, Array, Knobs, Terms, Weights, start
from sae_core.textbook.files import TextbookError

__all__ = ["CourseCost", "Descent", "Look", "Moment", "minimise"]

HISTORY = 100
"""Steps that L-BFGS remembers: minFunc's default, which the course uses."""

MOST_REMEMBERED = 2**26
"""Bytes of them; a larger network remembers fewer steps (784-196-784 in float32: 27), so that it can be saved."""

MOST_EVALUATIONS = 30
"""In one line search, with the step before it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one θ comes to, over all examples; nothing of it is written to again."""

    terms: Terms
    gradient: Tensor
    """dJ/dθ (n,)."""
    divergence: float
    """Σ_j KL(ρ ‖ ρ̂_j)."""
    rho_hat: Tensor
    """(n_hidden,)."""
    density: Tensor
    """(n_hidden,) share of the examples for which each unit's activation is above `FIRING_THRESHOLD`."""


class CourseCost:
    """J and its gradient on all of ``x`` (m, n_visible): `cost.cost_and_gradient` in torch, in x's precision.

    θ (n,) is [W1, W2, b1, b2] along the rows. Buffers are made once.
    """

    def __init__(self, x: Tensor, n_hidden: int) -> None:
        self.x, (self.m, self.n_visible), self.n_hidden = x, x.shape, n_hidden
        self._a2 = x.new_empty(self.m, n_hidden)
        self._a3, self._error = torch.empty_like(x), torch.empty_like(x)
        self._back = torch.empty_like(self._a2)

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Views: W1 (n_hidden, n_visible), W2 (n_visible, n_hidden), b1 (n_hidden,), b2 (n_visible,)."""
        v, h = self.n_visible, self.n_hidden
        W1, W2, b1, b2 = torch.split(theta, [v * h, v * h, h, v])
        return W1.view(h, v), W2.view(v, h), b1, b2

    def __call__(self, theta: Tensor, knobs: Knobs) -> Look:
        """J at θ, and what else is known by then."""
        W1, W2, b1, b2 = self.split(theta)
        a2, a3, error = self._a2, self._a3, self._error
        torch.addmm(b1, self.x, W1.T, out=a2).sigmoid_()
        torch.addmm(b2, a2, W2.T, out=a3).sigmoid_()
        torch.sub(a3, self.x, out=error)
        rho_hat = a2.mean(0).clamp_(EDGE, 1 - EDGE)
        rho, at = knobs.rho, rho_hat.double()
        divergence = float((rho * (rho / at).log() + (1 - rho) * ((1 - rho) / (1 - at)).log()).sum())
        terms = Terms(
            reconstruction=0.5 / self.m * float(torch.dot(error.view(-1), error.view(-1))),
            decay=0.5 * knobs.decay * float(W1.square().sum() + W2.square().sum()),
            sparsity=knobs.beta * divergence,
        )
        density = (a2 > FIRING_THRESHOLD).sum(0) / self.m
        return Look(terms, self._gradient(theta, rho_hat, knobs), divergence, rho_hat, density)

    def _gradient(self, theta: Tensor, rho_hat: Tensor, knobs: Knobs) -> Tensor:
        """dJ/dθ from what is in the buffers, which it uses up."""
        W1, W2, _, _ = self.split(theta)
        gradient = torch.empty_like(theta)
        to_W1, to_W2, to_b1, to_b2 = self.split(gradient)
        delta3, a2, share = self._error, self._a2, 1.0 / self.m
        delta3.mul_(self._a3).mul_(self._a3.neg_().add_(1.0))
        torch.addmm(W2, delta3.T, a2, beta=knobs.decay, alpha=share, out=to_W2)
        torch.sum(delta3, 0, out=to_b2).mul_(share)
        slope = (1 - knobs.rho) / (1 - rho_hat) - knobs.rho / rho_hat
        delta2 = torch.addmm(slope.mul_(knobs.beta), delta3, W2, out=self._back)
        delta2.mul_(a2).addcmul_(delta2, a2, value=-1.0)
        torch.addmm(W1, delta2.T, self.x, beta=knobs.decay, alpha=share, out=to_W1)
        torch.sum(delta2, 0, out=to_b1).mul_(share)
        return gradient


class Descent:
    """torch's L-BFGS with strong Wolfe line search on a `CourseCost`, from ``theta`` (n,), which it moves.

    `tensors` and `numbers` are all there is to go on from, bit for bit.
    """

    def __init__(self, cost: CourseCost, theta: Tensor, knobs: Knobs) -> None:
        self.cost, self.theta, self.knobs = cost, theta.requires_grad_(), knobs
        self.iterations = self.evaluations = 0
        self._known: list[tuple[Tensor, Look]] = []
        self.restart()

    def restart(self) -> None:
        """Forget the way so far: of another cost, or at an end, it misleads. θ stays."""
        self._known.clear()
        pair = 2 * self.theta.numel() * self.theta.element_size()
        self._optimiser = torch.optim.LBFGS(
            [self.theta],
            max_iter=1,
            max_eval=MOST_EVALUATIONS,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=max(3, min(HISTORY, MOST_REMEMBERED // pair)),
            line_search_fn="strong_wolfe",
        )

    def step(self) -> bool:
        """One iteration; whether it made J smaller. Where none does, `restart` may find a way."""
        before = self.theta.detach().clone()
        self._optimiser.step(self._evaluate)  # type: ignore[no-untyped-call]  # torch's own has no types
        self.iterations += 1
        return not torch.equal(before, self.theta.detach())

    @torch.no_grad()
    def look(self) -> Look:
        """What θ comes to; an iteration begins where the line search of the one before has been."""
        theta = self.theta.detach()
        for at, found in reversed(self._known):
            if torch.equal(at, theta):
                self._known = [(at, found)]
                return found
        found = self.cost(theta, self.knobs)
        self._known.append((theta.clone(), found))
        return found

    def _evaluate(self) -> Tensor:
        self.evaluations += 1
        found = self.look()
        self.theta.grad = found.gradient.clone()
        return torch.tensor(found.terms.cost, dtype=torch.float64)

    def tensors(self) -> dict[str, Tensor]:
        """θ, and what L-BFGS remembers, by name; live."""
        state = self._optimiser.state[self.theta]
        found = {"theta": self.theta.detach()}
        if state:
            empty = self.theta.new_empty(0, requires_grad=False)
            found |= {
                "d": state["d"],
                "gradient": state["prev_flat_grad"],
                "directions": torch.stack(state["old_dirs"]) if state["old_dirs"] else empty,
                "steps": torch.stack(state["old_stps"]) if state["old_stps"] else empty,
                "ro": torch.stack([torch.as_tensor(one) for one in state["ro"]]) if state["ro"] else empty,
                "scale": torch.as_tensor(state["H_diag"], dtype=self.theta.dtype),
            }
        return found

    def numbers(self) -> dict[str, float]:
        """The rest of it."""
        state = self._optimiser.state[self.theta]
        found = {"iterations": float(self.iterations), "evaluations": float(self.evaluations)}
        if state:
            found |= {"n_iter": float(state["n_iter"]), "t": float(state["t"]), "loss": float(state["prev_loss"])}
        return found

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        """Take up what `tensors` and `numbers` gave."""
        self.restart()
        self.theta.copy_(tensors["theta"])
        if "d" in tensors:
            self.look()  # what the line search had seen; it has been counted
        self.iterations, self.evaluations = int(numbers["iterations"]), int(numbers["evaluations"])
        if "d" not in tensors:
            return
        self._optimiser.state[self.theta].update(
            func_evals=self.evaluations,
            n_iter=int(numbers["n_iter"]),
            d=tensors["d"].clone(),
            t=numbers["t"],
            old_dirs=[one.clone() for one in tensors["directions"]],
            old_stps=[one.clone() for one in tensors["steps"]],
            ro=[one.clone() for one in tensors["ro"]],
            H_diag=tensors["scale"].clone(),
            prev_flat_grad=tensors["gradient"].clone(),
            prev_loss=numbers["loss"],
            al=[None] * self._optimiser.param_groups[0]["history_size"],
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the minimisation is; the weights are a copy."""

    iteration: int
    evaluations: int
    terms: Terms
    weights: Weights
    state: tuple[dict[str, Tensor], dict[str, float]]
    """All it takes to go on: `Descent.tensors` and `Descent.numbers`, copied."""


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

    From `start`, or on from a moment: N iterations and then N more are 2N, bit for bit. It ends early where no step
    makes J smaller.

    Raises:
        TextbookError: x is outside [0, 1], or J is no longer finite.
    """
    if x.min() < 0 or x.max() > 1:
        raise TextbookError(
            f"The examples reach from {x.min():.3g} to {x.max():.3g}; sigmoid outputs only from 0 to 1."
        )
    first = start(x.shape[1], n_hidden, seed)
    descent = Descent(CourseCost(torch.from_numpy(x), n_hidden), torch.tensor(first.flat("C").astype(x.dtype)), knobs)
    if start_from:
        descent.load(*start_from.state)
    moved = True
    while moved and descent.iterations < iterations:
        moved = descent.step()
        if not moved or descent.iterations % every == 0 or descent.iterations == iterations:
            yield _moment(descent)


def _moment(descent: Descent) -> Moment:
    terms = descent.look().terms
    if not np.isfinite(terms.cost):
        raise TextbookError(f"J is {terms.cost:g} after {descent.iterations} iterations: L-BFGS ran away.")
    parts = [part.numpy().copy() for part in descent.cost.split(descent.theta.detach())]
    state: tuple[dict[str, Any], dict[str, float]] = (
        {name: tensor.clone() for name, tensor in descent.tensors().items()},
        descent.numbers(),
    )
    return Moment(descent.iterations, descent.evaluations, terms, Weights(*parts), state)
