"""The published results there are, in the order of what they take."""

from __future__ import annotations

from sae_core.reproduce import course, sharkey, winners
from sae_core.reproduce.report import ReproduceError, Target

__all__ = ["TARGETS", "target"]

_ALL = (
    Target(
        name="gradient-check",
        title="The course's gradient against differences",
        source="Ng, CS294A lecture notes (2011), section 2.3; UFLDL, exercise “Sparse Autoencoder”, step 3",
        published="relative difference below 1e-9",
        band="relative_difference < 1e-9",
        takes="5 s",
        run=course.gradient_check,
        quick="differences of an eighth of the coordinates",
    ),
    Target(
        name="digits-wta",
        title="Winner-take-all features of scikit-learn's digits, read by a linear SVM",
        source="Makhzani & Frey (2015); replication guoguo12/tensorflow-fcwta",
        published="about 99.0%, raw pixels 95.5%",
        band="mean accuracy of three seeds >= 0.983 and gain >= 0.025",
        takes="1 min",
        run=winners.digits,
        quick="1,000 steps instead of 10,000",
    ),
    Target(
        name="patches",
        title="Edges from natural-image patches",
        source="Ng, CS294A lecture notes (2011), section 4, figure 5; UFLDL, exercise “Sparse Autoencoder”",
        published="oriented edges; a picture, no number",
        band="more than half of the 25 filters oriented: orientation share > 0.483, below which 99% of static stays",
        takes="1 min",
        run=course.patch_edges,
        quick="1,000 patches and 40 iterations",
    ),
    Target(
        name="superposition",
        title="True features found again in superposition, by penalty weight",
        source="Sharkey, Braun & Millidge (2022); restated in arXiv 2501.17727, appendix I",
        published="a zone of penalties with a mean max cosine near 1, less on either side; figures, no number",
        band="largest MMCS >= 0.9, inside the sweep, and at least .05 above both its ends",
        takes="3 min",
        run=sharkey.mmcs_sweep,
        quick="16,384 vectors, four weights, 400 steps",
    ),
    Target(
        name="self-taught",
        title="Features of the digits 5–9, learned without labels, tell 0–4 apart",
        source="UFLDL, exercise “Self-Taught Learning”",
        published="98.3%, raw pixels about 96%",
        band="accuracy >= 0.979 and gain >= 0.015",
        takes="10 min",
        run=course.self_taught,
        quick="10,000 of the 29,404 unlabelled images, 200 iterations instead of 400",
    ),
    Target(
        name="mnist-wta",
        title="Winner-take-all features of MNIST, read by a linear SVM",
        source="Makhzani & Frey (2015), 98.80%; replication guoguo12/tensorflow-fcwta, about 98.6%",
        published="98.80% (paper), about 98.6% (replication)",
        band="accuracy >= 0.984",
        takes="20 min",
        run=winners.mnist,
        quick="3,000 steps instead of 30,000",
    ),
)

TARGETS: dict[str, Target] = {one.name: one for one in _ALL}
"""By name."""


def target(name: str) -> Target:
    """The result called ``name``.

    Raises:
        ReproduceError: there is none.
    """
    if name not in TARGETS:
        raise ReproduceError(f"There is no result {name!r} to reproduce; there are {', '.join(TARGETS)}.")
    return TARGETS[name]
