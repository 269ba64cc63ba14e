"""The census the Explore pages stand on: everything about every latent, over the whole test set."""

from sae_core.lens.census.firing import Firing, look
from sae_core.lens.census.take import take_census

__all__ = ["Firing", "look", "take_census"]
