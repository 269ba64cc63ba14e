"""Named beginnings: sets of knobs that belong together, for ``penstroke train --preset NAME``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sae_core.config import ConfigError

__all__ = ["PRESETS", "preset"]

PRESETS: dict[str, Mapping[str, Any]] = {
    "textbook": {"method": "textbook", "steps": 400},
    "textbook-digits": {
        "method": "textbook",
        "dataset": "mnist",
        "n_latents": 196,
        "rho": 0.1,
        "weight_decay": 3e-3,
        "beta": 3.0,
        "steps": 400,
    },
}
"""``textbook``: CS294A's exercise, 64-25-64 on 10,000 patches of 8×8; ``textbook-digits``: UFLDL's "Vectorization",
784-196-784 on the first 10,000 digits. 400 iterations of L-BFGS each, as there."""


def preset(name: str) -> dict[str, Any]:
    """The knobs of the preset called ``name``.

    Raises:
        ConfigError: there is none.
    """
    if name not in PRESETS:
        raise ConfigError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    return dict(PRESETS[name])
