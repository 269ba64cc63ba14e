"""What a running model shows: quantised filters, lit latents, fixed digits and histograms, copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sae_core.data import fixed_digits
from sae_core.metrics import density_histogram, image_fvu
from sae_core.model import SparseAutoencoder, array
from sae_core.snapshot import Bytes, Digits, Floats, Histogram
from sae_core.sparsity import firing_threshold

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["Firing", "FixedDigits", "Quantiser", "activation_histogram", "lit", "pixels", "some_codes"]

N_BINS = 40

MOST_CODES = 2**16
"""Codes a histogram looks at, 20 times a second: 64 images of 1,024 latents, a quarter of a millisecond."""


class FixedDigits:
    """The digits that are always shown, encoded by whatever model is handed over."""

    def __init__(self, images: Images, device: torch.device) -> None:
        self.x, self.names = fixed_digits(images)
        self.mean = images.mean
        self._x = torch.tensor(self.x, device=device)

    @torch.no_grad()
    def __call__(self, model: SparseAutoencoder) -> Digits:
        """Their codes and reconstructions."""
        codes = model.encode(self._x)
        x_hat = array(model.decode(codes))
        fires = codes > firing_threshold(model.config.activation)
        return Digits(
            x=self.x,
            x_hat=x_hat,
            codes=array(codes),
            names=self.names,
            fvu=image_fvu(self.x, x_hat, self.mean),
            l0=fires.sum(1).cpu().numpy(),
        )


class Quantiser:
    """Weights (n_latents, n_pixels) as bytes, through a buffer made once that stays in the processor's cache."""

    ROWS = 256

    def __init__(self, like: Tensor) -> None:
        self._buffer = torch.empty_like(like[: self.ROWS], requires_grad=False)

    @torch.no_grad()
    def __call__(self, weights: Tensor) -> Bytes:
        """128 + 127 w/max|row w|, rounded: 128 is zero, and each row uses its whole range."""
        result = np.empty(weights.shape, np.uint8)
        for first in range(0, len(weights), self.ROWS):
            rows = weights[first : first + self.ROWS]
            scaled = self._buffer[: len(rows)]
            largest = torch.amax(torch.abs(rows, out=scaled), dim=1, keepdim=True).clamp_min_(1e-12)
            torch.mul(rows, largest.reciprocal_().mul_(127.0), out=scaled).add_(128.5)
            # numpy narrows floats to bytes six times as fast as torch
            np.copyto(result[first : first + self.ROWS], scaled.cpu().numpy(), casting="unsafe")
        return result


def lit(digits: Digits, threshold: float) -> Bytes:
    """(n_digits, n_latents): 0 exactly where a latent does not fire, else 1..255 relative to the digit's strongest."""
    strongest = np.maximum(digits.codes.max(axis=1, keepdims=True), 1e-12)
    shades = np.rint(1.0 + 254.0 * (digits.codes / strongest))
    return np.where(digits.codes > threshold, shades, 0.0).astype(np.uint8)


def pixels(x: Floats) -> Bytes:
    """Pixels in [0, 1] as bytes 0..255, clipped."""
    shades: Bytes = np.rint(np.clip(x, 0.0, 1.0) * 255.0).astype(np.uint8)
    return shades


@dataclass(frozen=True, slots=True)
class Firing:
    """Who fired of late, copied: density (n_latents,), dead (n_latents,) of 0 and 1, and some of the last codes."""

    density: Floats
    dead: Bytes
    codes: Tensor

    def histograms(self, activation: str, variance: float) -> tuple[Histogram, Histogram]:
        """Of the codes that fire by magnitude, and of the latents by density."""
        never = (self.dead > 0) | (self.density == 0)
        return activation_histogram(self.codes, activation, variance), density_histogram(self.density, never)


def some_codes(codes: Tensor) -> Tensor:
    """As many rows of ``codes`` (batch, n_latents) as stay below `MOST_CODES`, copied."""
    return codes[: max(1, MOST_CODES // codes.shape[1])].clone()


def activation_histogram(codes: Tensor, activation: str, variance: float) -> Histogram:
    """Codes (any number, n_latents) that fire, by magnitude.

    Bins never move: 40 up to 2√variance for ReLU (codes are in pixel units, an image's distance from the mean
    being √variance), beyond which the last bin takes all; 40 from the threshold to 1 for the sigmoid.
    """
    low = firing_threshold(activation)
    high = 1.0 if activation == "sigmoid" else 2.0 * variance**0.5
    scale = N_BINS / (high - low)
    # bin 0 is for what does not fire: a code in bin b lies in [low + (b − 1)/scale, low + b/scale)
    bins = torch.ceil((codes - low).mul_(scale)).clamp_(0, N_BINS).to(torch.int64).view(-1)
    counts = torch.bincount(bins, minlength=N_BINS + 1)[1:].cpu().numpy().astype(np.float32)
    return Histogram(edges=np.linspace(low, high, N_BINS + 1, dtype=np.float32), counts=counts)
