"""Data of one's own: what is accepted, and how it is scaled, split and labelled."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from sae_core.data import DataError, Stored, fixed_digits, load_images
from sae_core.data.idx import read_idx
from sae_core.data.own import absolute, is_own, label_of, load_own
from tests.data.own import COLOUR, GREY, LABELS, Array, idx, pictures, saved


def rows_of(x: Array, array: Array) -> bool:
    """Whether all of x are 8-bit images of ``array``, divided by 255."""
    known = {row.tobytes() for row in (array.reshape(len(array), -1) / np.float32(255)).astype(np.float32)}
    return all(row.tobytes() in known for row in np.asarray(x))


def test_grey_images_are_divided_by_255_and_a_sixth_is_held_out(tmp_path: Path) -> None:
    """30 images, no test set: 5 are held out, none is lost, and the same ones each time."""
    np.save(tmp_path / "grey.npy", GREY)
    images = load_images(str(tmp_path / "grey.npy"))
    assert (images.name, images.image_shape, images.train.shape, images.test.shape) == (
        "grey",
        (6, 4),
        (25, 24),
        (5, 24),
    )
    assert rows_of(np.concatenate([images.train, images.test]), GREY)
    assert len(np.unique(np.concatenate([images.train, images.test]), axis=0)) == 30
    again = load_images(str(tmp_path / "grey.npy"))
    assert np.array_equal(images.train, again.train)
    assert images.fingerprint == again.fingerprint
    assert "30 images of 6×4, without labels, 5 of them held out at random; numbers divided by 255." in images.note


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (COLOUR, (6, 4, 3)),
        (np.moveaxis(COLOUR, -1, 1), (6, 4, 3)),
        (np.concatenate([COLOUR, COLOUR[..., :1]], axis=-1), (6, 4, 3)),
        (GREY[..., None], (6, 4)),
        (GREY[:, None], (6, 4)),
        (GREY.reshape(30, 24), (24,)),
        (GREY[:, :4].reshape(30, 16), (4, 4)),
        (GREY[:, :4].reshape(30, 16) / 255, (16,)),
    ],
    ids=[
        "colour",
        "channels first",
        "alpha",
        "one channel",
        "one channel first",
        "vectors",
        "flat 8-bit",
        "activations",
    ],
)
def test_what_the_axes_mean(array: Array, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Colours come last in memory wherever they were; alpha is dropped; flat 8-bit rows of square length are images."""
    np.save(tmp_path / "x.npy", array)
    images = load_images(str(tmp_path / "x.npy"))
    assert images.image_shape == shape
    assert images.n_pixels == np.prod(shape)
    if len(shape) == 3:
        assert rows_of(images.train, COLOUR)


def test_the_path_may_say_how_flat_rows_are_drawn(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", COLOUR.reshape(30, 72))
    assert load_images(f"{tmp_path / 'x.npy'}:6x4x3").image_shape == (6, 4, 3)
    assert load_images(f"{tmp_path / 'x.npy'}:9x8").image_shape == (9, 8)
    with pytest.raises(DataError, match="rows of 72 numbers, which are no 6×5 picture"):
        load_images(f"{tmp_path / 'x.npy'}:6x5")


@pytest.mark.parametrize(
    ("array", "low", "high", "words"),
    [
        (np.array([[0, 65535], [6553, 0]], np.uint16), 0.0, 65535.0, "divided by 65535"),
        (np.array([[0.25, 1.0], [0.0, 0.5]]), 0.0, 1.0, "as they are"),
        (np.array([[True, False], [False, False]]), 0.0, 1.0, "as they are"),
        (np.array([[0, 16], [8, 4]], np.int64), 0.0, 16.0, "divided by 16"),
        (np.array([[-2.0, 6.0], [0.0, 1.0]], np.float32), -2.0, 6.0, "mapped from -2 … 6"),
        (np.array([[5.0, 7.0], [5.0, 6.0]]), 5.0, 7.0, "mapped from 5 … 7"),
    ],
    ids=["16 bit", "unit floats", "yes or no", "integers", "signed", "offset"],
)
def test_one_map_scales_the_whole_set(array: Array, low: float, high: float, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x_train=array, x_test=array[::-1])
    images = load_images(str(tmp_path / "x.npz"))
    assert np.allclose(images.train, (array.astype(np.float64) - low) / (high - low), atol=1e-7)
    assert np.array_equal(images.test, images.train[::-1])
    assert images.train.dtype == np.float32
    assert words in images.note


def test_labels_may_be_any_numbers_or_words(tmp_path: Path) -> None:
    """Beside the file, under a key, or as words; the names of the classes are sorted as what they are."""
    np.save(tmp_path / "x.npy", GREY)
    np.save(tmp_path / "x_labels.npy", LABELS[:, None].astype(np.float64))
    beside = load_images(str(tmp_path / "x.npy"))
    assert beside.class_names == ("5", "6", "7")
    by_image = {row.tobytes(): int(label) for row, label in zip(GREY.reshape(30, -1), LABELS, strict=True)}
    assert beside.train_labels is not None
    for row, label in zip(beside.train, beside.train_labels, strict=True):
        assert beside.class_names[label] == str(by_image[np.rint(row * 255).astype(np.uint8).tobytes()])
    words = np.array(["dog", "cat"])[LABELS % 2]
    keyed = load_images(saved(tmp_path / "k.npz", images=GREY, labels=words, test=GREY[:3], test_labels=words[:3]))
    assert keyed.class_names == ("cat", "dog")
    assert keyed.test_labels is not None
    assert [keyed.class_names[label] for label in keyed.test_labels] == words[:3].tolist()


def test_matlab_files_and_their_samples_on_the_last_axis(tmp_path: Path) -> None:
    """SVHN's ``X`` is (32, 32, 3, n), with n labels: seen by the labels' number."""
    savemat(tmp_path / "x.mat", {"X": np.moveaxis(COLOUR, 0, -1), "y": LABELS[:, None]})
    images = load_images(str(tmp_path / "x.mat"))
    assert images.image_shape == (6, 4, 3)
    assert rows_of(images.train, COLOUR)
    assert images.class_names == ("5", "6", "7")


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_found_by_mnists_names(packed: bool, tmp_path: Path) -> None:
    """Compressed or not, by the file or by its folder."""
    parts = {"train-images-idx3-ubyte": GREY, "train-labels-idx1-ubyte": LABELS}
    parts |= {"t10k-images-idx3-ubyte": GREY[:4], "t10k-labels-idx1-ubyte": LABELS[:4]}
    for name, array in parts.items():
        (tmp_path / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    by_folder = load_images(str(tmp_path))
    by_file = load_images(str(tmp_path / f"train-images-idx3-ubyte{'.gz' if packed else ''}"))
    assert by_folder.train.shape == by_file.train.shape == (30, 24)
    assert np.array_equal(by_folder.test, GREY[:4].reshape(4, -1) / np.float32(255))
    assert by_folder.test_labels is not None
    assert [by_folder.class_names[label] for label in by_folder.test_labels] == ["5", "6", "7", "5"]


def test_the_bundled_mnist_is_the_same_by_its_path() -> None:
    """A row of it, at least: the whole takes seconds."""
    from sae_core.data.datasets import bundled_mnist
    from sae_core.data.own.arrays import read_arrays

    found = read_arrays(bundled_mnist()[2])
    assert np.array_equal(found.train, read_idx(bundled_mnist()[2], 3))
    assert found.train_labels is not None
    assert found.train_labels[:4].tolist() == [7, 2, 1, 0]


def test_folders_of_pictures(tmp_path: Path) -> None:
    """Subfolders are classes, train and test are seen, and one colour picture makes all of them colour."""
    pictures(tmp_path / "flat", GREY[:12])
    assert load_images(str(tmp_path / "flat")).train_labels is None
    for name, part in (("ant", slice(0, 8)), ("bee", slice(8, 16))):
        pictures(tmp_path / "classes" / name, COLOUR[part])
        pictures(tmp_path / "split" / "train" / name, GREY[part])
        pictures(tmp_path / "split" / "test" / name, GREY[part][:2])
    classes = load_images(str(tmp_path / "classes"))
    assert (classes.image_shape, classes.class_names) == ((6, 4, 3), ("ant", "bee"))
    assert rows_of(classes.train, COLOUR)
    split = load_images(str(tmp_path / "split"))
    assert (len(split.train), len(split.test), split.image_shape) == (16, 4, (6, 4))
    pictures(tmp_path / "flat", COLOUR[:1], start=90)
    assert load_images(str(tmp_path / "flat")).image_shape == (6, 4, 3)


@pytest.mark.parametrize("make", ["npy", "npz", "idx"])
def test_what_is_larger_than_memory_stays_in_its_file(make: str, tmp_path: Path) -> None:
    """Every way of asking for rows gives what the loaded set has, bit for bit, and so do mean and variance."""
    path = tmp_path / f"x.{make}"
    if make == "npy":
        np.save(path, np.asfortranarray(COLOUR))
    elif make == "npz":
        np.savez(path, x=COLOUR)
    else:
        path.write_bytes(idx(COLOUR))
    loaded, stored = load_own(str(path)), load_own(str(path), in_memory=0)
    assert isinstance(stored.train, Stored)  # type: ignore[unreachable]  # declared as an array
    assert isinstance(stored.train._raw, np.memmap)  # type: ignore[unreachable]  # see above
    x, there = loaded.train, stored.train
    assert there.shape == x.shape
    assert np.array_equal(there[3:9], x[3:9])
    assert np.array_equal(there[np.array([7, 0, 7, 24])], x[np.array([7, 0, 7, 24])])
    assert np.array_equal(there[11], x[11])
    assert np.array_equal(there[-1], x[-1])
    assert np.array_equal(np.asarray(there), x)
    assert np.array_equal(stored.mean, loaded.mean)
    assert (stored.variance, stored.fingerprint) == (loaded.variance, loaded.fingerprint)


def test_one_changed_pixel_changes_the_fingerprint(tmp_path: Path) -> None:
    """And so does one label, even in the test set."""
    prints = set()
    for pixel, label in ((GREY[0, 0, 0], 5), (GREY[0, 0, 0] ^ 1, 5), (GREY[0, 0, 0], 6)):
        array, labels = GREY.copy(), LABELS.copy()
        array[0, 0, 0], labels[0] = pixel, label
        prints.add(load_images(saved(tmp_path / "x.npz", x=array, y=labels)).fingerprint)
    assert len(prints) == 3


def test_the_fixed_digits_of_any_shape() -> None:
    """A quarter turn would shear what is not square, and a vector has no sides: turned by a half, back to front."""
    images = load_own_array(GREY)
    x, names = fixed_digits(images)
    assert x.shape == (7, 24)
    assert np.array_equal(x[6].reshape(6, 4), images.test[4].reshape(6, 4)[::-1, ::-1])
    assert names[5:] == ("static", "image 5, turned")
    vectors = load_own_array(GREY.reshape(30, 24) / 300)
    x, names = fixed_digits(vectors)
    assert np.array_equal(x[6], vectors.test[4][::-1])
    assert (x[5][:6] == 0).all()
    assert (x[5][6:18] != 0).all()
    assert names[0], names[6] == ("vector 1", "vector 5, reversed")


def load_own_array(array: Array) -> Any:
    with io.BytesIO() as file:
        np.save(file, array)
        content = file.getvalue()
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x.npy").write_bytes(content)
        return load_own(str(Path(folder) / "x.npy"))


def test_paths_are_told_from_names_by_their_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on disk is touched; a made-up name is refused with a hint; a path means the same from everywhere."""
    assert [
        name for name in ("mnist", "pictures", "x.npy", "a/b", "C:\\b", "./b", "~/b", "x.npz:28x28") if is_own(name)
    ] == [*("x.npy", "a/b", "C:\\b", "./b", "~/b", "x.npz:28x28")]
    monkeypatch.chdir(tmp_path)
    assert absolute("mnist") == "mnist"
    assert absolute("x.npy:28x28") == f"{(tmp_path / 'x.npy').resolve()}:28x28"
    assert label_of("/a/strokes.npy:28x28") == "strokes"
    with pytest.raises(DataError, match=r"There is no data set 'pictures'; there are mnist, .*or a path such as"):
        load_images("pictures")
