"""Every measure of a model on images: the model encodes and decodes, `sae_core.metrics` does the sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from sae_core.metrics import Measurement, Measures
from sae_core.sparsity import firing_threshold

if TYPE_CHECKING:
    from sae_core.data import Images
    from sae_core.model import SparseAutoencoder

__all__ = ["measure"]

BATCH = 512


@torch.no_grad()
def measure(
    model: SparseAutoencoder,
    images: Images,
    *,
    batch: int = BATCH,
    dead_window: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Measures:
    """All measures of a model on the test images, which it has not learned from; class measures where there are labels.

    ``dead_window`` in images, None for the whole test set; ``progress`` is told how many of how many images are done.
    ρ is that of the config, for a model with sigmoid codes.

    Raises:
        MeasureError: codes or reconstructions are not finite, or all images are the same.
    """
    config, x, labels = model.config, images.test, images.test_labels
    measurement = Measurement(
        config.n_latents,
        len(images.class_names) if labels is not None else 0,
        threshold=firing_threshold(config.activation),
        rho=config.rho if config.activation == "sigmoid" else None,
        dead_window=dead_window,
    )
    for start in range(0, len(x), batch):
        some = x[start : start + batch]
        codes = model.encode(torch.tensor(some, device=model.b_dec.device))
        x_hat = model.decode(codes)
        of_these = None if labels is None else labels[start : start + batch]
        measurement.update(some, codes.cpu().numpy(), x_hat.cpu().numpy(), of_these)
        if progress:
            progress(start + len(some), len(x))
    return measurement.result(model.dictionary.detach().cpu().numpy(), images.atoms)
