"""Every measure on numbers done by hand, and the same however the images are split into batches."""

from __future__ import annotations

import csv
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core.metrics import (
    ClassStatistics,
    CodeStatistics,
    MeasureError,
    Measurement,
    Reconstruction,
    coherence,
    fvu,
    gini,
    hoyer,
    kl_divergence,
    mmcs,
    nearest,
    vinje_gallant,
)

CODES = np.array([[0.0, 2.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
"""Latent 0 never fires, latent 1 on image 0 alone, latent 2 on all but image 2."""


def statistics(codes: np.ndarray = CODES, **options: float) -> CodeStatistics:
    measured = CodeStatistics(codes.shape[1], **options)  # type: ignore[arg-type]  # options as they come
    measured.update(codes)
    return measured


def reconstruction(x: list[list[float]], x_hat: list[list[float]]) -> Reconstruction:
    measured = Reconstruction()
    measured.update(np.array(x), np.array(x_hat))
    return measured


def test_errors_by_hand() -> None:
    """Pixels 0 and 2 lie 1 from their mean; answers ½ and 2 are off by ½ and 0: MSE ⅛, FVU ⅛."""
    measured = reconstruction([[0.0], [2.0]], [[0.5], [2.0]])
    assert (measured.mse, measured.fvu) == (0.125, 0.125)


def test_fvu_takes_the_mean_of_each_pixel() -> None:
    """A picture that is always (0, 10) plus one step in its first pixel: the mean predictor scores exactly 1."""
    x = [[0.0, 10.0], [2.0, 10.0]]
    assert reconstruction(x, [[1.0, 10.0], [1.0, 10.0]]).fvu == 1.0


def test_shrinkage_and_bias_by_hand() -> None:
    """Halved images: norms are halved, and γ = Σ(x/2)² / Σx²/2 = ½. A black image has no norm to compare with."""
    x = [[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]]
    measured = reconstruction(x, (np.array(x) / 2).tolist())
    assert (measured.shrinkage, measured.bias) == (0.5, 0.5)


def test_l0_l1_densities_and_the_dead_by_hand() -> None:
    measured = statistics()
    assert (measured.l0, measured.l1, measured.n_silent) == (1.0, 2.0, 1)
    assert measured.density.tolist() == [0.0, 0.25, 0.75]
    assert measured.never.tolist() == measured.dead.tolist() == [True, False, False]
    assert measured.mean.tolist() == [0.0, 0.5, 1.5]
    assert measured.largest.tolist() == [0.0, 2.0, 3.0]
    assert statistics(threshold=1.5).density.tolist() == [0.0, 0.25, 0.5]


@pytest.mark.parametrize(
    ("window", "dead"), [(1, [1, 1, 0]), (2, [1, 1, 0]), (3, [1, 1, 0]), (4, [1, 0, 0]), (99, [1, 0, 0])]
)
def test_dead_looks_back_on_a_window_of_images(window: int, dead: list[int]) -> None:
    """Latent 1 fired on the first of four images: alive only for who looks back on all four."""
    measured = statistics(window=window)
    assert measured.dead.tolist() == [bool(value) for value in dead]
    assert measured.window == min(window, 4)


def test_hoyer_and_gini_by_hand() -> None:
    """One code of four alone: Hoyer 1, Gini 1 − ¼. Four equal ones: 0 and 0. None: not a number.

    (0, 0, 3, 4): ‖z‖₁ = 7, ‖z‖₂ = 5, Hoyer (2 − 1.4)/(2 − 1); Gini 1 − 2 (3/7 · 3/8 + 4/7 · 1/8) = 1 − 26/56.
    """
    codes = np.array([[0.0, 5.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0], [0.0] * 4, [4.0, 0.0, 3.0, 0.0]])
    assert hoyer(codes) == pytest.approx([1.0, 0.0, math.nan, 0.6], nan_ok=True)
    assert gini(codes) == pytest.approx([0.75, 0.0, math.nan, 1 - 26 / 56], nan_ok=True)


def test_vinje_gallant_by_hand() -> None:
    """Responses (1, 1, 1, 1): 0; (4, 0, 0, 0): 1; (2, 2, 0, 0): a = 1/(8/4) = ½, S = ½ / ¾ = ⅔; none: not a number."""
    responses = np.array([[1, 1, 1, 1], [4, 0, 0, 0], [2, 2, 0, 0], [0, 0, 0, 0]], float)
    found = vinje_gallant(responses.sum(axis=1), (responses**2).sum(axis=1), 4)
    assert found == pytest.approx([0.0, 1.0, 2 / 3, math.nan], nan_ok=True)
    assert statistics().lifetime[1] == pytest.approx(1.0)


def test_images_without_codes_do_not_count_as_sparse() -> None:
    """Images 1 and 3 have one code of three (1, ⅔, 1); image 0 two equal: Hoyer (√3 − √2)/(√3 − 1), Gini ⅓, S ½."""
    found = statistics().image_means()
    by_hand = (2 + (3**0.5 - 2**0.5) / (3**0.5 - 1)) / 3, (2 * 2 / 3 + 1 / 3) / 3, (2 + 0.5) / 3
    assert found == pytest.approx(by_hand)


def test_kl_by_hand_and_only_for_means_between_0_and_1() -> None:
    """ρ = ½ against ¼: ½ ln 2 + ½ ln ⅔; 0 where they agree."""
    assert kl_divergence(0.5, np.array([0.25, 0.5])) == pytest.approx([0.5 * math.log(2) + 0.5 * math.log(2 / 3), 0.0])
    with pytest.raises(MeasureError, match="which the codes of a sigmoid have"):
        kl_divergence(0.5, np.array([0.0]))


def test_participation_ratio_by_hand() -> None:
    """Codes along one direction: 1. Two latents that vary alike and apart: 2. Constant codes: not a number."""
    assert statistics(np.array([[0.0, 0.0], [1.0, 2.0]])).participation_ratio == pytest.approx(1.0)
    assert statistics(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])).participation_ratio == pytest.approx(2.0)
    assert math.isnan(statistics(np.ones((3, 2))).participation_ratio)


def test_class_measures_by_hand() -> None:
    """Latent 0 fires on all of class 0 and nothing else: selectivity 1, and fires or not is one bit, the class itself.

    Latent 1 has class means 3 and 1: selectivity ½; it always fires and tells nothing. Latent 2 never fires.
    """
    measured = ClassStatistics(3, 2)
    measured.update(np.array([[1.0, 3, 0], [1, 3, 0], [0, 1, 0], [0, 1, 0]]), np.array([0, 0, 1, 1]))
    assert measured.selectivity == pytest.approx([1.0, 0.5, math.nan], nan_ok=True)
    assert measured.mutual_information == pytest.approx([1.0, 0.0, 0.0])
    assert measured.preferred.tolist() == [0, 0, -1]


def test_selectivity_compares_with_the_mean_of_the_other_classes() -> None:
    """Class means 6, 2, 0 and a class without images: (6 − 1)/(6 + 1)."""
    measured = ClassStatistics(1, 4)
    measured.update(np.array([[6.0], [2.0], [0.0]]), np.array([0, 1, 3]))
    assert measured.selectivity == pytest.approx([5 / 7])


def test_dictionaries_by_hand() -> None:
    """(1, 0), (0, 2) and (3, 4): cosines 0, .6 and .8; opposite filters are coherent but not near."""
    rows = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]])
    assert nearest(rows) == pytest.approx([0.6, 0.8, 0.8])
    assert coherence(rows) == pytest.approx(0.8)
    assert coherence(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx(1.0)
    assert nearest(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx([-1.0, -1.0])
    assert mmcs(rows[:2], rows[2:]) == pytest.approx(0.7)
    assert mmcs(rows, rows[::-1]) == pytest.approx(1.0)
    assert np.isnan(nearest(np.ones((1, 2)))).all()
    assert np.isnan(nearest(np.array([[0.0, 0.0], [1.0, 0.0]]))).all()


def model_on(seed: int, n: int = 40) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    codes = np.maximum(random.standard_normal((n, 6)), 0) * (random.random(6) < 0.8)
    dictionary = random.standard_normal((6, 5))
    x = 100 + codes @ dictionary + random.standard_normal((n, 5))
    return {"x": x, "codes": codes, "x_hat": 100 + codes @ dictionary, "labels": random.integers(0, 3, n)}


@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 40), max_size=6))
@settings(max_examples=40, deadline=None)
def test_however_the_images_are_split_the_result_is_the_same(seed: int, cuts: list[int]) -> None:
    """To rounding, for every number and every latent, with empty batches among them."""
    data = model_on(seed)
    dictionary, known = np.random.default_rng(seed).standard_normal((2, 6, 5))

    def measured(edges: list[int]) -> Measurement:
        measurement = Measurement(6, 3, dead_window=25)
        for start, stop in pairwise(edges):
            measurement.update(*(data[name][start:stop] for name in ("x", "codes", "x_hat", "labels")))
        return measurement

    whole = measured([0, 40]).result(dictionary, known)
    split = measured([0, *sorted(cuts), 40]).result(dictionary, known)
    for name, value in whole.numbers().items():
        assert split.numbers()[name] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), name
    for name, values in whole.latents().items():
        assert split.latents()[name] == pytest.approx(values, rel=1e-5, abs=1e-6, nan_ok=True), name


def test_streamed_fvu_is_the_plain_one() -> None:
    data = model_on(1)
    measured = reconstruction(data["x"].tolist(), data["x_hat"].tolist())
    assert measured.fvu == pytest.approx(fvu(data["x"], data["x_hat"]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"codes": np.full((40, 6), np.nan)}, "Among the codes is a value that is infinite"),
        ({"x_hat": np.full((40, 5), np.inf)}, "Among the images or reconstructions"),
        ({"x": np.ones((40, 5))}, "All images are the same: there is no variance to explain"),
        ({"labels": None}, "need a label for each image"),
        ({"labels": np.full(40, 3)}, "A label is 3 or 3, but they go from 0 to 2"),
        ({"codes": np.ones((40, 7))}, r"Codes of shape \(40, 7\) are not of 6 latents"),
        ({"x_hat": np.ones((40, 4))}, "cannot be compared with reconstructions"),
        ({"codes": np.ones((39, 6))}, "There are 40 images, but codes of 39"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(change: dict[str, np.ndarray | None], sentence: str) -> None:
    data = {**model_on(0), **change}
    measurement = Measurement(6, 3)
    with pytest.raises(MeasureError, match=sentence):
        measurement.update(data["x"], data["codes"], data["x_hat"], data["labels"])  # type: ignore[arg-type]  # None is the bad input
        measurement.result(np.ones((6, 5)))


def test_without_images_there_is_nothing_to_measure() -> None:
    with pytest.raises(MeasureError, match="There are no images to measure on"):
        Measurement(3).result(np.eye(3))


def test_a_run_is_measured_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As numbers in JSON and in words, and each hidden unit's in a table; what is not defined is null."""
    from sae_core.cli import main
    from tests.cli.conftest import SMALL

    where = ("--runs", str(tmp_path))
    assert main(["train", *SMALL, "--steps", "30", "--name", "measured", *where]) == 0
    capsys.readouterr()
    table = tmp_path / "units.csv"
    assert main(["evaluate", "measured", "--all", "--csv", str(table), "--json", *where]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    measures = record["measures"]
    for name in ("fvu", "mse", "l0", "l1", "dead_fraction"):
        assert measures[name.replace("fraction", "share")] == pytest.approx(record[name], rel=1e-4)
    assert measures["kl"] is None
    assert measures["n_images"] == 360
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    assert {row["preferred"] for row in rows} <= {*"0123456789", ""}
    assert np.mean([float(row["density"]) for row in rows]) * 16 == pytest.approx(measures["l0"], rel=1e-5)
    assert main(["evaluate", "measured", "--all", *where]) == 0
    said = capsys.readouterr().out
    assert "participation_ratio" in said
    assert "not defined" in said
    assert main(["evaluate", "measured", "--csv", str(tmp_path / "no" / "where.csv"), *where]) == 1
    assert "cannot be written" in capsys.readouterr().err
