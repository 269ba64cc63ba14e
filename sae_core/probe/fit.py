"""The classifier: fitted, judged, and asked what each latent is worth to it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.data import DataError
from sae_core.probe.result import MAX_ITERATIONS, C, Classifier
from sae_core.snapshot import Floats, Ints

__all__ = ["accuracy_without", "confusion_of", "fit", "labelled", "standardising"]

Array = NDArray[Any]

SMALLEST_SCALE = 0.05
"""A feature that varies less than this share of what the most variable one does is scaled by that share: a pixel lit
on one image in 60,000 would else outweigh all others there."""


def fit(
    features: Array, labels: Ints, n_classes: int, scale: Floats | None = None, center: Floats | None = None
) -> Classifier:
    """Multinomial logistic regression: minimises Σ cross-entropy + ‖weights of standardised features‖² / 2C.

    ``features`` (n, n_features), ``labels`` (n,) in [0, n_classes). scikit-learn's L-BFGS in float32: a step costs two
    products with the features, and on 60,000 × 256 codes all of it takes seconds on one core (``saga`` is slower there,
    ``liblinear`` fits one class against the rest). ``center`` and ``scale`` (n_features,) standardise; without them
    the features' own do.

    Raises:
        DataError: there are fewer than two classes to tell apart.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        raise DataError("All labelled images are of one class: a probe needs at least two to tell apart.")
    if scale is None or center is None:
        center, scale = standardising(features)
    standardised = np.array(features, np.float32)
    standardised -= center
    standardised /= scale
    model = LogisticRegression(C=C, max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(standardised, labels)
    found, intercept = model.coef_ / scale, model.intercept_
    if len(found) == 1:  # scikit-learn keeps one row for two classes
        found, intercept = np.concatenate([-found / 2, found / 2]), np.concatenate([-intercept / 2, intercept / 2])
    weights = np.zeros((n_classes, found.shape[1]), np.float32)
    bias = np.full(n_classes, -1e9, np.float32)  # a class that was never seen is never the answer
    weights[model.classes_] = found
    bias[model.classes_] = intercept - found @ center
    return Classifier(weights, bias, scale, bool(model.n_iter_.max() < MAX_ITERATIONS))


def labelled(labels: Ints, per_class: int, random: np.random.Generator) -> Ints:
    """Indices of ``per_class`` images of each class that ``labels`` (n,) has, drawn without replacement."""
    return np.concatenate([random.permutation(np.flatnonzero(labels == c))[:per_class] for c in np.unique(labels)])


def confusion_of(truth: Ints, answers: Ints, n_classes: int) -> Ints:
    """(n_classes, n_classes) images by true class (row) and answer (column); ``truth`` and ``answers`` (n,)."""
    flat = np.bincount(truth * n_classes + answers, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes).astype(np.int64)


def accuracy_without(classifier: Classifier, codes: Array, labels: Ints) -> Floats:
    """(n_latents, n_classes): how the share of each class that is told right changes when code j is set to 0.

    Logits are linear in the codes, so removing latent j takes ``codes[:, j] * weights[:, j]`` from those of the images
    on which it fires, and leaves the others: the cost is n_classes times the codes that are not zero. ``codes``
    (n, n_latents), ``labels`` (n,). Negative where the latent helps.
    """
    n_classes = len(classifier.bias)
    logits = classifier.logits(codes)
    right = logits.argmax(axis=1) == labels
    per_class = np.maximum(np.bincount(labels, minlength=n_classes), 1)
    change = np.zeros((codes.shape[1], n_classes), np.float32)
    for latent, column in enumerate(np.asfortranarray(codes).T):
        rows = np.flatnonzero(column)
        without = logits[rows] - np.outer(column[rows], classifier.weights[:, latent])
        gained = (without.argmax(axis=1) == labels[rows]).astype(np.float64) - right[rows]
        change[latent] = np.bincount(labels[rows], weights=gained, minlength=n_classes) / per_class
    return change


def standardising(features: Array, *, together: bool = False) -> tuple[Floats, Floats]:
    """(n_features,) mean, and standard deviation held above `SMALLEST_SCALE` of the largest.

    ``together`` gives all features one scale, the root of their mean variance: each principal component on a scale of
    its own would be whitening, which costs PCA 30 points at 10 labels per class on MNIST.
    """
    center = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    if together:
        scale = np.full_like(scale, np.sqrt(np.mean(scale**2)))
    floor = SMALLEST_SCALE * float(scale.max())
    return center.astype(np.float32), np.maximum(scale, floor or 1.0).astype(np.float32)
