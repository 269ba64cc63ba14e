"""Every latent over the whole test set, a slice at a time on copied weights."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sae_core.metrics import Evaluation
from sae_core.model import SparseAutoencoder, array
from sae_core.snapshot import Census, Ints, Snapshot
from sae_core.sparsity import firing_threshold
from sae_core.training.picture import FixedDigits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sae_core.data import Images
    from sae_core.training.step import Trainer
    from sae_core.training.whole import WholeTrainer

__all__ = ["GLANCE", "N_TOP", "CensusJob", "SnapshotJob", "evaluate"]

N_TOP = 16
"""Images kept for each latent, those on which it fires most strongly."""

GLANCE = 1_000
"""Test images that a snapshot for a run's history looks at: a tenth of MNIST's, so that one is had every few steps."""

WHOLE_SLICE = 512
"""Images at a time when nobody waits."""

FIRST_SLICE = 8_192
"""Codes in the first slice; how many images the next ones take follows from the time it took."""

SLICE_SECONDS = 0.005
"""What a slice aims at; it must stay below 10 ms on a noisy machine."""


class CensusJob:
    """A census under way.

    Sums are float64, on the processor. ``x`` (n, n_pixels) float32 in [0, 1]; ``labels`` (n,) in [0, n_classes).
    """

    def __init__(
        self, model: SparseAutoencoder, x: NDArray[np.float32], labels: Ints | None, n_classes: int, n_top: int = N_TOP
    ) -> None:
        self.model, self.x, self.n_top = model, x, n_top
        self.labels = labels if labels is not None else np.zeros(0, np.int64)
        self.done = 0
        n_latents, n_pixels = model.W_enc.shape
        self._threshold = firing_threshold(model.config.activation)
        self._size = max(1, FIRST_SLICE // n_latents)
        self._error = 0.0
        self._pixel_sum, self._pixel_squares = np.zeros(n_pixels), 0.0
        self._fires, self._sum = np.zeros(n_latents), np.zeros(n_latents)
        self._class_sum = np.zeros((n_latents, n_classes if len(self.labels) else 0))
        self._top_codes = model.b_enc.new_zeros((n_latents, n_top), requires_grad=False)
        self._top_images = torch.full((n_latents, n_top), -1, dtype=torch.int64, device=model.b_enc.device)

    @torch.no_grad()
    def slice(self) -> bool:
        """Look at the next few images, as many as fit into 10 ms; whether these were the last."""
        began = time.perf_counter()
        self._look(self.x[self.done : self.done + self._size])
        spent = time.perf_counter() - began
        self._size = max(1, int(self._size * min(2.0, max(0.5, SLICE_SECONDS / spent))))  # one long wait is no trend
        return self.done >= len(self.x)

    def finish(self) -> Census:
        """Look at all that is left, at once."""
        with torch.no_grad():
            while self.done < len(self.x):
                self._look(self.x[self.done : self.done + WHOLE_SLICE])
        return self.census()

    def evaluation(self) -> Evaluation:
        """The numbers over what has been looked at."""
        n = self.done
        variance = self._pixel_squares - float(self._pixel_sum @ self._pixel_sum) / n
        return Evaluation(
            n_images=n,
            mse=self._error / (n * self.x.shape[1]),
            fvu=self._error / variance,
            l0=float(self._fires.sum()) / n,
            l1=float(self._sum.sum()) / n,
            dead_fraction=float((self._fires == 0).mean()),
            density=(self._fires / n).astype(np.float32),
        )

    def census(self) -> Census:
        """Everything over what has been looked at."""
        numbers = self.evaluation()
        per_class = np.bincount(self.labels[: self.done], minlength=self._class_sum.shape[1]) if len(self.labels) else 1
        return Census(
            n_images=numbers.n_images,
            fvu=numbers.fvu,
            l0=numbers.l0,
            l1=numbers.l1,
            dead_fraction=numbers.dead_fraction,
            density=numbers.density,
            mean=(self._sum / self.done).astype(np.float32),
            class_mean=(self._class_sum / np.maximum(per_class, 1)).astype(np.float32),
            top_images=array(self._top_images),
            top_codes=array(self._top_codes),
        )

    def _look(self, x: NDArray[np.float32]) -> None:
        rows = torch.tensor(x, device=self.model.b_dec.device)
        codes = self.model.encode(rows)
        error = self.model.decode(codes).sub_(rows)
        self._error += float(torch.dot(error.view(-1), error.view(-1)))
        self._pixel_sum += x.sum(axis=0, dtype=np.float64)
        self._pixel_squares += float(np.einsum("ij,ij->", x, x, dtype=np.float64))
        self._fires += torch.gt(codes, self._threshold).to(codes.dtype).sum(0).cpu().numpy()
        self._sum += codes.sum(0).cpu().numpy()  # no activation has negative codes: their sum is their L1
        if len(self.labels):
            self._add_classes(codes, self.labels[self.done : self.done + len(x)])
        self._keep_top(codes)
        self.done += len(x)

    def _add_classes(self, codes: Tensor, labels: Ints) -> None:
        one_hot = codes.new_zeros(len(labels), self._class_sum.shape[1])
        one_hot.scatter_(1, torch.tensor(labels, device=codes.device).unsqueeze(1), 1.0)
        self._class_sum += torch.mm(codes.T, one_hot).cpu().numpy()

    def _keep_top(self, codes: Tensor) -> None:
        """Merge in a slice; latents for which it holds nothing stronger, soon most of them, are left alone."""
        better = (codes.amax(0) > self._top_codes[:, -1]).nonzero().squeeze(1)
        fresh = torch.arange(self.done, self.done + len(codes), device=codes.device).expand(len(better), -1)
        both = torch.cat([self._top_codes[better], codes[:, better].T], dim=1)
        images = torch.cat([self._top_images[better], fresh], dim=1)
        top, where = both.topk(self.n_top, dim=1)
        self._top_codes[better] = top
        self._top_images[better] = images.gather(1, where).masked_fill_(top <= 0, -1)


class SnapshotJob:
    """A snapshot under way: everything but the census is captured now, the census follows on the copied weights."""

    def __init__(self, trainer: Trainer | WholeTrainer, most: int | None = None) -> None:
        """Look at all test images, or at ``most`` of them, evenly spread."""
        self._model = trainer.model.twin()
        images = trainer.images
        self._which = None if most is None else _spread(len(images.test), most)
        test, labels = images.test, images.test_labels
        if self._which is not None:
            test, labels = test[self._which], labels[self._which] if labels is not None else None
        self._census = CensusJob(self._model, test, labels, len(images.class_names))
        self._image_shape = images.image_shape
        self._row = trainer.row()
        self._firing = trainer.firing()
        self._digits = FixedDigits(images, trainer.device)
        self._variance = images.variance

    def slice(self) -> bool:
        """One slice of the census, at most 10 ms; whether it was the last."""
        return self._census.slice()

    def finish(self) -> Snapshot:
        """The whole census at once."""
        self._census.finish()
        return self.snapshot()

    def snapshot(self) -> Snapshot:
        """What was captured, with its census."""
        model = self._model
        activations, densities = self._firing.histograms(model.config.activation, self._variance)
        return Snapshot(
            config=model.config,
            row=self._row,
            image_shape=self._image_shape,
            filters=array(model.dictionary),
            encoder=array(model.W_enc),
            b_enc=array(model.b_enc),
            b_dec=array(model.b_dec),
            digits=self._digits(model),
            density=self._firing.density,
            dead=self._firing.dead,
            activations=activations,
            densities=densities,
            census=self._in_the_test_set(self._census.census()),
            extras={extra.name: array(getattr(model, extra.name)) for extra in model.method.extras},
        )

    def _in_the_test_set(self, census: Census) -> Census:
        """Top images by their place in the whole test set, where only some were looked at."""
        if self._which is None:
            return census
        top = census.top_images
        return replace(census, top_images=np.where(top < 0, -1, self._which[np.maximum(top, 0)]))


def _spread(n: int, most: int) -> Ints:
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def evaluate(model: SparseAutoencoder, images: Images) -> Evaluation:
    """How the model does on the test images, which it has not learned from."""
    job = CensusJob(model, images.test, None, 0)
    job.finish()
    return job.evaluation()
