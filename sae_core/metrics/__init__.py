"""What is measured of a model, defined once on plain numpy arrays.

One batch at a time, or all at once, to the same result:

    measurement = Measurement(n_latents=256, n_classes=10)
    for x, codes, x_hat, labels in batches:
        measurement.update(x, codes, x_hat, labels)
    measures = measurement.result(dictionary)        # a frozen `Measures`: numbers, and a value for each latent

`sae_core.measuring.measure(model, images)` is that for a model and its test set, ``penstroke evaluate RUN --all`` for
a run. The parts can be used alone: `Reconstruction`, `CodeStatistics`, `ClassStatistics`, `coherence`, `mmcs`.
`sae_core.metrics.match` says which filter of one dictionary is which of another.
"""

from sae_core.metrics.classes import ClassStatistics
from sae_core.metrics.codes import CodeStatistics, gini, hoyer, kl_divergence, vinje_gallant
from sae_core.metrics.dictionary import coherence, mmcs, nearest
from sae_core.metrics.measures import Measurement, Measures
from sae_core.metrics.plain import (
    DENSE,
    DENSITY_EDGES,
    Evaluation,
    densities,
    density_histogram,
    fvu,
    image_fvu,
    mean_l0,
    mean_l1,
)
from sae_core.metrics.reconstruction import MeasureError, Reconstruction

__all__ = [
    "DENSE",
    "DENSITY_EDGES",
    "ClassStatistics",
    "CodeStatistics",
    "Evaluation",
    "MeasureError",
    "Measurement",
    "Measures",
    "Reconstruction",
    "coherence",
    "densities",
    "density_histogram",
    "fvu",
    "gini",
    "hoyer",
    "image_fvu",
    "kl_divergence",
    "mean_l0",
    "mean_l1",
    "mmcs",
    "nearest",
    "vinje_gallant",
]
