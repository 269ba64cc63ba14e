"""What cannot be learned from is refused, each in one sentence; any bytes give images or a sentence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from sae_core.data import DataError, load_images, matlab
from tests.data.own import COLOUR, GREY, LABELS, Array, idx, pictures, saved


def nan(x: Array) -> Array:
    x = x.astype(np.float32)
    x[17, 2, 1] = np.nan
    return x


REFUSED: list[tuple[str, Array, str]] = [
    ("nan", nan(GREY), r"Image 17 of .* \(from 0\) has a value that is infinite or not a number"),
    ("constant", np.full((9, 4, 4), 7, np.uint8), "are the same: there is nothing to learn"),
    ("constant floats", np.full((9, 5), -3.5), "are the same: there is nothing to learn"),
    ("empty", np.zeros((0, 4, 4), np.uint8), r"is empty: its shape is \(0, 4, 4\)"),
    ("one", GREY[:1], "has one image only"),
    ("objects", np.array([[{}], [1]], object), "would have to be unpickled"),
    ("words", np.array([["a", "b"], ["c", "d"]]), "which are no numbers"),
    ("complex", np.ones((4, 4), np.complex64), "which are no numbers"),
    ("one axis", np.arange(9), r"has the shape \(9,\)"),
    ("five colours", np.zeros((4, 6, 6, 5)), "neither its second nor its last axis"),
    ("five axes", np.zeros((2, 2, 2, 2, 2)), r"has the shape \(2, 2, 2, 2, 2\)"),
    ("huge images", np.zeros((2, 600, 600), np.uint8), "has 360,000 numbers; at most 262,144 work"),
    ("far apart", np.array([[1e308, 0.0], [-1e308, 1.0]]), "too far to scale"),
]


@pytest.mark.parametrize(("array", "sentence"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_arrays_that_cannot_be_learned_from(array: Array, sentence: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array, allow_pickle=True)  # a pickle is among what is refused
    with pytest.raises(DataError, match=sentence):
        load_images(str(tmp_path / "x.npy"))


def compressed_bomb(folder: Path) -> Path:
    """A .npz whose header announces a terabyte."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**20, 2**20)})
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(100))
    return folder / "bomb.npz"


def mixed(folder: Path, *, colour: bool) -> Path:
    pictures(folder / "mixed", (COLOUR if colour else GREY)[:3])
    pictures(folder / "mixed", (COLOUR if colour else GREY)[:1, :5], start=50)
    return folder / "mixed"


def damaged_picture(folder: Path) -> Path:
    pictures(folder / "torn", GREY[:3])
    whole = (folder / "torn" / "001.png").read_bytes()
    (folder / "torn" / "001.png").write_bytes(whole[:50])
    return folder / "torn"


def cut(folder: Path, array: Array) -> Path:
    np.save(folder / "cut.npy", array)
    whole = (folder / "cut.npy").read_bytes()
    (folder / "cut.npy").write_bytes(whole[:-10])
    return folder / "cut.npy"


def no_pictures(folder: Path) -> Path:
    (folder / "none").mkdir()
    return folder / "none"


def mat73(folder: Path) -> Path:
    (folder / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(600))
    return folder / "new.mat"


def two_arrays(folder: Path) -> Path:
    return Path(saved(folder / "two.npz", a=GREY, b=GREY))


def wrong_labels(folder: Path) -> Path:
    return Path(saved(folder / "labels.npz", x=GREY, y=LABELS[:7]))


def half_labels(folder: Path) -> Path:
    return Path(saved(folder / "half.npz", x=GREY, y=LABELS / 4))


def other_test(folder: Path) -> Path:
    return Path(saved(folder / "other.npz", x_train=GREY, x_test=GREY[:, :5]))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (compressed_bomb, "is compressed and has 1,099,511,627,776 bytes unpacked"),
        (lambda f: mixed(f, colour=True), "differ in size: 000.png has 4 × 6 pixels, 050.png 4 × 5"),
        (lambda f: mixed(f, colour=False), "all must have the same"),
        (damaged_picture, "001.png is damaged"),
        (lambda f: cut(f, GREY), "is cut short"),
        (no_pictures, "There are no pictures in"),
        (mat73, "save it with `-v7`"),
        (two_arrays, "holds a, b: name the images x"),
        (wrong_labels, "has 30 images, but 7 labels"),
        (half_labels, "whole numbers or words"),
        (other_test, r"training images of shape \(6, 4\), but test images of \(5, 4\)"),
        (lambda f: f / "nothing.npy", "There is no file or folder"),
    ],
)
def test_files_that_cannot_be_learned_from(make: Callable[[Path], Path], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        load_images(str(make(tmp_path)))
    assert "\n" not in str(caught.value)


def whole_file(suffix: str) -> bytes:
    with io.BytesIO() as file:
        if suffix == ".npy":
            np.save(file, GREY)
        elif suffix == ".npz":
            np.savez(file, x=GREY, y=LABELS)
        elif suffix == ".mat":
            savemat(file, {"x": GREY, "y": LABELS})
        else:
            file.write(idx(GREY))
        return file.getvalue()


WHOLE = {suffix: whole_file(suffix) for suffix in (".npy", ".npz", ".mat", ".idx")}

CHANGES = st.one_of(
    st.binary(max_size=300).map(lambda junk: ("junk", junk, 0)),
    st.tuples(st.just("cut"), st.just(b""), st.integers(0, 2000)),
    st.tuples(st.just("overwrite"), st.binary(min_size=1, max_size=8), st.integers(0, 1500)),
)


@given(change=CHANGES)
@example(change=("overwrite", b"\x2b", 145))
@example(change=("overwrite", b"\x20\x0e", 183))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_of_a_mat_file_give_images_or_a_sentence(change: tuple[str, bytes, int], tmp_path: Path) -> None:
    """The same, fewer times: SciPy's reader crashes on some, so each is read in a process of its own."""
    hold_to_images_or_a_sentence(".mat", change, tmp_path)


def test_a_crash_of_the_reader_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever a file makes of it."""
    monkeypatch.setattr(matlab, "SCRIPT", "import os; os.abort()")
    (tmp_path / "x.mat").write_bytes(WHOLE[".mat"])
    with pytest.raises(DataError, match="cannot be read as .mat: its reader crashed"):
        load_images(str(tmp_path / "x.mat"))


@given(suffix=st.sampled_from([suffix for suffix in WHOLE if suffix != ".mat"]), change=CHANGES)
@example(suffix=".npy", change=("overwrite", b"9", 60))
@example(suffix=".idx", change=("overwrite", b"\xff\xff", 4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_images_or_a_sentence(suffix: str, change: tuple[str, bytes, int], tmp_path: Path) -> None:
    """Junk, files cut short and files with some bytes changed: never another error, never half of the images."""
    hold_to_images_or_a_sentence(suffix, change, tmp_path)


def hold_to_images_or_a_sentence(suffix: str, change: tuple[str, bytes, int], tmp_path: Path) -> None:
    how, junk, at = change
    whole = WHOLE[suffix]
    content = {"junk": junk, "cut": whole[:at], "overwrite": whole[:at] + junk + whole[at + len(junk) :]}[how]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    try:
        images = load_images(str(path))
    except DataError as error:
        sentence = str(error)
    else:
        sentence = f"{path} gives images."
        assert images.train.dtype == np.float32
        assert np.isfinite(images.train).all()
        assert 0 <= images.train.min() <= images.train.max() <= 1
        assert len(images.train) + len(images.test) >= 2
    assert str(path) in sentence
    assert "\n" not in sentence
