"""The images that are always shown, beside their reconstructions."""

from __future__ import annotations

import numpy as np

from sae_core.data.images import Floats, Images

__all__ = ["fixed_digits"]

N_DIGITS = 8
TURNED = 4
"""Which of the fixed digits is shown turned: on MNIST a 4."""


def fixed_digits(images: Images) -> tuple[Floats, tuple[str, ...]]:
    """(10, n_pixels) images and their names: the first eight test images, then two strangers.

    The strangers ask "does it just copy?": a centred patch of static, half as wide as the image, and one of the
    digits turned by a quarter (a picture that is not square by a half, a vector back to front). What has learned
    digits, rather than the identity, reconstructs both badly. A test set of fewer than eight shows all it has.
    """
    x = images.test[:N_DIGITS]
    names = [_name(images, i) for i in range(len(x))]
    which = min(TURNED, len(x) - 1)
    return np.stack([*x, _static(images.image_shape), _turned(x[which], images.image_shape)]), (
        *names,
        "static",
        f"{names[which]}, {'turned' if len(images.image_shape) > 1 else 'reversed'}",
    )


def _name(images: Images, i: int) -> str:
    if images.test_labels is None:
        return f"{'image' if len(images.image_shape) > 1 else 'vector'} {i + 1}"
    return images.class_names[int(images.test_labels[i])]


def _turned(x: Floats, image_shape: tuple[int, ...]) -> Floats:
    if len(image_shape) == 1:
        return x[::-1]
    square = image_shape[0] == image_shape[1]
    return np.rot90(x.reshape(image_shape), 1 if square else 2).ravel()


def _static(image_shape: tuple[int, ...]) -> Floats:
    static = np.zeros(image_shape, np.float32)
    middle = tuple(slice(length // 4, length - length // 4) for length in image_shape[:2])
    static[middle] = np.random.default_rng(0).random(static[middle].shape, np.float32)
    return static.ravel()
