"""A folder of pictures: all of one size, in subfolders by class or all in one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sae_core.data.images import DataError
from sae_core.data.own.arrays import BROKEN, Found, read_arrays

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["read_folder"]

Array = NDArray[Any]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
LARGEST = 2**32
"""Bytes of pixels a folder may come to: pictures have to be unpacked before they can be learned from."""
IDX_NAMES = ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")


def read_folder(folder: Path) -> Found:
    """The pictures under ``folder``, sorted by name: grey ones as (n, height, width), colour as (…, 3), 8 bits each.

    ``train`` and ``test`` (or ``val``) are taken as such; below, the names of subfolders are the labels. A folder with
    MNIST's four files in it is read as those.

    Raises:
        DataError: there are none, they differ in size, one is damaged, or they are too many: one sentence.
    """
    for name in IDX_NAMES:
        if (folder / name).is_file():
            return read_arrays(folder / name)
    test = next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)
    if test is None or not (folder / "train").is_dir():
        return _pictures(folder)
    train, held_out = _pictures(folder / "train"), _pictures(test)
    if train.train.shape[1:] != held_out.train.shape[1:]:
        raise DataError(
            f"The pictures in {folder / 'train'} are {_size(train.train)}, those in {test} {_size(held_out.train)}."
        )
    return Found(train.train, train.train_labels, held_out.train, held_out.train_labels)


def _size(pixels: Array) -> str:
    return " × ".join(str(length) for length in pixels.shape[1:])


def _pictures(folder: Path) -> Found:
    try:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}.") from None
    if not paths:
        raise DataError(f"There are no pictures in {folder}: it should hold {', '.join(PICTURES[:3])}, … files.")
    first, colour = _look(paths[0])
    colour = colour or any(_look(path)[1] for path in paths[1:50])
    shape = (len(paths), first[1], first[0], *((3,) if colour else ()))
    if (size := int(np.prod(shape, dtype=np.int64))) > LARGEST:
        raise DataError(
            f"The {len(paths):,} pictures in {folder} have {size:,} bytes of pixels: save them as one .npy."
        )
    pixels = np.empty(shape, np.uint8)
    for i, path in enumerate(paths):
        pixels[i] = _decode(path, first, paths[0], colour=colour)
    classes = [path.parent.relative_to(folder).as_posix() for path in paths]
    labels = np.array(classes) if "." not in classes and len(set(classes)) > 1 else None
    return Found(pixels, labels)


def _look(path: Path) -> tuple[tuple[int, int], bool]:
    """(width, height), and whether it has colours, from its header alone."""
    with _opened(path) as image:
        return image.size, image.mode not in {"1", "L", "I", "I;16", "F", "LA"}


def _decode(path: Path, size: tuple[int, int], model: Path, *, colour: bool) -> Array:
    with _opened(path) as image:
        if image.size != size:
            raise DataError(
                f"Pictures differ in size: {model.name} has {size[0]} × {size[1]} pixels, "
                f"{path.name} {image.size[0]} × {image.size[1]}; all must have the same."
            )
        try:
            if image.mode in {"I", "I;16"}:  # 16-bit grey; Pillow would cut it off at 255
                return np.asarray(np.clip(np.asarray(image, np.float64) / 257, 0, 255).round(), np.uint8)
            return np.asarray(image.convert("RGB" if colour else "L"))
        except BROKEN as error:
            raise DataError(f"The picture {path} is damaged: {error}.") from None


def _opened(path: Path) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except UnidentifiedImageError:
        raise DataError(f"{path} is no picture, or a damaged one.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"The picture {path} is too large to be true.") from None
    except BROKEN as error:
        raise DataError(f"The picture {path} cannot be read: {error}.") from None
