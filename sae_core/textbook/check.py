"""Is this gradient right, and if not, what was probably forgotten?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain, combinations
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from sae_core.textbook.cost import Array, Knobs, Terms, Weights, activations, cost_and_gradient
from sae_core.textbook.files import TextbookError
from sae_core.textbook.mistakes import MISTAKES, Mistake, combined
from sae_core.textbook.numerical import gradient_check, relative_difference

__all__ = ["Order", "Report", "check", "hidden_units", "knobs_of"]

Order = Literal["F", "C"]

SAME = 1e-6
"""A relative difference below this is the same formula, whatever was lost in writing numbers down."""

CLOSE = 1e-3
"""And below this too, where the right formula is `TIMES` further away: a file with four digits."""
TIMES = 10.0

ROUNDED = 1e-4
"""And below this the right formula itself is, where no mistake fits better."""

PAIRS_SECONDS = 3.0
"""How long pairs of mistakes are tried where no single one fits."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. ``difference`` and what follows it are None where there was no gradient to compare."""

    n_hidden: int
    n_visible: int
    n_examples: int
    knobs: Knobs
    order: Order
    terms: Terms
    theta: Array
    gradient: Array
    """θ's own length and order."""
    numerical: float
    """Relative difference of this gradient to the numerical one."""
    difference: float | None = None
    """Relative difference of the given gradient to this one."""
    blocks: Mapping[str, float] | None = None
    """The same for W1, W2, b1 and b2 alone."""
    mistake: Mistake | None = None
    mistake_difference: float | None = None
    """Relative difference of the given gradient to the one with the mistake."""
    cost_given: float | None = None

    @property
    def right(self) -> bool | None:
        """Whether the gradient is right; None where none was given."""
        if self.difference is None:
            return None
        return self.difference < SAME or (self.difference < ROUNDED and self.mistake is None)

    @property
    def sentence(self) -> str:
        """The verdict."""
        if self.difference is None:
            return f"The cost at this θ is {self.terms.cost:.6g}; no gradient was given to compare."
        if self.right:
            doubt = "" if self.difference < SAME else ", as far as its digits go"
            return f"The gradient is right{doubt}: its relative difference is {self.difference:.1e}."
        if self.mistake:
            return f"Probably {self.mistake.name}: {self.mistake.advice}"
        return f"The gradient is wrong, and no known mistake explains it: {self._where()}."

    def _where(self) -> str:
        assert self.blocks is not None
        off = [name for name, value in self.blocks.items() if not value < SAME]
        fine = [name for name in self.blocks if name not in off]
        return f"{', '.join(off)} {'is' if len(off) == 1 else 'are'} off" + (
            f", {', '.join(fine)} right" if fine else ""
        )

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        record = asdict(self)
        record["gradient"] = self.gradient.tolist()
        del record["theta"]
        record["terms"] = {**self.terms._asdict(), "cost": self.terms.cost}
        record["mistake"] = self.mistake.name if self.mistake else None
        return {**record, "right": self.right, "sentence": self.sentence}


def check(
    theta: Array,
    x: Array,
    knobs: Knobs | None = None,
    *,
    gradient: Array | None = None,
    cost: float | None = None,
    order: Order | None = None,
) -> Report:
    """Cost and gradient at ``theta`` on ``x`` (m, n_visible), and what is wrong with somebody's own ``gradient``.

    ``order`` says how matrices were flattened (MATLAB: F, numpy: C); where it is None and there is a gradient,
    both are tried, else F is taken.

    Raises:
        TextbookError: lengths do not fit, or ``x`` is outside [0, 1] and no sigmoid can reproduce it.
    """
    knobs = knobs or Knobs()
    theta = np.asarray(theta, np.float64).ravel()
    n_visible = x.shape[1]
    n_hidden = hidden_units(len(theta), n_visible)
    if n_hidden is None:
        raise TextbookError(
            f"θ has {len(theta):,} numbers, which fit no number of hidden units with {n_visible} visible ones "
            "(2 · hidden · visible + hidden + visible)."
        )
    if gradient is not None and gradient.size != len(theta):
        raise TextbookError(f"The gradient has {gradient.size:,} numbers, but θ has {len(theta):,}.")
    if x.min() < 0 or x.max() > 1:
        reach = f"{x.min():.3g} to {x.max():.3g}"
        raise TextbookError(f"The examples reach from {reach}, but sigmoid outputs only from 0 to 1: normalise them.")
    with threadpool_limits(1):  # matrices this small gain nothing from more, and a busy machine loses much by them
        return _check(theta, x, knobs, n_hidden, gradient, cost, order)


def _check(
    theta: Array, x: Array, knobs: Knobs, n_hidden: int, gradient: Array | None, cost: float | None, order: Order | None
) -> Report:
    orders: tuple[Order, ...] = (order,) if order else ("F", "C") if gradient is not None else ("F",)
    sides = [_Side(theta, x, knobs, n_hidden, gradient, way) for way in orders]
    side = min(sides, key=lambda side: side.difference or 0.0)
    mistake, left = None, None
    if gradient is not None and not side.difference < SAME:
        side, mistake, left = _explain(sides)
    return Report(
        n_hidden=n_hidden,
        n_visible=x.shape[1],
        n_examples=len(x),
        knobs=knobs,
        order=side.order,
        terms=side.terms,
        theta=theta,
        gradient=side.right.flat(side.order),
        numerical=gradient_check(side.weights, x, knobs),
        difference=None if gradient is None else side.difference,
        blocks=side.blocks(),
        mistake=mistake,
        mistake_difference=left,
        cost_given=cost,
    )


def knobs_of(rho: float, decay: float, beta: float) -> Knobs:
    """The course's numbers, as far as they make sense.

    Raises:
        TextbookError: ρ is outside (0, 1), or λ or β is negative.
    """
    if not 0 < rho < 1:
        raise TextbookError(
            f"ρ is {rho:g}, but it is a mean of sigmoid activations: between 0 and 1, neither included."
        )
    if not decay >= 0:
        raise TextbookError(f"λ is {decay:g}, but weight decay is 0 or more.")
    if not beta >= 0:
        raise TextbookError(f"β is {beta:g}, but the weight of the sparsity term is 0 or more.")
    return Knobs(rho, decay, beta)


def hidden_units(length: int, n_visible: int) -> int | None:
    """The hidden units of a θ of that length; None where there is no such number."""
    n_hidden, rest = divmod(length - n_visible, 2 * n_visible + 1)
    return n_hidden if rest == 0 and n_hidden > 0 else None


class _Side:
    """Theirs against ours, with matrices flattened in one of the two orders."""

    def __init__(self, theta: Array, x: Array, knobs: Knobs, n_hidden: int, given: Array | None, order: Order) -> None:
        self.order = order
        self.weights = Weights.unflat(theta, x.shape[1], n_hidden, order)
        self.theirs = None if given is None else Weights.unflat(np.asarray(given, float), x.shape[1], n_hidden, order)
        self.x, self._knobs = x, knobs
        self._known = activations(self.weights, x)
        self.terms, self.right = cost_and_gradient(self.weights, x, knobs, known=self._known)
        self.difference = self._to(self.right)

    def difference_with(self, mistake: Mistake) -> float:
        """How far theirs is from the gradient with a mistake."""
        return self._to(cost_and_gradient(self.weights, self.x, self._knobs, mistake.formula, self._known)[1])

    def blocks(self) -> dict[str, float] | None:
        """Relative difference of W1, W2, b1 and b2 alone."""
        if self.theirs is None:
            return None
        return {n: relative_difference(*ab) for n, *ab in zip(Weights._fields, self.theirs, self.right, strict=True)}

    def _to(self, gradient: Weights) -> float:
        return 0.0 if self.theirs is None else relative_difference(self.theirs.flat(), gradient.flat())


def _explain(sides: list[_Side]) -> tuple[_Side, Mistake | None, float | None]:
    """The mistake, or the two, with which our formula gives their gradient, and the order it does so in."""
    m = len(sides[0].x)
    singles = [mistake for mistake in MISTAKES if (mistake.formula.rho_batch or 0) < m]
    pairs = (both for two in combinations(singles, 2) if (both := combined(*two)))
    best: tuple[float, _Side, Mistake | None] = (float("inf"), min(sides, key=lambda side: side.difference), None)
    began = time.perf_counter()
    for n, mistake in enumerate(chain(singles, pairs)):
        if n >= len(singles) and time.perf_counter() - began > PAIRS_SECONDS:
            break
        left, side = min(((side.difference_with(mistake), side) for side in sides), key=lambda found: found[0])
        if left < best[0]:
            best = (left, side, mistake)
        if left < SAME:
            break
    left, side, found = best
    if left < SAME or (left < CLOSE and left * TIMES < side.difference):
        return side, found, left
    return min(sides, key=lambda side: side.difference), None, None
