"""Makes the bundled plain autoencoder: ``python -m tests.bench.plain_autoencoder [FILE]``.

The network that everything sparse is set beside: method none, 256 latents, MNIST, 10 epochs, seed 0 (half a minute on
one core). Weights are kept as int8 with a float32 scale for each row: 412 KB, FVU .0251 instead of .0247.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from sae_core import Config, load_images, tensorfile, train
from sae_core.metrics import fvu
from tests.conftest import ROOT

TARGET = ROOT / "assets" / "plain-autoencoder" / "weights.safetensors"


def main(target: Path = TARGET) -> None:
    """Train, quantise, say how much that cost, write."""
    images = load_images("mnist")
    config = Config(method="none", n_latents=256, epochs=10, seed=0, threads=1)
    *_, last = train(config, images, every=100_000)
    filters, encoder = quantised(last.filters), quantised(last.encoder)
    arrays = {
        "filters": filters[0],
        "filters.scale": filters[1],
        "encoder": encoder[0],
        "encoder.scale": encoder[1],
        "b_enc": last.b_enc,
        "b_dec": last.b_dec,
        "mean": images.mean,
    }
    codes = np.maximum((images.test - last.b_dec) @ restored(*encoder).T + last.b_enc, 0)
    after = fvu(images.test, codes @ restored(*filters) + last.b_dec)
    header = {
        "step": last.row.step,
        "method": "none",
        "activation": "relu",
        "k": None,
        "threshold": 0.0,
        "fvu": after,
        "l0": float((codes > 0).sum(axis=1).mean()),
    }
    print(
        f"test FVU {last.census.fvu:.4f}, as int8 {after:.4f}; lit {last.census.l0:.1f} and {header['l0']:.1f} of 256"
    )
    target.write_bytes(tensorfile.pack(arrays, header))


def quantised(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 rows and (n_latents,) float32 scales: weights ≈ rows · scales."""
    scale = np.abs(weights).max(axis=1) / 127
    return np.rint(weights / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def restored(rows: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The weights again."""
    return rows.astype(np.float32) * scale[:, None]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
