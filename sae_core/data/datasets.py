"""The data sets there are, and how each is had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sae_core.data.assets import asset
from sae_core.data.downloads import Archive, Progress
from sae_core.data.idx import read_idx
from sae_core.data.images import DataError, Floats, Images, Labels
from sae_core.data.own import is_own, load_own
from sae_core.data.patches import cut, photographs
from sae_core.data.planted import planted_images

__all__ = ["DATASETS", "MNIST_MD5", "Dataset", "bundled_mnist", "check_dataset", "load_images"]

DIGIT_NAMES = tuple("0123456789")
FASHION_NAMES = (
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
)  # fmt: skip
KMNIST_NAMES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
EMNIST_NAMES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")

MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""MD5 of the uncompressed files, as published."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is known of a data set before it is loaded."""

    name: str
    label: str
    summary: str
    image_shape: tuple[int, int]
    make: Callable[[], Images] | None = None
    """For the sets that need no network."""
    archive: Archive | None = None
    class_names: tuple[str, ...] = ()
    transposed: bool = False
    """Whether its files hold columns where the others hold rows."""

    def at_hand(self) -> bool:
        """Whether it loads without a network."""
        return self.archive is None or self.archive.paths() is not None


def load_images(name: str = "mnist", *, download: bool = True, progress: Progress | None = None) -> Images:
    """The images of the data set called ``name``, or in a file or folder of one's own (`sae_core.data.own`).

    ``progress`` is told of a download, or of how much of the file has been looked at.

    Raises:
        DataError: there is no such data set, it cannot be had, or its files are damaged.
    """
    check_dataset(name)
    if name not in DATASETS:
        return load_own(name, progress)
    dataset = DATASETS[name]
    if dataset.make:
        return dataset.make()
    assert dataset.archive, f"{name} is neither made nor downloaded"
    paths = dataset.archive.paths()
    if paths is None and not download:
        raise DataError(f"{dataset.label} is not on this machine; {dataset.archive.by_hand()}")
    return _from_idx(dataset, paths or dataset.archive.fetch(progress))


def check_dataset(name: str) -> None:
    """Whether ``name`` is a data set or, by its looks, a path; nothing is read.

    Raises:
        DataError: it is neither.
    """
    if name not in DATASETS and not is_own(name):
        raise DataError(
            f"There is no data set {name[:60]!r}; there are {', '.join(DATASETS)}, or a path such as ./strokes.npy."
        )


def bundled_mnist() -> tuple[Path, ...]:
    """The four files of MNIST that come with Penstroke."""
    try:
        return tuple(asset(f"MNIST/{name}.gz") for name in MNIST_FILES)
    except FileNotFoundError as error:
        raise DataError(str(error)) from error


def _mnist() -> Images:
    return _from_idx(DATASETS["mnist"], bundled_mnist())


def _digits() -> Images:
    """scikit-learn's 8×8 digits: the last fifth, by other writers, is the test set."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x = np.ascontiguousarray(pixels / 16.0, np.float32)
    y = labels.astype(np.int64)
    split = len(x) * 4 // 5
    return Images.of("digits", x[:split], y[:split], x[split:], y[split:], image_shape=(8, 8), class_names=DIGIT_NAMES)


def _patches() -> Images:
    """The course's patches, of the photographs that scikit-learn ships: whitened, cut, normalised."""
    train, test = (np.ascontiguousarray(x, np.float32) for x in cut(photographs()))
    return Images.of("patches", train, None, test, None, image_shape=(8, 8))


def _from_idx(dataset: Dataset, paths: Sequence[Path]) -> Images:
    train, train_labels = _read(dataset, paths[0], paths[1])
    test, test_labels = _read(dataset, paths[2], paths[3])
    return Images.of(
        dataset.name,
        train,
        train_labels,
        test,
        test_labels,
        image_shape=dataset.image_shape,
        class_names=dataset.class_names,
    )


def _read(dataset: Dataset, images: Path, labels: Path) -> tuple[Floats, Labels]:
    pixels, classes = read_idx(images, 3), read_idx(labels, 1)
    if pixels.shape[1:] != dataset.image_shape or not len(pixels):
        raise DataError(f"{images} holds images of shape {pixels.shape}, not (any, {dataset.image_shape}).")
    if len(pixels) != len(classes):
        raise DataError(f"{images} has {len(pixels):,} images, but {labels} has {len(classes):,} labels.")
    if classes.max() >= len(dataset.class_names):
        raise DataError(f"{labels} has a class {classes.max()}, but there are only {len(dataset.class_names)}.")
    if dataset.transposed:
        pixels = pixels.transpose(0, 2, 1)
    return _unit_range(pixels.reshape(len(pixels), -1)), classes.astype(np.int64)


def _unit_range(pixels: NDArray[np.uint8]) -> Floats:
    """Pixels / 255, in pieces that stay in the cache: a fifth of the time that one division takes."""
    x = np.empty(pixels.shape, np.float32)
    for start in range(0, len(x), 256):
        np.divide(pixels[start : start + 256], np.float32(255), out=x[start : start + 256])
    return x


def _archive(label: str, torchvision_name: str) -> Archive:
    return Archive(label, torchvision_name, MNIST_FILES)


_EMNIST_FILES = (
    "emnist-balanced-train-images-idx3-ubyte",
    "emnist-balanced-train-labels-idx1-ubyte",
    "emnist-balanced-test-images-idx3-ubyte",
    "emnist-balanced-test-labels-idx1-ubyte",
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "mnist",
            "MNIST",
            "70,000 handwritten digits, bundled.",
            (28, 28),
            make=_mnist,
            class_names=DIGIT_NAMES,
        ),
        Dataset(
            "fashion-mnist",
            "Fashion-MNIST",
            "70,000 pieces of clothing, downloaded when first used (31 MB).",
            (28, 28),
            archive=_archive("Fashion-MNIST", "FashionMNIST"),
            class_names=FASHION_NAMES,
        ),
        Dataset(
            "kmnist",
            "KMNIST",
            "70,000 handwritten hiragana, downloaded when first used (21 MB).",
            (28, 28),
            archive=_archive("KMNIST", "KMNIST"),
            class_names=KMNIST_NAMES,
        ),
        Dataset(
            "emnist",
            "EMNIST (balanced)",
            "131,600 handwritten digits and letters in 47 classes, downloaded when first used (562 MB).",
            (28, 28),
            archive=Archive("EMNIST (balanced)", "EMNIST", _EMNIST_FILES, zip_folder="gzip"),
            class_names=EMNIST_NAMES,
            transposed=True,
        ),
        Dataset(
            "digits",
            "Small digits",
            "1,797 handwritten digits of 8×8 pixels, from scikit-learn.",
            (8, 8),
            make=_digits,
            class_names=DIGIT_NAMES,
        ),
        Dataset(
            "patches",
            "Natural-image patches",
            "12,000 whitened patches of 8×8 pixels, cut from scikit-learn's two photographs as CS294A does.",
            (8, 8),
            make=_patches,
        ),
        Dataset(
            "planted",
            "Planted strokes",
            "22,000 images made of 64 known strokes: does the dictionary come back?",
            (16, 16),
            make=planted_images,
        ),
    )
}
