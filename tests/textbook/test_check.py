"""Does it name the mistake? Every one is made once, saved as a student would, and found again."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from sae_core.cli import main
from sae_core.textbook.case import assemble
from sae_core.textbook.check import check, hidden_units
from sae_core.textbook.cost import Knobs, Weights, cost_and_gradient
from sae_core.textbook.files import TextbookError, read_arrays
from sae_core.textbook.mistakes import MISTAKES, Mistake, combined

VISIBLE, HIDDEN, M = 9, 5, 300
KNOBS = Knobs(rho=0.05, decay=3e-3, beta=3.0)


def weights() -> Weights:
    random = np.random.default_rng(1)
    shapes = ((HIDDEN, VISIBLE), (VISIBLE, HIDDEN), (HIDDEN,), (VISIBLE,))
    return Weights(*(0.6 * random.standard_normal(shape) for shape in shapes))


X = np.random.default_rng(2).uniform(0.1, 0.9, (M, VISIBLE))


def gradient_with(mistake: Mistake | None = None) -> Weights:
    return cost_and_gradient(weights(), X, KNOBS, *([mistake.formula] if mistake else []))[1]


@pytest.mark.parametrize("order", ["F", "C"])
def test_a_right_gradient_is_right(order: Any):
    report = check(weights().flat(order), X, KNOBS, gradient=gradient_with().flat(order))
    assert report.right
    assert report.order == order
    assert report.numerical < 1e-9
    assert report.mistake is None


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if (m.formula.rho_batch or 0) < M], ids=lambda m: m.name)
def test_every_mistake_is_named(mistake: Mistake):
    report = check(weights().flat(), X, KNOBS, gradient=gradient_with(mistake).flat())
    assert report.right is False
    assert report.mistake is mistake
    assert mistake.advice in report.sentence


def test_two_mistakes_at_once_are_named():
    named = {m.name: m for m in MISTAKES}
    both = combined(named["1/m is missing"], named["sign of the sparsity term"])
    assert both
    report = check(weights().flat(), X, KNOBS, gradient=gradient_with(both).flat())
    assert report.mistake
    assert report.mistake.name == both.name


def test_mistakes_about_the_same_thing_are_not_combined():
    named = {m.name: m for m in MISTAKES}
    assert combined(named["no weight decay"], named["no weight decay on W2"]) is None


def test_a_gradient_saved_with_four_digits_is_still_explained():
    mistake = next(m for m in MISTAKES if m.name == "weight decay without its ½")
    rounded = np.array([float(f"{value:.4g}") for value in gradient_with(mistake).flat()])
    assert check(weights().flat(), X, KNOBS, gradient=rounded).mistake is mistake
    right = np.array([float(f"{value:.4g}") for value in gradient_with().flat()])
    assert "as far as its digits go" in check(weights().flat(), X, KNOBS, gradient=right, order="F").sentence


def test_what_nothing_explains_says_where_it_is_off():
    theirs = gradient_with()
    noise = theirs._replace(b2=np.random.default_rng(0).standard_normal(VISIBLE))
    report = check(weights().flat(), X, KNOBS, gradient=noise.flat(), order="F")
    assert report.mistake is None
    assert "b2 is off, W1, W2, b1 right" in report.sentence


def test_the_width_follows_from_the_length():
    """64-25: 2 · 64 · 25 + 25 + 64 = 3,289 numbers."""
    assert hidden_units(3289, 64) == 25
    assert hidden_units(3290, 64) is None


def save(path: Path, **arrays: Any) -> Path:
    if path.suffix == ".mat":
        savemat(path, arrays)
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        np.savetxt(path, next(iter(arrays.values())), delimiter=",")
    return path


@pytest.mark.parametrize("suffix", [".mat", ".npz", ".csv"])
def test_from_files_on_the_command_line(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """θ and the patches as the course has them, columns being examples; the gradient without its decay."""
    mistake = next(m for m in MISTAKES if m.name == "no weight decay")
    theta = save(tmp_path / f"theta{suffix}", theta=weights().flat().reshape(-1, 1))
    data = save(tmp_path / f"patches{suffix}", patches=X.T)
    grad = save(tmp_path / f"grad{suffix}", grad=gradient_with(mistake).flat().reshape(-1, 1))
    knobs = ["--rho", "0.05", "--lambda", "0.003", "--beta", "3"]
    status = main(["check", str(theta), "--data", str(data), "--grad", str(grad), *knobs, "--json"])
    record = json.loads(capsys.readouterr().out)
    assert status == 1
    assert record["mistake"] == "no weight decay"
    assert (record["n_visible"], record["n_hidden"], record["n_examples"]) == (VISIBLE, HIDDEN, M)
    assert record["terms"]["cost"] == pytest.approx(cost_and_gradient(weights(), X, KNOBS)[0].cost)
    assert main(["check", str(theta), "--data", str(data), *knobs]) == 0
    said = capsys.readouterr().out
    assert "weight decay" in said
    assert "no gradient was given" in said


def test_matrices_do_as_well_as_a_vector():
    case = assemble(weights()._asdict(), {"patches": X.T})
    assert np.array_equal(case.theta, weights().flat())
    assert np.array_equal(case.x, X)


def test_the_courses_images_are_cut_into_patches():
    """IMAGES (height, width, n): 10,000 normalised patches; a gradient of other patches compares with none."""
    theta = {"theta": np.zeros(2 * 64 * 3 + 3 + 64)}
    images = {"IMAGES": np.random.default_rng(0).standard_normal((20, 20, 2))}
    case = assemble(theta, images)
    assert case.x.shape == (10_000, 64)
    assert "cut from your 2 images" in case.note
    with pytest.raises(TextbookError, match="save the patches too"):
        assemble(theta, images, {"grad": theta["theta"]})


class Bomb:
    def __reduce__(self) -> Any:
        return (print, ("unpickled",))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("theta.pkl", b"", "is none of the files that can be read"),
        ("theta.mat", b"\x89HDF\r\n\x1a\n", "version 7.3"),
        ("theta.mat", b"nonsense", "is no MATLAB file"),
        ("theta.npz", b"PK\x03\x04 nonsense", "is no .npz file"),
        ("theta.npy", pickle.dumps(Bomb()), "is no .npy file"),
        ("theta.csv", b"1,2,three", "is no table of numbers"),
        ("theta.csv", b"1,2,nan", "1 values that are no numbers"),
        ("theta.csv", b"1,2,3,4,5", "fits no square patches"),
    ],
)
def test_bad_files_get_a_sentence(name: str, content: bytes, sentence: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(TextbookError, match=sentence):
        assemble(read_arrays(io.BytesIO(content), name))
    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("theta", "x", "options", "sentence"),
    [
        (np.zeros(7), X, {}, "fit no number of hidden units with 9 visible"),
        (weights().flat(), X * 3, {}, "normalise them"),
        (weights().flat(), X, {"gradient": np.zeros(4)}, "The gradient has 4 numbers"),
    ],
)
def test_what_does_not_fit_together_gets_a_sentence(theta: Any, x: Any, options: Any, sentence: str):
    with pytest.raises(TextbookError, match=sentence):
        check(theta, x, KNOBS, **options)


@pytest.mark.parametrize(("option", "value"), [("--rho", "0"), ("--lambda", "-1"), ("--beta", "-1"), ("--order", "up")])
def test_bad_knobs_get_a_sentence(option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    theta = save(tmp_path / "theta.csv", theta=weights().flat())
    assert main(["check", str(theta), option, value]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
