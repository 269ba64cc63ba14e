"""What a classifier makes of the codes: how its accuracy changes without each latent, and what it reads at any step."""

from __future__ import annotations

import torch

from sae_core.lens.answers import Answer, Asked, LensError
from sae_core.lens.shelf import Shelf
from sae_core.model import array
from sae_core.probe import ProbeResult, accuracy_without
from sae_core.probe.light import light_reading

__all__ = ["reading", "worth"]

CHUNK = 2_000


def worth(shelf: Shelf, asked: Asked) -> Answer:
    """``change`` (n_latents, n_classes): `probe.accuracy_without` over the test set; negative where the latent helps.

    Raises:
        LensError: the run has no probe, or it is of another step than the snapshot.
    """
    snapshot = shelf.snapshot(asked.run, asked.step)
    probe = ProbeResult.load(shelf.run(asked.run).path)
    if probe is None or probe.step != snapshot.row.step:
        raise LensError(f"The run {asked.run} has no probe of step {snapshot.row.step}: `penstroke probe` makes one.")
    images, model = shelf.images(snapshot.config.dataset), shelf.model(asked.run, asked.step)
    if images.test_labels is None:
        raise LensError(f"The images of {images.name} have no labels.")
    with torch.no_grad():
        parts = [model.encode(torch.tensor(images.test[i : i + CHUNK])) for i in range(0, len(images.test), CHUNK)]
    return Answer({"change": accuracy_without(probe.classifier, array(torch.cat(parts)), images.test_labels)})


def reading(shelf: Shelf, asked: Asked) -> Answer:
    """``weights`` (n_classes, n_latents), ``bias`` and ``answers`` (n,) of `probe.light`, fitted to that step's codes.

    Raises:
        LensError: the images have no labels.
    """
    images = shelf.images(shelf.snapshot(asked.run, asked.step).config.dataset)
    found = light_reading(shelf.model(asked.run, asked.step), images)
    if found is None:
        raise LensError(f"The images of {images.name} have no labels.")
    return Answer({"weights": found.weights, "bias": found.bias, "answers": found.answers})
