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
    digits turned by a quarter. What has learned digits, rather than the identity, reconstructs both badly.
    """
    x = images.test[:N_DIGITS]
    names = [_name(images, i) for i in range(len(x))]
    turned = np.rot90(images.test[TURNED].reshape(images.image_shape)).ravel()
    return np.stack([*x, _static(images.image_shape), turned]), (*names, "static", f"{names[TURNED]}, turned")


def _name(images: Images, i: int) -> str:
    if images.test_labels is None:
        return f"image {i + 1}"
    return images.class_names[int(images.test_labels[i])]


def _static(image_shape: tuple[int, ...]) -> Floats:
    height, width = image_shape[:2]
    static = np.zeros(image_shape, np.float32)
    patch = static[height // 4 : height - height // 4, width // 4 : width - width // 4]
    patch[...] = np.random.default_rng(0).random(patch.shape, np.float32)
    return static.ravel()
