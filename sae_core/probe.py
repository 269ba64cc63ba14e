"""How much of the classes a linear classifier reads from the codes, beside what it reads from other features.

Pure functions on numpy arrays; `sae_core.probing` encodes a run's images and calls them, `penstroke probe RUN` is
that on the command line, and leaves ``probe.safetensors`` (everything) and ``probe.json`` (its header, for people and
other programs) in the run's directory. A page reads them, without torch and without scikit-learn:

    probe = ProbeResult.load(run.path)                      # None before the first `penstroke probe`
    probe.score("codes").accuracy, probe.score("pixels", 10).accuracy
    logits = probe.classifier.logits(codes)                 # (n, n_classes), with the codes as the model gives them
    evidence = probe.classifier.evidence(codes[0])          # (n_latents, n_classes): they add up to logits − bias
    accuracy_without(probe.classifier, codes, labels)       # (n_latents, n_classes), in one pass

``probe.step`` says of which step the codes were: the classifier belongs to those weights and no others.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from sae_core import tensorfile
from sae_core.data import DataError
from sae_core.runs.files import write_atomically
from sae_core.snapshot import Floats, Ints

__all__ = [
    "COUNTS",
    "Classifier",
    "Kind",
    "ProbeResult",
    "Progress",
    "Score",
    "Split",
    "accuracy_without",
    "compare",
    "confusion_of",
    "fit",
    "labelled",
]

Kind = Literal["codes", "pixels", "pca", "random"]
"""What the classifier is given: the codes, the raw pixels, the first principal components, the rectified projections
on a dictionary of random directions; the last two as many as there are latents."""

Array = NDArray[Any]

COUNTS: tuple[int | None, ...] = (10, 100, 1000, None)
"""Labelled images per class; None: all."""

C = 0.01
"""scikit-learn's inverse strength of the squared penalty, on standardised features. One value for all features and
label counts, so that none is favoured: of .0001, .001, .01, .1 and 1 it was the best or within .2 points of it on MNIST
for codes and for pixels alike, at 10, 100 and 1,000 labels per class."""

MAX_ITERATIONS = 200
"""Of L-BFGS; on MNIST it needs 50 on codes and 120 on pixels."""

SMALLEST_SCALE = 0.05
"""A feature that varies less than this share of what the most variable one does is scaled by that share: a pixel lit
on one image in 60,000 would else outweigh all others there."""

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


@dataclass(frozen=True, slots=True)
class Classifier:
    """logits = features @ weights.T + bias, for features as they come: standardising is folded into both.

    Shapes: ``weights`` (n_classes, n_features), ``bias`` (n_classes,); ``scale`` (n_features,) what the features were
    divided by: ``weights * scale`` compares features that vary by different amounts.
    """

    weights: Floats
    bias: Floats
    scale: Floats
    converged: bool = True

    def logits(self, features: Array) -> Floats:
        """(n, n_classes), the larger the likelier."""
        return np.asarray(features @ self.weights.T + self.bias, np.float32)

    def predict(self, features: Array) -> Ints:
        """(n,) the likeliest class."""
        return np.asarray(self.logits(features).argmax(axis=1), np.int64)

    def evidence(self, features: Array) -> Floats:
        """(n_features, n_classes) what each feature of one image (n_features,) adds to each logit."""
        return np.asarray(features[:, None] * self.weights.T, np.float32)


@dataclass(frozen=True, slots=True)
class Score:
    """Test accuracy with one kind of features at one number of labels."""

    features: Kind
    per_class: int | None
    """Labelled images per class; None: all."""
    accuracy: float
    """Share of the test images, the mean over ``repeats`` draws of the labelled images."""
    spread: float
    """Standard deviation over the draws, 0 for one."""
    repeats: int
    n_labelled: int
    converged: bool


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found: every score, and the classifier on the codes with all labels.

    ``confusion`` (n_classes, n_classes) counts test images by true class (row) and answer (column).
    """

    scores: tuple[Score, ...]
    classifier: Classifier
    confusion: Ints
    class_names: tuple[str, ...]
    dataset: str
    step: int
    """Of the model whose codes these are."""
    n_train: int
    """Images that "all labels" means here, of ``n_available``."""
    n_available: int
    n_test: int
    seed: int
    C: float = C
    max_iterations: int = MAX_ITERATIONS

    def score(self, features: Kind, per_class: int | None = None) -> Score:
        """One of the scores.

        Raises:
            KeyError: it was not asked for.
        """
        for score in self.scores:
            if (score.features, score.per_class) == (features, per_class):
                return score
        raise KeyError(f"{features} with {per_class or 'all'} labels per class")

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The numbers of labels per class there are scores for, in order."""
        return tuple(score.per_class for score in self.scores if score.features == "codes")

    def record(self) -> dict[str, Any]:
        """Everything but the weights, for JSON."""
        record = asdict(self)
        del record["classifier"]
        return {**record, "confusion": self.confusion.tolist()}

    def save(self, folder: Path) -> None:
        """Write ``probe.safetensors`` and ``probe.json`` into a run's directory.

        Raises:
            OSError: they cannot be written.
        """
        arrays = {"weights": self.classifier.weights, "bias": self.classifier.bias, "scale": self.classifier.scale}
        header = {"schema": 1, "converged": self.classifier.converged, **self.record()}
        write_atomically(folder / "probe.safetensors", tensorfile.pack(arrays, header))
        write_atomically(folder / "probe.json", (json.dumps(header, indent=1, allow_nan=False) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What `save` wrote; None where nothing was.

        Raises:
            TensorFileError: the file is damaged.
        """
        path = folder / "probe.safetensors"
        if not path.exists():
            return None
        arrays, header = tensorfile.read(path)
        try:
            names = ("dataset", "step", "n_train", "n_available", "n_test", "seed", "C", "max_iterations")
            return cls(
                scores=tuple(Score(**score) for score in header["scores"]),
                classifier=Classifier(arrays["weights"], arrays["bias"], arrays["scale"], header["converged"]),
                confusion=np.array(header["confusion"], np.int64),
                class_names=tuple(header["class_names"]),
                **{name: header[name] for name in names},
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise tensorfile.TensorFileError(f"{path} is damaged or no probe ({problem}).") from None


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
        center, scale = _standardising(features)
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
        center, scale = _standardising(train, together=kind == "pca")
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


def _standardising(features: Array, *, together: bool = False) -> tuple[Floats, Floats]:
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
