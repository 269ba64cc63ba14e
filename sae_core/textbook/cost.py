"""The course's cost and its gradient, and every wrong version of them that can be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COURSE",
    "EDGE",
    "Array",
    "Formula",
    "Knobs",
    "Terms",
    "Weights",
    "activations",
    "cost_and_gradient",
    "kl",
    "sigmoid",
    "start",
]

Array = NDArray[Any]

EDGE = 1e-12
"""ρ̂ is kept this far from 0 and 1, where KL and its slope are infinite."""


class Weights(NamedTuple):
    """What is learned, in the course's names; also the shape of a gradient.

    W1 (n_hidden, n_visible), W2 (n_visible, n_hidden), b1 (n_hidden,), b2 (n_visible,).
    """

    W1: Array
    W2: Array
    b1: Array
    b2: Array

    def flat(self, order: Literal["F", "C"] = "F") -> Array:
        """The course's θ = [W1(:); W2(:); b1; b2]: ``F`` goes down the columns as MATLAB does, ``C`` along the rows."""
        return np.concatenate([part.ravel(order) for part in self])

    @classmethod
    def unflat(cls, theta: Array, n_visible: int, n_hidden: int, order: Literal["F", "C"] = "F") -> Weights:
        """The weights that `flat` made θ of; views of it where the order allows."""
        n = n_visible * n_hidden
        W1, W2, b1, b2 = np.split(theta.ravel(), [n, 2 * n, 2 * n + n_hidden])
        return cls(W1.reshape(n_hidden, n_visible, order=order), W2.reshape(n_visible, n_hidden, order=order), b1, b2)


@dataclass(frozen=True, slots=True)
class Knobs:
    """The course's three numbers; its λ is called decay here, as no other λ is about."""

    rho: float = 0.01
    """ρ, the mean activation each hidden unit is drawn to."""
    decay: float = 1e-4
    """λ, weight decay."""
    beta: float = 3.0
    """β, the weight of the sparsity term."""


class Terms(NamedTuple):
    """J and the three terms it is the sum of, each as it enters J."""

    reconstruction: float
    decay: float
    sparsity: float

    @property
    def cost(self) -> float:
        """J."""
        return self.reconstruction + self.decay + self.sparsity


@dataclass(frozen=True, slots=True)
class Formula:
    """A version of the cost and gradient; the defaults are the course's, every other value is a mistake people make."""

    reconstruction: float = 1.0
    """Factor of the squared error; 2 where the ½ is forgotten, −1 where x and h(x) are swapped in the delta."""
    share: Literal["example", "none", "pixel"] = "example"
    """What the errors are divided by: m, nothing, or m · n_visible."""
    output_slope: bool = True
    """Whether δ3 has its f'(z3)."""
    hidden_slope: Literal["f'(z)", "f'(a)", "none"] = "f'(z)"
    output_slope_of_a: bool = False
    """Whether f' at the output was taken at a3 instead of z3."""
    sparsity: float = 1.0
    """Factor of the sparsity term; 0 forgotten, −1 its sign wrong."""
    sparsity_inside: bool = True
    """Whether the sparsity term is multiplied by f'(z2) as the rest of δ2 is."""
    rho_axis: Literal["examples", "units"] = "examples"
    """What ρ̂ is the mean over."""
    rho_batch: int | None = None
    """ρ̂ over batches of so many examples instead of all."""
    decay_first: float = 1.0
    decay_second: float = 1.0
    decay_biases: float = 0.0
    decay_share: Literal["none", "example"] = "none"
    bias_share: Literal["as weights", "none"] = "as weights"
    """Whether the biases' gradient is divided by m as the weights' is."""


COURSE = Formula()


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^−z), without overflow."""
    half = np.tanh(0.5 * z)
    half += 1.0
    half *= 0.5
    return half


def kl(rho: float, rho_hat: Array) -> Array:
    """KL(ρ ‖ ρ̂) = ρ ln(ρ/ρ̂) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂)), in nats."""
    return rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))


def start(n_visible: int, n_hidden: int, seed: int = 0) -> Weights:
    """The course's start: weights uniform in ±√(6 / (n_visible + n_hidden + 1)), biases 0 (initializeParameters.m)."""
    random = np.random.default_rng(seed)
    r = np.sqrt(6.0 / (n_visible + n_hidden + 1))
    W1 = random.uniform(-r, r, (n_hidden, n_visible))
    W2 = random.uniform(-r, r, (n_visible, n_hidden))
    return Weights(W1, W2, np.zeros(n_hidden), np.zeros(n_visible))


def activations(weights: Weights, x: Array) -> tuple[Array, Array]:
    """a2 = σ(W1 x + b1) (m, n_hidden) and h(x) = a3 = σ(W2 a2 + b2) (m, n_visible)."""
    a2 = sigmoid(x @ weights.W1.T + weights.b1)
    return a2, sigmoid(a2 @ weights.W2.T + weights.b2)


def cost_and_gradient(
    weights: Weights,
    x: Array,
    knobs: Knobs,
    formula: Formula = COURSE,
    known: tuple[Array, Array] | None = None,
) -> tuple[Terms, Weights]:
    """J, split into its terms, and dJ/dW; ``x`` (m, n_visible), one example a row; ``known``: its `activations`.

    a2 = σ(W1 x + b1), h = a3 = σ(W2 a2 + b2), ρ̂ = (1/m) Σ a2 over **all** of ``x``, and

        J = (1/m) Σ ½‖h(x) − x‖² + (λ/2)(‖W1‖² + ‖W2‖²) + β Σ_j KL(ρ ‖ ρ̂_j)

        δ3 = −(x − h) ∘ f'(z3)                     dJ/dW2 = (1/m) Σ δ3 a2ᵀ + λ W2      dJ/db2 = (1/m) Σ δ3
        δ2 = (W2ᵀ δ3 + β(−ρ/ρ̂ + (1−ρ)/(1−ρ̂))) ∘ f'(z2)  dJ/dW1 = (1/m) Σ δ2 xᵀ + λ W1      dJ/db1 = (1/m) Σ δ2

    with f'(z) = a (1 − a) (CS294A, sections 2 and 3). Biases have no decay.
    """
    m = len(x)
    a2, a3 = known or activations(weights, x)
    error = a3 - x
    rho_hat = _rho_hat(a2, formula)
    share = _share(x, formula)
    terms = _terms(weights, error, rho_hat, knobs, formula)
    delta3 = formula.reconstruction * error * _output_slope(a3, formula)
    slope = (1 - knobs.rho) / (1 - rho_hat) - knobs.rho / rho_hat
    pull = (formula.sparsity * knobs.beta) * slope
    back = delta3 @ weights.W2
    steep = _hidden_slope(a2, formula)
    delta2 = (back + pull) * steep if formula.sparsity_inside else back * steep + pull
    decay = knobs.decay / (m if formula.decay_share == "example" else 1)
    bias_share = share if formula.bias_share == "as weights" else 1.0
    gradient = Weights(
        W1=share * (delta2.T @ x) + (formula.decay_first * decay) * weights.W1,
        W2=share * (delta3.T @ a2) + (formula.decay_second * decay) * weights.W2,
        b1=bias_share * delta2.sum(0) + (formula.decay_biases * decay) * weights.b1,
        b2=bias_share * delta3.sum(0) + (formula.decay_biases * decay) * weights.b2,
    )
    return terms, gradient


def cost(weights: Weights, x: Array, knobs: Knobs) -> Terms:
    """J's terms alone."""
    a2, a3 = activations(weights, x)
    return _terms(weights, a3 - x, _rho_hat(a2, COURSE), knobs, COURSE)


def _terms(weights: Weights, error: Array, rho_hat: Array, knobs: Knobs, formula: Formula) -> Terms:
    decay_share = 1.0 / len(error) if formula.decay_share == "example" else 1.0
    return Terms(
        reconstruction=abs(formula.reconstruction) * _share(error, formula) * 0.5 * float(np.vdot(error, error)),
        decay=0.5 * knobs.decay * decay_share * _squares(weights, formula),
        sparsity=formula.sparsity * knobs.beta * _divergence(knobs.rho, rho_hat, formula),
    )


def _share(x: Array, formula: Formula) -> float:
    return {"example": 1.0 / len(x), "none": 1.0, "pixel": 1.0 / x.size}[formula.share]


def _rho_hat(a2: Array, formula: Formula) -> Array:
    """Mean activations, to be broadcast against a2 (m, n_hidden)."""
    if formula.rho_axis == "units":
        rho_hat = a2.mean(1, keepdims=True)
    elif formula.rho_batch is None:
        rho_hat = a2.mean(0, keepdims=True)
    else:
        starts = np.arange(0, len(a2), formula.rho_batch)
        sizes = np.diff(np.append(starts, len(a2)))
        rho_hat = np.repeat(np.add.reduceat(a2, starts, axis=0) / sizes[:, None], sizes, axis=0)
    clipped: Array = np.clip(rho_hat, EDGE, 1 - EDGE)
    return clipped


def _divergence(rho: float, rho_hat: Array, formula: Formula) -> float:
    """Σ_j KL; the mean of that over batches where ρ̂ is taken by batch."""
    total = float(kl(rho, rho_hat).sum())
    return total / len(rho_hat) if formula.rho_batch is not None else total


def _squares(weights: Weights, formula: Formula) -> float:
    factors = (formula.decay_first, formula.decay_second, formula.decay_biases, formula.decay_biases)
    return sum(factor * float(np.vdot(part, part)) for factor, part in zip(factors, weights, strict=True))


def _output_slope(a3: Array, formula: Formula) -> Array | float:
    if not formula.output_slope:
        return 1.0
    at = sigmoid(a3) if formula.output_slope_of_a else a3
    slope: Array = at * (1 - at)
    return slope


def _hidden_slope(a2: Array, formula: Formula) -> Array | float:
    if formula.hidden_slope == "none":
        return 1.0
    at = sigmoid(a2) if formula.hidden_slope == "f'(a)" else a2
    slope: Array = at * (1 - at)
    return slope
