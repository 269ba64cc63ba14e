"""The mistakes people make with this cost and gradient, each as the formula they then have."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sae_core.textbook.cost import COURSE, Formula

__all__ = ["MISTAKES", "Mistake", "combined"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: its name, what to do about it, and the formula it leads to."""

    name: str
    advice: str
    formula: Formula


def _batch(size: int) -> Mistake:
    return Mistake(
        f"ρ̂ over batches of {size}",
        f"ρ̂ looks like the mean over batches of {size:,} examples; take it over all m examples before any delta.",
        Formula(rho_batch=size),
    )


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "1/m is missing",
        "The squared error and the gradients are summed over the examples; divide both by m.",
        Formula(share="none"),
    ),
    Mistake(
        "1/m is missing in the biases' gradient",
        "The weights' gradients are divided by m, the biases' are not; b1's and b2's need it too.",
        Formula(bias_share="none"),
    ),
    Mistake(
        "mean over pixels too",
        "The error is averaged over pixels as well as examples; sum over an example's pixels, then divide by m alone.",
        Formula(share="pixel"),
    ),
    Mistake(
        "the ½ of the squared error is missing",
        "The error term is twice what it should be; the course has ½‖h(x) − x‖², whose derivative has no 2.",
        Formula(reconstruction=2.0),
    ),
    Mistake(
        "sign of δ3",
        "δ3 has the wrong sign: it is −(x − h(x)) ∘ f'(z3).",
        Formula(reconstruction=-1.0),
    ),
    Mistake(
        "f'(z3) is missing in δ3",
        "δ3 = −(x − h(x)) ∘ f'(z3): the output units are sigmoids too.",
        Formula(output_slope=False),
    ),
    Mistake(
        "f'(z2) is missing in δ2",
        "δ2 has to be multiplied by f'(z2) = a2 ∘ (1 − a2).",
        Formula(hidden_slope="none"),
    ),
    Mistake(
        "f' taken at a2 instead of z2",
        "f'(z2) is a2 ∘ (1 − a2); sigmoid(a2) ∘ (1 − sigmoid(a2)) applies the sigmoid twice.",
        Formula(hidden_slope="f'(a)"),
    ),
    Mistake(
        "f' taken at a3 instead of z3",
        "f'(z3) is a3 ∘ (1 − a3); sigmoid(a3) ∘ (1 − sigmoid(a3)) applies the sigmoid twice.",
        Formula(output_slope_of_a=True),
    ),
    Mistake(
        "f' taken at a2 and a3 instead of z2 and z3",
        "f'(z) is a ∘ (1 − a); sigmoid(a) ∘ (1 − sigmoid(a)) applies the sigmoid twice.",
        Formula(hidden_slope="f'(a)", output_slope_of_a=True),
    ),
    Mistake(
        "no sparsity term",
        "β(−ρ/ρ̂ + (1−ρ)/(1−ρ̂)) is missing in δ2, and β Σ KL(ρ ‖ ρ̂) in the cost.",
        Formula(sparsity=0.0),
    ),
    Mistake(
        "sign of the sparsity term",
        "The sparsity term has the wrong sign: it is +β(−ρ/ρ̂ + (1−ρ)/(1−ρ̂)).",
        Formula(sparsity=-1.0),
    ),
    Mistake(
        "sparsity term outside f'(z2)",
        "The sparsity term is added after the multiplication by f'(z2); it belongs into the brackets.",
        Formula(sparsity_inside=False),
    ),
    Mistake(
        "ρ̂ is the mean over the wrong axis",
        "ρ̂ is averaged over the hidden units of each example; it has one number for each unit, the mean over examples.",
        Formula(rho_axis="units"),
    ),
    *(_batch(size) for size in (50, 100, 128, 256, 500, 1000, 2000, 5000)),
    Mistake(
        "no weight decay",
        "λ W1 and λ W2 are missing in the gradient, and λ/2 (‖W1‖² + ‖W2‖²) in the cost.",
        Formula(decay_first=0.0, decay_second=0.0),
    ),
    Mistake(
        "no weight decay on W2",
        "λ W2 is missing; both matrices decay.",
        Formula(decay_second=0.0),
    ),
    Mistake(
        "no weight decay on W1",
        "λ W1 is missing; both matrices decay.",
        Formula(decay_first=0.0),
    ),
    Mistake(
        "weight decay without its ½",
        "Weight decay is twice what it should be: the cost has λ/2, so the gradient has λ W.",
        Formula(decay_first=2.0, decay_second=2.0),
    ),
    Mistake(
        "weight decay with the ½ in the gradient",
        "Weight decay is half what it should be: the gradient of λ/2 ‖W‖² is λ W.",
        Formula(decay_first=0.5, decay_second=0.5),
    ),
    Mistake(
        "weight decay on the biases",
        "b1 and b2 decay as well; the course leaves biases alone.",
        Formula(decay_biases=1.0),
    ),
    Mistake(
        "weight decay divided by m",
        "λ is divided by the number of examples; it is not in this course (it is in the one on machine learning).",
        Formula(decay_share="example"),
    ),
)
"""Single mistakes, in the order they are looked for."""

_NAMES = tuple(field.name for field in fields(Formula))


def combined(first: Mistake, second: Mistake) -> Mistake | None:
    """Both at once; None where they touch the same thing."""
    changes = [
        {
            f.name: getattr(m.formula, f.name)
            for f in fields(Formula)
            if getattr(m.formula, f.name) != getattr(COURSE, f.name)
        }
        for m in (first, second)
    ]
    if changes[0].keys() & changes[1].keys():
        return None
    return Mistake(
        f"{first.name}, and {second.name}",
        f"{first.advice} {second.advice}",
        Formula(**{**changes[0], **changes[1]}),
    )
