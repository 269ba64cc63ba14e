"""The probe: a linear classifier on codes, beside pixels, PCA and random directions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core.data import DataError, Images
from sae_core.probe import (
    Classifier,
    Kind,
    ProbeResult,
    Split,
    accuracy_without,
    compare,
    confusion_of,
    fit,
    labelled,
)
from sae_core.probe.run import probe_run
from sae_core.runs import Runs
from sae_core.tensorfile import TensorFileError
from tests.cli.conftest import SMALL
from tests.core.conftest import make_images

BY_HAND = Classifier(
    weights=np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]], np.float32),
    bias=np.array([0.0, 0.5], np.float32),
    scale=np.ones(3, np.float32),
)
CODES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], np.float32)
LABELS = np.array([0, 1, 1, 0])


def split_of(images: Images, codes_width: int = 12) -> tuple[Split, Split]:
    """Codes that are every third pixel, and the pixels."""
    assert images.train_labels is not None
    assert images.test_labels is not None
    pixels = Split(images.train, images.train_labels, images.test, images.test_labels)
    return Split(images.train[:, ::3], images.train_labels, images.test[:, ::3], images.test_labels), pixels


@pytest.fixture(scope="module")
def result() -> ProbeResult:
    images = make_images()
    return compare(
        *split_of(images), images.class_names, dataset="small", step=7, counts=(5, 10, None), repeats=2, seed=3
    )


def test_logits_answers_and_evidence_by_hand() -> None:
    """Image 3 fires latents 1 and 2: logits (2, 1½), so the answer is class 0, for which latent 2 alone speaks."""
    assert BY_HAND.logits(CODES).tolist() == [[1.0, 0.5], [0.0, 1.5], [1.0, 1.5], [2.0, 1.5]]
    assert BY_HAND.predict(CODES).tolist() == [0, 1, 1, 0]
    assert BY_HAND.evidence(CODES[3]).tolist() == [[0.0, 0.0], [0.0, 1.0], [2.0, 0.0]]


def test_removing_a_latent_by_hand() -> None:
    """All four are right. Without latent 0, image 0 has logits (0, ½): half of class 0 is lost. Without latent 1,
    image 1 keeps its answer by the bias, and image 2 has (1, ½): half of class 1 is lost. Without latent 2, image 3
    has (0, 1½): half of class 0.
    """
    assert accuracy_without(BY_HAND, CODES, LABELS).tolist() == [[-0.5, 0.0], [0.0, -0.5], [-0.5, 0.0]]


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_removing_a_latent_is_setting_its_code_to_zero(seed: int) -> None:
    """The incremental form gives what encoding again with a zero would."""
    random = np.random.default_rng(seed)
    codes = random.integers(-2, 4, (30, 5)).clip(0).astype(np.float32)
    labels = random.integers(0, 3, 30)
    weights = random.integers(-3, 4, (3, 5)).astype(np.float32)  # whole numbers: ties are ties either way
    classifier = Classifier(weights, np.arange(3, dtype=np.float32) / 4, np.ones(5, np.float32))
    change = accuracy_without(classifier, codes, labels)
    for latent in range(5):
        without = codes.copy()
        without[:, latent] = 0
        for c in set(labels.tolist()):
            of = labels == c
            gained = (classifier.predict(without)[of] == c).mean() - (classifier.predict(codes)[of] == c).mean()
            assert change[latent, c] == pytest.approx(gained, abs=1e-6)


def test_standardising_is_folded_into_the_weights() -> None:
    """Features in other units give the same answers, and logits are of the features as they come."""
    images = make_images()
    codes, _ = split_of(images)
    plain = fit(codes.train, codes.train_labels, 3)
    units = np.linspace(0.5, 400.0, codes.train.shape[1]).astype(np.float32)
    shifted = fit(
        codes.train * units + 3.0, codes.train_labels, 3, plain.scale * units, codes.train.mean(0) * units + 3
    )
    assert np.allclose(plain.logits(codes.test), shifted.logits(codes.test * units + 3.0), atol=0.02)


def test_two_classes_and_a_class_without_images() -> None:
    """scikit-learn keeps one row for two classes; a class that was never seen is never the answer."""
    features = np.array([[0.0], [0.1], [0.9], [1.0]], np.float32)
    classifier = fit(features, np.array([0, 0, 2, 2]), 4)
    assert classifier.weights.shape == (4, 1)
    assert classifier.predict(features).tolist() == [0, 0, 2, 2]


def test_one_class_is_refused_in_a_sentence() -> None:
    with pytest.raises(DataError, match="at least two to tell apart"):
        fit(np.eye(3, dtype=np.float32), np.zeros(3, np.int64), 1)


def test_labels_are_drawn_for_each_class_alike() -> None:
    labels = np.array([0] * 50 + [1] * 7 + [2] * 20)
    drawn = labelled(labels, 5, np.random.default_rng(0))
    assert np.bincount(labels[drawn]).tolist() == [5, 5, 5]
    assert len(set(drawn.tolist())) == 15


def test_confusion_by_hand() -> None:
    assert confusion_of(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist() == [[1, 1], [0, 1]]


def test_every_kind_is_scored_at_every_count(result: ProbeResult) -> None:
    """The classes are rows of light, which the pixels show plainly; a score is a share over so many draws."""
    assert {(s.features, s.per_class) for s in result.scores} == {(k, n) for k in get_args(Kind) for n in (5, 10, None)}
    assert result.counts == (5, 10, None)
    assert result.score("pixels").accuracy > 0.95
    assert [(s.repeats, s.n_labelled) for s in result.scores if s.features == "codes"] == [(2, 15), (2, 30), (1, 200)]
    assert result.confusion.sum() == result.n_test == 60
    assert np.diag(result.confusion).sum() / 60 == pytest.approx(result.score("codes").accuracy)
    with pytest.raises(KeyError):
        result.score("codes", 77)


def test_the_same_seed_gives_the_same_and_another_another(result: ProbeResult) -> None:
    images = make_images()
    again = compare(*split_of(images), images.class_names, counts=(5, 10, None), repeats=2, seed=3)
    other = compare(*split_of(images), images.class_names, counts=(5, 10, None), repeats=2, seed=4)
    assert again.scores == result.scores
    assert other.scores != result.scores


def test_counts_that_no_class_has_are_left_out_or_refused() -> None:
    images = make_images()
    assert compare(*split_of(images), images.class_names, counts=(5, 1000), repeats=1).counts == (5,)
    with pytest.raises(DataError, match="fewer than the labels asked for"):
        compare(*split_of(images), images.class_names, counts=(1000,))


def test_it_comes_back_from_its_file_as_it_was(result: ProbeResult, tmp_path: Path) -> None:
    """And the JSON beside it says the same."""
    assert ProbeResult.load(tmp_path) is None
    result.save(tmp_path)
    found = ProbeResult.load(tmp_path)
    assert found is not None
    assert found.record() == result.record()
    assert np.array_equal(found.classifier.weights, result.classifier.weights)
    assert json.loads((tmp_path / "probe.json").read_text())["step"] == 7


@given(data=st.binary(max_size=200))
@settings(max_examples=30, deadline=None)
def test_a_damaged_file_is_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "probe.safetensors").write_bytes(data)
    with pytest.raises(TensorFileError, match="damaged"):
        ProbeResult.load(folder)


def test_a_run_is_probed_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the small digits, of which the smallest class has fewer than 1,000; the result is in the run's directory."""
    from sae_core.cli import main

    where = ("--runs", str(tmp_path))
    assert main(["train", *SMALL, "--steps", "60", "--name", "probed", *where]) == 0
    capsys.readouterr()
    assert main(["probe", "probed", "--repeats", "2", "--json", *where]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {score["per_class"] for score in record["scores"]} == {10, 100, None}
    kept = ProbeResult.load(tmp_path / "probed")
    assert kept is not None
    assert kept.step == 60
    assert kept.score("codes").accuracy > 0.7
    assert main(["probe", "probed", "--labels", "10", "--repeats", "1", *where]) == 0
    said = capsys.readouterr().out
    assert "raw pixels" in said
    assert "probed at step 60: 1,437 training images, 360 test images" in said


def test_what_cannot_be_probed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels that are no number, a data set without labels, a run without a checkpoint."""
    from sae_core.cli import main
    from sae_core.config import Config

    where = ("--runs", str(tmp_path))
    Runs(tmp_path).create(Config(dataset="digits", n_latents=16), name="new")
    assert main(["probe", "new", "--labels", "ten", *where]) == 1
    assert capsys.readouterr().err.strip() == "labels has 'ten', but each is a number of images per class, or all."
    assert main(["probe", "new", *where]) == 1
    assert "has no checkpoint yet" in capsys.readouterr().err
    images = make_images()
    bare = Images.of("bare", images.train, None, images.test, None, image_shape=(6, 6))
    with pytest.raises(DataError, match="The data set bare has no labels, and a probe learns to tell them"):
        probe_run(Runs(tmp_path).open("new"), bare)
