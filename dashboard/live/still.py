"""A picture made from a snapshot, for runs whose worker is gone or was never watched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dashboard.live.messages import Weights
from sae_core.runs.frames import encode_frame
from sae_core.snapshot import Frame, Snapshot
from sae_core.sparsity import firing_threshold

__all__ = ["still"]

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def still(snapshot: Snapshot, weights: Weights, state: str) -> bytes:
    """The payload of ``snapshot`` as a live picture would show it; its number is 0: no picture came before."""
    config, digits = snapshot.config, snapshot.digits
    frame = Frame(
        row=snapshot.row,
        image_shape=snapshot.image_shape,
        filters=signed_bytes(snapshot.filters) if weights == "decoder" else None,
        encoder=signed_bytes(snapshot.encoder) if weights == "encoder" else None,
        lit=lit_bytes(digits.codes, firing_threshold(config.activation)),
        x=grey_bytes(digits.x),
        x_hat=grey_bytes(digits.x_hat),
        digit_names=digits.names,
        digit_fvu=tuple(float(value) for value in digits.fvu),
        digit_l0=tuple(int(value) for value in digits.l0),
        density=snapshot.density,
        dead=snapshot.dead,
        activations=snapshot.activations,
        densities=snapshot.densities,
    )
    extra = {
        "state": state,
        "steps_per_picture": 0,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "rho": config.rho,
        "target": config.target,
    }
    return encode_frame(frame, 0, extra)


def signed_bytes(weights: Floats) -> Bytes:
    """128 is zero; each row is scaled by its own largest magnitude. Shape (n_latents, n_pixels)."""
    largest = np.abs(weights).max(axis=1, keepdims=True)
    return np.rint(128 + 127 * weights / np.where(largest > 0, largest, 1)).astype(np.uint8)


def grey_bytes(pixels: Floats) -> Bytes:
    """[0, 1] → 0..255; what lies beyond is cut off."""
    return np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def lit_bytes(codes: Floats, threshold: float) -> Bytes:
    """0 exactly where a latent does not fire, else 1..255 relative to the digit's strongest. (n_digits, n_latents)."""
    strongest = codes.max(axis=1, keepdims=True)
    share = codes / np.where(strongest > 0, strongest, 1)
    return np.where(codes > threshold, np.rint(1 + 254 * share), 0).astype(np.uint8)
