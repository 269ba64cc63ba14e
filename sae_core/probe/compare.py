"""The codes beside what else could have been had of the pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sae_core.data import DataError
from sae_core.probe.fit import confusion_of, fit, labelled, standardising
from sae_core.probe.result import Classifier, Kind, ProbeResult, Score
from sae_core.snapshot import Ints

__all__ = ["COUNTS", "Progress", "Split", "compare"]

Array = NDArray[Any]

COUNTS: tuple[int | None, ...] = (10, 100, 1000, None)
"""Labelled images per class; None: all."""

PCA_IMAGES = 20_000
"""Images the components are found on, drawn at random."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Split:
    """Features to learn from and to judge by: (n, n_features) and (m, n_features); labels (n,) and (m,)."""

    train: Array
    train_labels: Ints
    test: Array
    test_labels: Ints


def compare(
    codes: Split,
    pixels: Split,
    class_names: Sequence[str],
    *,
    dataset: str = "",
    step: int = 0,
    n_available: int | None = None,
    counts: Sequence[int | None] = COUNTS,
    repeats: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> ProbeResult:
    """Probe the codes and, with the same labels, images and penalty, what else could have been had of the pixels.

    ``codes`` and ``pixels`` are of the same images. For each of ``counts`` (labelled images per class; those that a
    class has not enough images for are left out, unless nothing would remain) the labelled images are drawn
    ``repeats`` times from ``seed``; features are standardised by all training images, labelled or not (principal
    components all by one number).
    ``progress`` is told how many of how many classifiers are fitted, and which comes next.

    Raises:
        DataError: there are fewer than two classes, or no class has as many images as are asked for.
    """
    smallest = int(np.bincount(codes.train_labels)[np.unique(codes.train_labels)].min())
    possible = [count for count in dict.fromkeys(counts) if count is None or count <= smallest]
    if not possible:
        raise DataError(f"The smallest class has {smallest:,} training images: fewer than the labels asked for.")
    draws = [(count, repeat) for count in possible for repeat in range(1 if count is None else repeats)]
    total = len(draws) * len(get_args(Kind)) + (None not in possible)
    done = 0

    def said(what: str) -> None:
        nonlocal done
        if progress:
            progress(done, total, what)
        done += 1

    scores: list[Score] = []
    best: Classifier | None = None
    for kind in get_args(Kind):
        train, test = _features(kind, codes, pixels, seed)
        center, scale = standardising(train, together=kind == "pca")
        fitted: dict[int | None, list[tuple[float, int, bool]]] = {count: [] for count in possible}
        for count, repeat in draws:
            said(f"{kind}, {'all' if count is None else count} labels")
            rows = _rows(codes.train_labels, count, repeat, seed)
            classifier = fit(train[rows], codes.train_labels[rows], len(class_names), scale, center)
            right = float((classifier.predict(test) == codes.test_labels).mean())
            fitted[count].append((right, len(codes.train_labels[rows]), classifier.converged))
            if kind == "codes" and count is None:
                best = classifier
        scores += [_score(kind, count, results) for count, results in fitted.items()]
    if best is None:
        said("codes, all labels")
        best = fit(codes.train, codes.train_labels, len(class_names))
    if progress:
        progress(total, total, "done")
    return ProbeResult(
        scores=tuple(scores),
        classifier=best,
        confusion=confusion_of(codes.test_labels, best.predict(codes.test), len(class_names)),
        class_names=tuple(class_names),
        dataset=dataset,
        step=step,
        n_train=len(codes.train),
        n_available=len(codes.train) if n_available is None else n_available,
        n_test=len(codes.test),
        seed=seed,
    )


def _score(kind: Kind, count: int | None, results: list[tuple[float, int, bool]]) -> Score:
    accuracies = [right for right, _, _ in results]
    return Score(
        features=kind,
        per_class=count,
        accuracy=float(np.mean(accuracies)),
        spread=float(np.std(accuracies)),
        repeats=len(results),
        n_labelled=results[0][1],
        converged=all(converged for _, _, converged in results),
    )


def _rows(labels: Ints, count: int | None, repeat: int, seed: int) -> Ints | slice:
    """Which images are labelled: the same for all kinds of features."""
    if count is None:
        return slice(None)
    return labelled(labels, count, np.random.default_rng((seed, count, repeat)))


def _features(kind: Kind, codes: Split, pixels: Split, seed: int) -> tuple[Array, Array]:
    """Training and test features of a kind, as wide as the codes where they can be."""
    width = codes.train.shape[1]
    if kind == "codes":
        return codes.train, codes.test
    if kind == "pixels":
        return pixels.train, pixels.test
    random = np.random.default_rng((seed, 1))
    mean = pixels.train.mean(axis=0, dtype=np.float64).astype(np.float32)
    if kind == "random":
        directions = random.standard_normal((pixels.train.shape[1], width), np.float32)
        directions /= np.linalg.norm(directions, axis=0)
        return np.maximum((pixels.train - mean) @ directions, 0), np.maximum((pixels.test - mean) @ directions, 0)
    some = pixels.train[np.sort(random.permutation(len(pixels.train))[:PCA_IMAGES])]
    from sklearn.decomposition import PCA

    components = PCA(min(width, *some.shape), random_state=seed).fit(some).components_.astype(np.float32).T
    return (pixels.train - mean) @ components, (pixels.test - mean) @ components
