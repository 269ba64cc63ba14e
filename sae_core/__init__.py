"""Penstroke's core: train sparse autoencoders on images and see what sparsity does.

    from sae_core import Config, load_images, train

    for snapshot in train(Config(method="l1", epochs=3), load_images("mnist")):
        print(snapshot.row.step, snapshot.census.fvu, snapshot.census.l0)

Names are imported when first used, so that drawing never waits for torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sae_core.census import evaluate
    from sae_core.config import Config, ConfigError
    from sae_core.data import Images, load_images
    from sae_core.measuring import measure
    from sae_core.metrics import Evaluation, Measures
    from sae_core.model import SparseAutoencoder
    from sae_core.runs.run import Run
    from sae_core.snapshot import Snapshot
    from sae_core.sweep.drive import sweep
    from sae_core.sweep.path import train_path
    from sae_core.train import train

__all__ = [
    "Config",
    "ConfigError",
    "Evaluation",
    "Images",
    "Measures",
    "Run",
    "Snapshot",
    "SparseAutoencoder",
    "evaluate",
    "load_images",
    "measure",
    "sweep",
    "train",
    "train_path",
]

_HOMES = {
    "Config": "sae_core.config",
    "ConfigError": "sae_core.config",
    "Evaluation": "sae_core.metrics",
    "Images": "sae_core.data",
    "Run": "sae_core.runs.run",
    "Snapshot": "sae_core.snapshot",
    "SparseAutoencoder": "sae_core.model",
    "Measures": "sae_core.metrics",
    "evaluate": "sae_core.census",
    "load_images": "sae_core.data",
    "measure": "sae_core.measuring",
    "sweep": "sae_core.sweep",
    "train": "sae_core.train",
    "train_path": "sae_core.sweep.path",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sae_core' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Core(ModuleType):
    """Keeps ``sae_core.train`` the function: importing the module of that name would put the module in its place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Core
