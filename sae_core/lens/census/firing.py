"""Which latent fires on which image, how strongly, and what it contributes: one pass over the test set."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array
from torch import Tensor

from sae_core.model import SparseAutoencoder
from sae_core.sparsity import firing_threshold

__all__ = ["Firing", "look"]

CHUNK = 500
"""Images at a time: their codes stay in the cache."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Firing:
    """A model's codes of n images, in C classes (1 where there are no labels).

    Shapes: ``codes`` sparse (n, L), only codes above ``threshold``; ``sums`` (C, L) of all codes, ``fires`` (C, L)
    how many are above the threshold; ``removal`` (C, L) by how much Σ‖x − x_hat‖² rises when the latent's codes
    become 0, ‖e + c d‖² − ‖e‖² = 2 c e·d + c² ‖d‖² summed over the images; ``counts`` (C,) images; ``errors`` (C,)
    Σ‖x − x_hat‖²; ``variances`` (C,) Σ‖x − mean‖² around the mean of all n images.
    """

    codes: csc_array
    threshold: float
    sums: Doubles
    fires: Doubles
    removal: Doubles
    counts: Doubles
    errors: Doubles
    variances: Doubles


def look(
    model: SparseAutoencoder,
    x: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    n_classes: int,
    threads: int | None = None,
) -> Firing:
    """Encode all of ``x`` (n, n_pixels) in [0, 1]; ``labels`` (n,) are in [0, n_classes).

    Chunks of images are shared out among ``threads`` (all cores if None) that torch gives one core each: beside a run
    that trains, torch's own threads would wait for one another at every product. The result depends on neither.
    """
    n_latents = model.b_enc.shape[0]
    classes = max(1, n_classes) if labels is not None else 1
    kinds = labels if labels is not None else np.zeros(len(x), np.int64)
    one_hot = np.eye(classes, dtype=np.float32)[kinds]
    norms = model.dictionary.square().sum(1)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        starts = range(0, len(x), CHUNK)
        chunks = [slice(start, start + CHUNK) for start in starts]
        looks = list(pool.map(lambda chunk: _look(model, x[chunk], one_hot[chunk], norms), chunks))
    totals = np.zeros((3, classes, n_latents))
    errors = np.zeros(classes)
    for one in looks:  # in the images' order, whichever was ready first
        totals += one.totals
        errors += one.errors
    centred = x - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    squares = np.einsum("ij,ij->i", centred, centred, dtype=np.float64)
    return Firing(
        codes=_stack([one.sparse for one in looks], n_latents),
        threshold=firing_threshold(model.config.activation),
        sums=totals[0],
        fires=totals[1],
        removal=totals[2],
        counts=one_hot.sum(axis=0, dtype=np.float64),
        errors=errors,
        variances=one_hot.T.astype(np.float64) @ squares,
    )


class _Part(NamedTuple):
    """One chunk's share of a `Firing`; ``sparse`` holds values, latents, and how many each image has."""

    totals: NDArray[np.float32]
    errors: NDArray[np.float32]
    sparse: tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]


@torch.no_grad()
def _look(model: SparseAutoencoder, x: NDArray[np.float32], one_hot: NDArray[np.float32], norms: Tensor) -> _Part:
    rows, hot = torch.tensor(x), torch.tensor(one_hot).T
    codes = model.encode(rows)
    error = rows - model.decode(codes)
    fires = codes > firing_threshold(model.config.activation)
    rise = torch.mm(error, model.dictionary.T).mul_(2.0).addcmul_(codes, norms).mul_(codes)
    flat = fires.view(-1).nonzero().squeeze(1)
    return _Part(
        torch.stack([torch.mm(hot, values) for values in (codes, fires.to(codes.dtype), rise)]).numpy(),
        torch.mv(hot, error.square().sum(1)).numpy(),
        (codes.view(-1)[flat].numpy(), (flat % codes.shape[1]).to(torch.int32).numpy(), fires.sum(1).numpy()),
    )


def _stack(parts: list[tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]], n_latents: int) -> csc_array:
    values, latents, counts = (np.concatenate([part[i] for part in parts]) for i in range(3))
    starts = np.concatenate([[0], np.cumsum(counts)])
    return csr_array((values, latents, starts), shape=(len(counts), n_latents)).tocsc()
