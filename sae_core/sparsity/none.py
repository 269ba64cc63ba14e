"""No sparsity: the plain autoencoder that everything else is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sae_core.sparsity.base import Method

if TYPE_CHECKING:
    from sae_core.config import Config

__all__ = ["NoSparsity"]


class NoSparsity(Method):
    """J = reconstruction + decay: it copies well and understands nothing."""

    name = "none"
    label = "None (plain autoencoder)"
    only_lit = True
    summary = "Nothing asks for few active units, so nearly all of them light up for every image."

    def kept(self, config: Config) -> int:
        """All that are positive."""
        return config.n_latents
