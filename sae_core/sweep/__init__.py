"""Many runs at once: grids, random draws and searches, and the path of one knob.

from sae_core import sweep

table = sweep(grid={"penalty_weight": [0.01, 0.03, 0.1], "seed": [0, 1]}, epochs=1, workers=2)
table.plot.scatter(x="l0", y="fvu")

Trials are ordinary runs in ordinary worker processes (`sae_core.runs`); what ties them together is a folder of a few
small files (`sae_core.sweep.folder`). Nothing here needs torch until a worker trains.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sae_core.sweep.drive import sweep
    from sae_core.sweep.folder import SweepFolder, sweeps
    from sae_core.sweep.plan import Plan, Range

__all__ = ["Plan", "Range", "SweepFolder", "sweep", "sweeps"]

_HOMES = {"Plan": "plan", "Range": "plan", "SweepFolder": "folder", "sweep": "drive", "sweeps": "folder"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sae_core.sweep' has no attribute {name!r}")
    return getattr(import_module(f"sae_core.sweep.{_HOMES[name]}"), name)
