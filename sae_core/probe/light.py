"""A classifier's accuracy in a tenth of a second, for where there are many models to ask: sweeps and paths.

    B = argmin ‖[codes/s, 1] B − (2 · one_hot − 1)‖² + α ‖B‖²,   the class is argmax [codes/s, 1] B

Ridge regression on ±1 targets (Hastie, Tibshirani & Friedman 2009, section 4.2), s the codes' root mean squares, in
closed form. It is a few points below the logistic regression of `sae_core.probe`, and ranks models alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from sae_core.data import Images
    from sae_core.model import SparseAutoencoder

__all__ = ["LEARNS_FROM", "Reading", "light_accuracy", "light_pixels", "light_reading"]

LEARNS_FROM = 10_000
"""Training images it learns from: the first ones, which are in no order in any of the data sets."""

JUDGED_BY = 10_000
"""Test images."""

ALPHA = 1e-3
"""Times the number of images; codes are scaled to a mean square of 1."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the classifier makes of a model's codes: ``weights`` (n_classes, n_latents) on codes, ``bias`` (n_classes,),
    and the ``answers`` (n,) for the test images.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    answers: NDArray[np.int64]


@torch.no_grad()
def light_reading(model: SparseAutoencoder, images: Images) -> Reading | None:
    """The classifier and its answers; None without labels."""
    if images.train_labels is None or images.test_labels is None:
        return None
    return _reading(lambda x: model.encode(torch.from_numpy(x).to(model.b_dec)), images, images.train_labels)


@torch.no_grad()
def light_pixels(images: Images) -> float:
    """The same classifier's accuracy on the raw pixels, for scale; NaN without labels."""
    if images.train_labels is None or images.test_labels is None:
        return float("nan")
    answers = _reading(torch.from_numpy, images, images.train_labels).answers
    return float((answers == images.test_labels[:JUDGED_BY]).mean())


def _reading(
    encode: Callable[[NDArray[np.float32]], Tensor], images: Images, train_labels: NDArray[np.int64]
) -> Reading:
    codes = encode(np.array(images.train[:LEARNS_FROM], np.float32))
    labels = torch.from_numpy(train_labels[:LEARNS_FROM]).to(codes.device, torch.int64)
    scale = codes.square().mean(0).sqrt_().clamp_(min=1e-6)
    features = _with_one(codes / scale)
    targets = torch.nn.functional.one_hot(labels, len(images.class_names)).to(codes.dtype).mul_(2).sub_(1)
    gram = (features.T @ features).double()
    gram.diagonal().add_(ALPHA * len(features))
    weights = torch.linalg.solve(gram, (features.T @ targets).double()).to(codes.dtype)
    answers = (_with_one(encode(np.array(images.test[:JUDGED_BY], np.float32)) / scale) @ weights).argmax(1)
    on_codes = (weights[:-1] / scale[:, None]).T
    return Reading(*(array.cpu().numpy().copy() for array in (on_codes, weights[-1], answers)))


def light_accuracy(model: SparseAutoencoder, images: Images) -> float:
    """Share of test images whose class a linear classifier reads off the codes; NaN without labels."""
    reading = light_reading(model, images)
    if reading is None or images.test_labels is None:
        return float("nan")
    return float((reading.answers == images.test_labels[:JUDGED_BY]).mean())


def _with_one(codes: Tensor) -> Tensor:
    return torch.cat([codes, codes.new_ones(len(codes), 1)], dim=1)
