"""SAELens' folder: what ``SAE.load_from_disk`` reads (sae-lens 6), written from a snapshot and read back.

    codes = act((x − b_dec) @ W_enc + b_enc),   x_hat = codes @ W_dec + b_dec        (``apply_b_dec_to_input``)

is our own model with ``W_enc`` transposed, so codes and reconstructions are the same numbers. ``standard`` holds ReLU
codes (none, l1, and wta once trained), ``topk`` TopK, ``jumprelu`` JumpReLU with its thresholds and BatchTopK with its
one threshold for all (as SAELens exports its own), ``gated`` the gated kind. Sigmoid codes have none there.

**Penalty weights.** Our J is divided by the variance V = mean‖x − mean‖² and our L1 by √V. SAELens (``l1_coefficient``)
and dictionary_learning (``l1_penalty``) minimise mean_b Σ_pixels (x − x_hat)² + c · mean_b Σ_i code_i ‖row_i‖, which is
V·J for

    c = penalty_weight · √V                                                           (`penalty_elsewhere`)

0.1 on MNIST, whose V is 52.7, is 0.73 there.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from sae_core.config import Config
from sae_core.runs.files import RunError
from sae_core.snapshot import Snapshot

__all__ = ["CONFIG", "WEIGHTS", "penalty_elsewhere", "read_saelens", "saelens_files"]

CONFIG, WEIGHTS, SPARSITY = "cfg.json", "sae_weights.safetensors", "sparsity.safetensors"

VERSION = "6.0.0"
"""Of SAELens, whose layout this is: without one it takes a folder for an older layout."""

ARCHITECTURES = {
    "none": "standard",
    "l1": "standard",
    "wta": "standard",
    "topk": "topk",
    "jumprelu": "jumprelu",
    "batch-topk": "jumprelu",
    "gated": "gated",
}

METHODS = {"standard": "l1", "topk": "topk", "jumprelu": "jumprelu", "gated": "gated"}
"""The method that stands for each architecture here."""

Arrays = dict[str, NDArray[np.float32]]


def penalty_elsewhere(penalty_weight: float, variance: float) -> float:
    """The L1 coefficient of SAELens and dictionary_learning for our penalty weight; ``variance`` = mean‖x − mean‖²."""
    return penalty_weight * math.sqrt(variance)


def saelens_files(snapshot: Snapshot) -> dict[str, bytes]:
    """The folder's files by name.

    Raises:
        RunError: SAELens has no architecture for this model.
    """
    config = snapshot.config
    architecture = ARCHITECTURES.get(config.method)
    if config.activation == "sigmoid" or architecture is None:
        raise RunError(
            f"SAELens has no architecture for the method {config.method} with {config.activation} codes: its own are "
            f"{', '.join(sorted(set(ARCHITECTURES.values())))}. Export the weights as safetensors instead."
        )
    n_latents, n_pixels = snapshot.filters.shape
    about: dict[str, Any] = {
        "architecture": architecture,
        "d_in": n_pixels,
        "d_sae": n_latents,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": config.subtract_b_dec,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"sae_lens_version": VERSION, "made_by": "penstroke", "step": snapshot.row.step},
    }
    if architecture == "topk":
        about |= {"k": config.k, "rescale_acts_by_decoder_norm": False}
    density = np.log10(snapshot.census.density + 1e-10).astype(np.float32)
    return {
        CONFIG: json.dumps(about, indent=2).encode(),
        WEIGHTS: safetensors.numpy.save(_weights(snapshot, architecture)),
        SPARSITY: safetensors.numpy.save({"sparsity": density}),
    }


def _weights(snapshot: Snapshot, architecture: str) -> Arrays:
    arrays = {
        "W_enc": np.ascontiguousarray(snapshot.encoder.T),
        "W_dec": snapshot.filters,
        "b_dec": snapshot.b_dec,
    }
    extras = snapshot.extras
    if architecture == "gated":
        arrays |= {"b_gate": snapshot.b_enc, "b_mag": extras["b_mag"], "r_mag": extras["r_mag"]}
    else:
        arrays["b_enc"] = snapshot.b_enc
    if architecture == "jumprelu":
        log, one = extras.get("log_threshold"), extras.get("threshold")
        each = np.exp(log) if log is not None else np.full(len(snapshot.b_enc), max(0.0, float(np.asarray(one))))
        arrays["threshold"] = each.astype(np.float32)
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}


def read_saelens(folder: Path) -> tuple[Config, dict[str, NDArray[np.float32]]]:
    """A folder that SAELens saved, as a config and the tensors of our model (`SparseAutoencoder.tensors`).

    Raises:
        RunError: it is no such folder, or what it holds cannot be expressed here.
    """
    try:
        about = json.loads((folder / CONFIG).read_text("utf-8"))
        weights = {name: array.astype(np.float32) for name, array in _load(folder / WEIGHTS).items()}
        method = METHODS[about["architecture"]]
        _check(about)
        n_latents, n_pixels = weights["W_dec"].shape
        k = {"k": int(about["k"])} if method == "topk" else {}
        config = Config(
            method=method,
            n_latents=n_latents,
            subtract_b_dec=bool(about.get("apply_b_dec_to_input", True)),
            decoder_norm="free",
            **k,
        )
        tensors = {
            "W_enc": np.ascontiguousarray(weights["W_enc"].T),
            "b_enc": weights["b_gate" if method == "gated" else "b_enc"],
            "dictionary": weights["W_dec"],
            "b_dec": weights["b_dec"],
        }
        if method == "gated":
            tensors |= {"b_mag": weights["b_mag"], "r_mag": weights["r_mag"]}
        if method == "jumprelu":
            tensors["log_threshold"] = np.log(np.maximum(weights["threshold"], 1e-30))
        if tensors["W_enc"].shape != (n_latents, n_pixels):
            raise RunError(f"{folder}: W_enc is {weights['W_enc'].shape}, but W_dec is {weights['W_dec'].shape}.")
    except RunError:
        raise
    except OSError as error:
        raise RunError(f"{folder} is no folder that SAELens saved: {error.strerror or error}.") from None
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{folder} cannot be opened as a SAELens folder ({type(error).__name__}: {error}).") from None
    return config, tensors


def _check(about: dict[str, Any]) -> None:
    for name, allowed in (("normalize_activations", "none"), ("reshape_activations", "none")):
        if about.get(name, allowed) != allowed:
            raise RunError(f"{name} is {about[name]!r} there, which cannot be expressed here; fold it first.")
    if about.get("rescale_acts_by_decoder_norm"):
        raise RunError("Its TopK ranks codes by their rows' norms: call fold_W_dec_norm() there, and save again.")


def _load(path: Path) -> dict[str, NDArray[Any]]:
    return safetensors.numpy.load(path.read_bytes())
