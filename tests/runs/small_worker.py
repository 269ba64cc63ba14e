"""A worker in a process of its own, on the small data set: ``python -m tests.runs.small_worker RUNS ID``."""

import sys

from sae_core.data import planted_images
from sae_core.runs import Runs, Timing, work

QUICK = Timing(
    unwatched_exit=1e9,
    checkpoint_every=0.1,
    snapshot_every=0.1,
    row_first=0.01,
    row_last=0.05,
    status_every=0.05,
    glance=0.005,
    nap=0.002,
    queue_nap=0.01,
    patience=0.5,
    budget=1.0,
    budget_alone=1.0,
)
"""Everything soon, and as much time for it as for training; a worker stays until it is told to stop."""

SIZE = {"n_train": 2048, "n_test": 64, "n_atoms": 16}

if __name__ == "__main__":
    root, run_id = sys.argv[1:]
    try:
        print(work(Runs(root).open(run_id), play=False, images=planted_images(**SIZE), timing=QUICK, slots=64))
    except ValueError as error:
        print(error)
        sys.exit(3)
