"""What a running model shows: quantised filters, lit latents, fixed digits and histograms, copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sae_core.data import fixed_digits
from sae_core.metrics import image_fvu
from sae_core.model import SparseAutoencoder, array
from sae_core.snapshot import Bytes, Digits, Histogram
from sae_core.sparsity import firing_threshold

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["FixedDigits", "activation_histogram", "lit", "pixels", "quantise"]

N_BINS = 40


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
    """Weights (n_latents, n_pixels) as bytes, through a buffer made once."""

    def __init__(self, like: Tensor) -> None:
        self._buffer = torch.empty_like(like, requires_grad=False)

    @torch.no_grad()
    def __call__(self, weights: Tensor) -> Bytes:
        """128 + 127 w/max|row w|, rounded: 128 is zero, and each row uses its whole range."""
        low, high = torch.aminmax(weights, dim=1, keepdim=True)
        largest = torch.maximum(high, low.neg_()).clamp_min_(1e-12)
        torch.mul(weights, largest.reciprocal_().mul_(127.0), out=self._buffer)
        return self._buffer.add_(128.5).to(torch.uint8).cpu().numpy()


def quantise(weights: Tensor) -> Bytes:
    """One-off `Quantiser`."""
    return Quantiser(weights)(weights)


def lit(digits: Digits, threshold: float) -> Bytes:
    """(n_digits, n_latents): 0 exactly where a latent does not fire, else 1..255 relative to the digit's strongest."""
    strongest = np.maximum(digits.codes.max(axis=1, keepdims=True), 1e-12)
    shades = np.rint(1.0 + 254.0 * (digits.codes / strongest))
    return np.where(digits.codes > threshold, shades, 0.0).astype(np.uint8)


def pixels(x: np.ndarray) -> Bytes:  # type: ignore[type-arg]
    """Pixels in [0, 1] as bytes 0..255, clipped."""
    return np.rint(np.clip(x, 0.0, 1.0) * 255.0).astype(np.uint8)


def activation_histogram(codes: Tensor, n_fires: int, activation: str, variance: float) -> Histogram:
    """Codes that fire, by magnitude; ``codes`` (batch, n_latents), ``n_fires`` how many are above the threshold.

    Bins never move: 40 up to 2√variance for ReLU (codes are in pixel units, an image's distance from the mean
    being √variance), beyond which the last bin takes all; 40 from the threshold to 1 for the sigmoid.
    """
    low = firing_threshold(activation)
    high = 1.0 if activation == "sigmoid" else 2.0 * variance**0.5
    counts = torch.histc(codes, bins=N_BINS, min=low, max=high).cpu().numpy().astype(np.float32)
    counts[0] = 0.0  # histc counts the zeros there too, and drops what lies beyond
    beyond = float((codes > high).sum()) if activation == "relu" else 0.0
    counts[-1] += beyond
    counts[0] = max(0.0, n_fires - float(counts.sum()))
    return Histogram(edges=np.linspace(low, high, N_BINS + 1, dtype=np.float32), counts=counts)
