"""The course's results: the gradient check, edges from photographs, self-taught learning."""

from __future__ import annotations

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from sae_core.data import load_images
from sae_core.data.patches import normalise, photographs, sample
from sae_core.reproduce.report import Outcome, Progress
from sae_core.reproduce.svg import Axis, Series, chart, mosaic
from sae_core.textbook.cost import Array, Knobs, Weights, activations, cost, cost_and_gradient, sigmoid, start
from sae_core.textbook.numerical import TOLERANCE, numerical_gradient, relative_difference

__all__ = ["gradient_check", "patch_edges", "self_taught"]

EDGES = Knobs(rho=0.01, decay=1e-4, beta=3.0)
DIGITS = Knobs(rho=0.1, decay=3e-3, beta=3.0)

SELF_TAUGHT_BAND = (0.979, 0.015)
"""Least accuracy, and least gain over raw pixels."""

ORIENTED = 0.483
"""A filter is oriented with more than this share of its spectrum within ±22.5° of one direction: 99 of 100 filters of
static (4,000 of 8×8, default_rng(0)) have less. It follows from static alone."""

EDGE_SEED = 4
"""Patches and start of the reported run. The band, more than half of 25, was written with seeds 1, 2 and 3 in view,
which have 16, 15 and 18 oriented filters; this one had not been run."""

CONSTANT = 0.8
"""And nearly constant where its cosine with the constant patch is beyond this."""


def gradient_check(progress: Progress, quick: bool) -> Outcome:
    """Every coordinate of the 64-25-64 network's gradient against differences, on 10 examples, as the course says."""
    x = normalise(sample(photographs(), 10))
    weights = start(64, 25)
    theta = weights.flat()
    _, gradient = cost_and_gradient(weights, x, EDGES)

    def at(moved: Array) -> float:
        return cost(Weights.unflat(moved, 64, 25), x, EDGES).cost

    parts = np.array_split(np.arange(len(theta)), 40)
    found = []
    for i, part in enumerate(parts if not quick else parts[::8]):
        with threadpool_limits(1):  # ten examples give two threads nothing to do but wait for each other
            found.append(numerical_gradient(at, theta, part))
        progress((i + 1) / len(parts), "differences")
    where = np.concatenate(parts if not quick else parts[::8])
    exact, numerical = gradient.flat()[where], np.concatenate(found)
    difference = relative_difference(exact, numerical)
    ours = {"relative_difference": difference, "coordinates": float(len(where))}
    apart = np.sort(np.maximum(np.abs(exact - numerical), 1e-18))[:: max(1, len(where) // 120)]
    figure = chart(
        "The course's gradient against differences, coordinate by coordinate",
        Axis("share of the coordinates"),
        Axis("|formula − differences|, sorted", log=True),
        [Series("ε = 1e-4", np.linspace(0, 1, len(apart)).tolist(), apart.tolist())],
    )
    return Outcome(ours, difference < TOLERANCE, figure)


def patch_edges(progress: Progress, quick: bool) -> Outcome:
    """10,000 patches of 8 × 8, 25 hidden units, 400 iterations; what excites each unit, and how much an edge it is."""
    from sae_core.textbook.training import minimise

    iterations = 40 if quick else 400
    x = normalise(sample(photographs(), 1_000 if quick else 10_000, seed=EDGE_SEED))
    costs: list[tuple[int, float]] = []
    weights = start(64, 25, EDGE_SEED)
    for moment in minimise(x, 25, EDGES, iterations, seed=EDGE_SEED, every=10):
        weights = moment.weights
        costs.append((moment.iteration, moment.terms.cost))
        progress(moment.iteration / iterations, f"J = {moment.terms.cost:.4f}")
    shares = np.array([orientation_share(filter_.reshape(8, 8)) for filter_ in weights.W1])
    constant = np.abs(weights.W1.mean(1)) * 8 / np.linalg.norm(weights.W1, axis=1) > CONSTANT
    static = np.random.default_rng(0).standard_normal((400, 8, 8))
    ours = {
        "cost": costs[-1][1],
        "iterations": float(costs[-1][0]),
        "orientation_share_median": float(np.median(shares)),
        "orientation_share_of_static": float(np.median([orientation_share(one) for one in static])),
        "oriented_filters": float(((shares > ORIENTED) & ~constant).sum()),
        "nearly_constant_filters": float(constant.sum()),
    }
    notes = (
        "The course shows pictures, no number; the share is ours, its line what 99% of static filters stay below.",
        "The band was set with seeds 1, 2 and 3 in view (16, 15, 18 oriented filters); this is seed 4, not run before.",
        "Patches are of scikit-learn's two photographs, whitened, not of IMAGES.mat, which no package ships.",
        "Nearly constant filters, which the course's picture has not, are not counted as oriented.",
    )
    figure = mosaic("What excites each of the 25 hidden units most (CS294A, figure 5)", weights.W1.reshape(-1, 8, 8))
    return Outcome(ours, ours["oriented_filters"] > len(shares) / 2, figure, notes)


def orientation_share(filter_: Array) -> float:
    """The largest share of a filter's spectrum, without its mean, within ±22.5° of one direction."""
    spectrum = np.abs(np.fft.fft2(filter_ - filter_.mean(), (32, 32))) ** 2
    down, right = np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32), indexing="ij")
    angle = np.arctan2(down, right) % np.pi
    best = 0.0
    for centre in np.arange(16) * np.pi / 16:
        away = np.abs((angle - centre + np.pi / 2) % np.pi - np.pi / 2)
        best = max(best, float(spectrum[away < np.pi / 8].sum()))
    return best / float(spectrum.sum())


def self_taught(progress: Progress, quick: bool) -> Outcome:
    """Learn features on the digits 5–9 without labels, and read 0–4 from them with a softmax classifier."""
    from sae_core.textbook.training import minimise

    images = load_images("mnist")
    assert images.train_labels is not None
    unlabelled = images.train[images.train_labels >= 5][: 10_000 if quick else None]
    low = images.train_labels < 5
    half = int(low.sum()) // 2
    x, y = images.train[low], images.train_labels[low]
    weights = start(784, 200)
    costs: list[tuple[float, float]] = []
    iterations = 200 if quick else 400
    for moment in minimise(unlabelled, 200, DIGITS, iterations, every=10):
        weights = moment.weights
        costs.append((float(moment.iteration), moment.terms.cost))
        progress(0.9 * moment.iteration / iterations, f"J = {moment.terms.cost:.3f}")
    codes, _ = activations(weights, x)
    progress(0.92, "softmax on the features")
    found = _softmax(codes[:half], y[:half], codes[half:], y[half:])
    progress(0.96, "softmax on raw pixels")
    raw = _softmax(x[:half], y[:half], x[half:], y[half:])
    ours = {
        "accuracy": found,
        "raw_pixels": raw,
        "gain": found - raw,
        "cost": costs[-1][1],
        "iterations": costs[-1][0],
        "unlabelled_images": float(len(unlabelled)),
        "labelled_images": float(half),
    }
    figure = chart(
        "Self-taught learning: the course's cost on the digits 5–9",
        Axis("iterations of L-BFGS"),
        Axis("J"),
        [Series("784-200-784", *zip(*costs, strict=True))],
    )
    random = _random_layer(x, y, half)
    notes = (
        "Float32; accuracy is of MNIST's training digits 0–4, second half by index, as in the exercise.",
        f"Any sigmoid layer helps a linear classifier; with the random weights of the start it has {random:.4f}.",
    )
    passed = found >= SELF_TAUGHT_BAND[0] and found - raw >= SELF_TAUGHT_BAND[1]
    progress(1.0, "done")
    return Outcome(ours, passed, figure, notes)


def _random_layer(x: Array, y: Array, half: int) -> float:
    first = start(784, 200)
    codes = sigmoid(x @ first.W1.T + first.b1)
    return _softmax(codes[:half], y[:half], codes[half:], y[half:])


def _softmax(x: Array, y: Array, test_x: Array, test_y: Array) -> float:
    """Accuracy of the course's softmax regression: mean log loss + (λ/2)‖θ‖², λ = 1e-4; 100 iterations as there."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = LogisticRegression(C=1.0 / (1e-4 * len(x)), max_iter=100).fit(x, y)
    return float(classifier.score(test_x, test_y))
