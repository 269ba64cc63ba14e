"""How a model treats each test image: how well it copies it, how many latents that takes, where its code lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sae_core.anatomy import plane
from sae_core.lens.answers import Answer, Asked
from sae_core.metrics import image_fvu
from sae_core.probe import ProbeResult
from sae_core.sparsity import firing_threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sae_core.data import Images
    from sae_core.lens.shelf import Shelf
    from sae_core.model import SparseAutoencoder
    from sae_core.probe import Classifier

__all__ = ["BINS", "MAPPED", "survey", "take_survey"]

CHUNK = 500
"""Images at a time: their codes stay in the cache."""

MAPPED = 2_000
"""Test images on the map of code space, the first ones."""

BINS = 40


def survey(shelf: Shelf, asked: Asked) -> Answer:
    """`take_survey` of the run's test set, with the run's probe where it is as wide as the codes."""
    model = shelf.model(asked.run, asked.step)
    snapshot = shelf.snapshot(asked.run, asked.step)
    probe = ProbeResult.load(shelf.run(asked.run).path)
    fits = probe is not None and probe.classifier.weights.shape[1] == len(snapshot.filters)
    found = take_survey(model, shelf.images(snapshot.config.dataset), probe.classifier if probe and fits else None)
    about = {"step": snapshot.row.step, "n_latents": len(snapshot.filters)}
    return Answer(found, {**about, "threshold": firing_threshold(snapshot.config.activation)})


@torch.no_grad()
def take_survey(model: SparseAutoencoder, images: Images, probe: Classifier | None = None) -> dict[str, NDArray[Any]]:
    """Of n test images: ``fvu`` (n,) per image, ``l0`` (n,) latents that fire; ``places`` (at most `MAPPED`, 2) on the
    plane of code space (`anatomy.plane`) and ``shares`` (2,) of the variance its directions hold; ``edges``
    (`BINS` + 1,) and ``counts`` (`BINS`,) of the codes that fire, over all images and latents, the last bin taking
    what is beyond; ``answers`` (n,) the probe's, empty without one.
    """
    threshold = firing_threshold(model.config.activation)
    end = 1.0 if model.config.activation == "sigmoid" else _largest(model, images.test[:CHUNK])
    edges = np.linspace(0.0, end, BINS + 1)
    counts = np.zeros(BINS, np.int64)
    fvu, l0, answers, mapped = [], [], [], []
    for start in range(0, len(images.test), CHUNK):
        x = images.test[start : start + CHUNK]
        codes = model.encode(torch.from_numpy(x))
        fvu.append(image_fvu(x, model.decode(codes).numpy(), images.mean))
        firing = codes[codes > threshold].numpy()
        counts += np.histogram(np.minimum(firing, edges[-1]), edges)[0]
        l0.append((codes > threshold).sum(1).numpy())
        if probe is not None:
            answers.append(probe.predict(codes.numpy()))
        if start < MAPPED:
            mapped.append(codes.numpy()[: MAPPED - start])
    places, shares = plane(np.concatenate(mapped))
    return {
        "fvu": np.concatenate(fvu),
        "l0": np.concatenate(l0).astype(np.int64),
        "places": places.astype(np.float32),
        "shares": shares,
        "edges": edges.astype(np.float32),
        "counts": counts,
        "answers": np.concatenate(answers) if answers else np.zeros(0, np.int64),
    }


def _largest(model: SparseAutoencoder, x: NDArray[np.float32]) -> float:
    """Where the histogram of codes ends: half as far again as the largest code of a few images; 1 where none fires."""
    most = float(model.encode(torch.from_numpy(x)).max())
    return 1.5 * most if most > 0 else 1.0
