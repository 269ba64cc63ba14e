"""The worker: a process that trains one run, steered by its files (see `sae_core.runs`).

from sae_core.runs.worker import work        # in this process
python -m sae_core.runs.worker --root … --run … # in its own: what `Launcher` starts
"""

from sae_core.runs.worker.timing import Timing
from sae_core.runs.worker.work import work

__all__ = ["Timing", "work"]
