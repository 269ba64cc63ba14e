"""The charts of Sparsity and Classify, and the words beside them: pure functions of what a run has kept."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from dashboard.figures.classify import carriers, efficiency_figure, training_figure, verdict
from dashboard.figures.sparsity import kinds_of, kl_figure, lifetime_figure, scatter_figure, sparsity_figures
from sae_core import Config
from sae_core.probe import Classifier, ProbeResult, Score
from sae_core.probe.over_training import CurvePoint, ProbeCurve
from sae_core.snapshot import Census, Digits, Histogram, Row, Snapshot, Terms

NAMES = ("a", "b")


def snapshot(density: list[float], mean: list[float], **config: Any) -> Snapshot:
    """A run of two classes as it might have been left, with these latents."""
    n = len(density)
    weights = np.ones((n, 4), np.float32)
    none = np.zeros((0, n), np.float32)
    histogram = Histogram(np.array([0, 1], np.float32), np.array([1], np.float32))
    terms = Terms(0.2, 1.0, 0.1, 0.0)
    return Snapshot(
        config=Config(n_latents=n, **config),
        row=Row(7, 70, 0.1, 1.0, 70.0, terms, 0.2, 2.0, 0.0, 0.1),
        image_shape=(2, 2),
        filters=weights,
        encoder=weights,
        b_enc=np.zeros(n, np.float32),
        b_dec=np.zeros(4, np.float32),
        digits=Digits(
            np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32), none, (), none[:, 0], np.zeros(0, int)
        ),
        density=np.array(density, np.float32),
        dead=np.zeros(n, np.uint8),
        activations=histogram,
        densities=histogram,
        census=Census(
            n_images=100,
            fvu=0.2,
            l0=float(sum(density)),
            l1=1.0,
            dead_fraction=0.0,
            density=np.array(density, np.float32),
            mean=np.array(mean, np.float32),
            class_mean=np.stack([2 * np.array(mean), np.zeros(n)], axis=1).astype(np.float32),
            top_images=np.zeros((n, 1), np.int64),
            top_codes=np.ones((n, 1), np.float32),
        ),
    )


def score(kind: Any, count: int | None, accuracy: float) -> Score:
    return Score(kind, count, accuracy, 0.01, 1, 2 * (count or 50), converged=True)


def probe(codes: float = 0.9, pixels: float = 0.8, n: int = 3) -> ProbeResult:
    """A probe of two classes whose classifier looks at the first two latents."""
    weights = np.zeros((2, n), np.float32)
    weights[0, 0], weights[1, 1] = 2.0, 1.0
    accuracy = {"codes": codes, "pixels": pixels, "pca": 0.7, "random": 0.6}
    return ProbeResult(
        scores=tuple(score(kind, count, value) for kind, value in accuracy.items() for count in (10, None)),
        classifier=Classifier(weights, np.zeros(2, np.float32), np.ones(n, np.float32)),
        confusion=np.eye(2, dtype=np.int64),
        class_names=NAMES,
        dataset="planted",
        step=7,
        n_train=100,
        n_available=100,
        n_test=50,
        seed=0,
    )


def test_latents_are_dead_dense_or_neither():
    """Never; on more than a quarter, the densest first; the rest."""
    kinds = kinds_of(np.array([0.0, 0.3, 0.25, 0.9, 0.01]))
    assert kinds.dead.tolist() == [0]
    assert kinds.dense.tolist() == [3, 1]
    assert kinds.between.tolist() == [2, 4]


def test_each_point_of_the_scatter_knows_its_latent_and_its_strength():
    """Mean 0.2 at density 0.4 is 0.5 where it fires; a dead latent stands at the left edge with none."""
    figure = scatter_figure(snapshot([0.4, 0.0, 0.05], [0.2, 0.0, 0.1]))
    points = {int(latent): (x, y) for t in figure.data for latent, x, y in zip(t.customdata, t.x, t.y, strict=True)}
    assert points[0] == pytest.approx((0.4, 0.5))
    assert points[2] == pytest.approx((0.05, 2.0))
    assert points[1][0] < 1e-4
    assert points[1][1] == 0.0


def test_the_lifetime_histogram_counts_every_latent_once_and_the_dead_apart():
    """The first bar is those that never fired."""
    counts = lifetime_figure(snapshot([0.4, 0.0, 0.0, 0.002], [0.1] * 4)).data[0].y
    assert counts[0] == 2
    assert sum(counts) == 4


@pytest.mark.parametrize(
    ("density", "words"),
    [
        ([0.0] * 4, "Every unit is dead"),
        ([0.0, 0.0, 0.02, 0.03], "2 of 4 units never fire"),
        ([0.9] * 4, "Most units are dense"),
        ([0.02, 0.03, 0.3, 0.01], "1 of 4 are dense"),
    ],
)
def test_the_words_say_what_is_the_case_and_what_to_try(density: list[float], words: str):
    """All dead, many dead, all dense, and as it should be; each is a chart nevertheless."""
    figures = sparsity_figures(snapshot(density, [0.01] * 4))
    assert words in figures["lifetime"]["layout"]["meta"]["what"]
    assert all(figure["layout"]["meta"][name] for figure in figures.values() for name in ("title", "what", "alt"))


def test_kl_runs_have_the_curve_they_pay_by_and_the_others_do_not():
    """At ρ a latent pays nothing; by hand, KL(.05 ‖ .5) = .05 ln .1 + .95 ln 1.9 = .4946."""
    figure = kl_figure(snapshot([0.5, 0.5], [0.05, 0.5], method="kl"))
    assert figure.data[1].y == pytest.approx((0.0, 0.4946), abs=1e-4)
    assert "kl" in sparsity_figures(snapshot([0.5], [0.5], method="kl"))
    assert "kl" not in sparsity_figures(snapshot([0.5], [0.5]))


def test_the_efficiency_curves_go_from_few_labels_to_all():
    """Four kinds of features, two points each, at labels per class."""
    figure = efficiency_figure(probe())
    assert [trace.name for trace in figure.data] == ["codes", "raw pixels", "PCA", "random features"]
    assert list(figure.data[0].x) == [10, 50]
    assert list(figure.data[0].y) == [0.9, 0.9]


@pytest.mark.parametrize(("codes", "word"), [(0.9, "ahead of"), (0.801, "level with"), (0.5, "behind")])
def test_the_verdict_is_honest(codes: float, word: str):
    """The codes are not always better, and the sentence says so."""
    assert f"{word} raw pixels (80.0%)" in verdict(probe(codes))


def test_a_class_is_carried_by_what_raises_its_logit_on_its_own_images():
    """Latent 0 adds 2 · (2 · .4 − .4) = .8 to class a beyond the average; class b has none that does."""
    lists = carriers(probe().classifier.weights, probe().class_names, snapshot([0.4, 0.2, 0.1], [0.4, 0.2, 0.1]))
    assert lists[0]["latents"] == [0]
    assert lists[0]["values"] == ["+0.80"]
    assert lists[1]["latents"] == []


def test_a_probe_of_another_width_carries_nothing():
    """Left over from other weights, it is not shown on these."""
    assert (
        carriers(probe(n=5).classifier.weights, probe(n=5).class_names, snapshot([0.4, 0.2, 0.1], [0.4, 0.2, 0.1]))
        == []
    )


def test_accuracy_over_training_is_a_point_a_kept_step():
    """Against images seen, with the raw pixels beside it and the step that is looked at marked."""
    curve = ProbeCurve((CurvePoint(1, 256, 0.5), CurvePoint(40, 10_240, 0.75)), pixels=0.625)
    figure = training_figure(curve, at=10_240)
    codes, pixels = figure.data
    assert (list(codes.x), list(codes.y), list(codes.customdata)) == ([256, 10_240], [0.5, 0.75], [1, 40])
    assert list(pixels.y) == [0.625, 0.625]
    assert [shape.x0 for shape in figure.layout.shapes] == [10_240]
    assert "from 50.0% to 75.0%" in figure.layout.meta["alt"]
    assert figure.layout.meta["opens"] == "step"


def test_with_no_kept_step_the_chart_says_why():
    figure = training_figure(ProbeCurve(), "being measured…", at=5)
    assert [note.text for note in figure.layout.annotations] == ["being measured…"]
    assert (len(figure.data), len(figure.layout.shapes)) == (1, 0)


def test_of_two_classes_each_is_carried_by_its_own():
    """What fires for one speaks against the other, by silence: that does not carry the other."""
    both = snapshot([0.5, 0.5], [1.0, 1.0])
    means = np.array([[2.0, 0.0], [0.0, 2.0]], np.float32)
    both = dataclasses.replace(both, census=dataclasses.replace(both.census, class_mean=means))
    weights = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    assert [listed["latents"] for listed in carriers(weights, NAMES, both)] == [[0], [1]]
