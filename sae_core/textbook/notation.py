"""The same symbols in two spellings: the course's, and the one of this program and the papers since.

Every formula that can be switched takes its words from `SYMBOLS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["COST", "SYMBOLS", "TERMS", "Notation", "Symbol", "symbol"]

Notation = Literal["course", "modern"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One thing with its two names, in LaTeX, and in words."""

    course: str
    modern: str
    meaning: str


SYMBOLS: dict[str, Symbol] = {
    "x": Symbol(r"x", r"x", "an example, a column in the course and a row here"),
    "codes": Symbol(r"a^{(2)}", r"z", "activations of the hidden units; here: codes"),
    "pre_codes": Symbol(r"z^{(2)}", r"u", "what the activation is applied to; here: pre_codes"),
    "x_hat": Symbol(r"h_{W,b}(x)", r"\hat x", "the reconstruction"),
    "W_enc": Symbol(r"W^{(1)}", r"W_\mathrm{enc}", "encoder weights (hidden, visible)"),
    "dictionary": Symbol(
        r"W^{(2)}", r"D^\top", "decoder weights; here their transpose, the dictionary (hidden, visible)"
    ),
    "b_enc": Symbol(r"b^{(1)}", r"b_\mathrm{enc}", "hidden biases"),
    "b_dec": Symbol(r"b^{(2)}", r"b_\mathrm{dec}", "visible biases"),
    "act": Symbol(r"f", r"\sigma", "the activation, a sigmoid in the course"),
    "rho": Symbol(r"\rho", r"\rho", "target activation"),
    "rho_hat": Symbol(r"\hat\rho_j", r"\hat\rho_j", "mean activation of hidden unit j over all examples"),
    "beta": Symbol(r"\beta", r"\beta", "weight of the sparsity term"),
    "decay": Symbol(r"\lambda", r"w", "weight decay; other papers call the sparsity weight λ, so here no λ is used"),
    "m": Symbol(r"m", r"N", "number of examples"),
    "delta": Symbol(r"\delta^{(2)}", r"\partial J/\partial u", "derivative with respect to the pre_codes, times m"),
}
"""By this program's own names."""

TERMS: dict[str, Symbol] = {
    "objective": Symbol("J(W, b)", "J", "what training lowers"),
    "weight": Symbol("β", "penalty weight", "weight of the sparsity term"),
    "decay": Symbol("(λ/2) (‖W⁽¹⁾‖² + ‖W⁽²⁾‖²)", "(w/2) (‖W_enc‖² + ‖D‖²)", "weight decay"),
}
"""Of J under the Train page's formula, as plain text; the other two are each method's own."""

COST = (
    r"J = \frac{{1}}{{{m}}}\sum_i \tfrac12 \lVert {x_hat} - {x} \rVert^2"
    r" + \frac{{{decay}}}{{2}}\left(\lVert {W_enc} \rVert^2 + \lVert {dictionary} \rVert^2\right)"
    r" + {beta} \sum_j \mathrm{{KL}}({rho} \,\Vert\, {rho_hat})"
)
"""The course's cost; `symbol` fills in the names."""


def symbol(template: str, notation: Notation) -> str:
    """A formula with its symbols in one of the two spellings."""
    return template.format(**{name: getattr(entry, notation) for name, entry in SYMBOLS.items()})
