"""The questions the helper answers, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from sae_core.lens.answers import Answer, Asked, Encoding, LensError
from sae_core.lens.census import take_census
from sae_core.lens.lives import life, matched
from sae_core.lens.maps import latent_map
from sae_core.lens.shelf import Shelf
from sae_core.lens.survey import survey
from sae_core.lens.worth import reading, worth
from sae_core.sparsity import firing_threshold

__all__ = ["QUESTIONS", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """How one kind of question is answered, and on which of the helper's threads: within one, they wait in line."""

    answer: Callable[[Shelf, Asked], Answer]
    thread: Literal["quick", "census", "slow"] = "slow"


def encode(shelf: Shelf, asked: Asked) -> Answer:
    """`Encoding` of the array ``x`` (n, n_pixels) in [0, 1].

    Raises:
        LensError: the images have another size than those the run has learned from.
    """
    x = np.ascontiguousarray(asked.arrays["x"], dtype=np.float32)
    snapshot = shelf.snapshot(asked.run, asked.step)
    n_pixels = snapshot.filters.shape[1]
    if x.ndim != 2 or x.shape[1] != n_pixels:
        raise LensError(f"These images have shape {x.shape}, but {asked.run} looks at rows of {n_pixels} pixels.")
    model = shelf.model(asked.run, asked.step)
    with torch.no_grad():
        codes = model.encode(torch.from_numpy(x))
        x_hat = model.decode(codes)
    threshold = firing_threshold(snapshot.config.activation)
    return Encoding(snapshot.row.step, threshold, codes.numpy(), x_hat.numpy()).to_answer()


def census(shelf: Shelf, asked: Asked) -> Answer:
    """`LatentCensus` over the test set of the run's data set."""
    snapshot = shelf.snapshot(asked.run, asked.step)
    images = shelf.images(snapshot.config.dataset)
    model = shelf.model(asked.run, asked.step)
    n_classes = len(images.class_names)
    return take_census(model, images.test, images.test_labels, n_classes, step=snapshot.row.step).to_answer()


QUESTIONS: dict[str, Question] = {
    "encode": Question(encode, "quick"),
    "census": Question(census, "census"),
    "life": Question(life),
    "map": Question(latent_map),
    "worth": Question(worth),
    "reading": Question(reading),
    "match": Question(matched),
    "survey": Question(survey),
}
"""Every question by name."""
