"""How much faster a sweep is on two local workers than on one.

24 trials of one thread each, the first start of the workers counted in. On a quiet machine with two cores the ratio
should be 1.7 at least.
"""

from __future__ import annotations

import argparse
import tempfile
import time

from sae_core import sweep

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Print a table of workers, seconds and ratio."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench sweep", description=__doc__)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=float, default=0.5, help="of each trial, on MNIST")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(arguments)
    seconds = {}
    for workers in (1, asked.workers):
        with tempfile.TemporaryDirectory() as root:
            began = time.perf_counter()
            table = sweep({"seed": range(asked.trials)}, workers=workers, runs=root, epochs=asked.epochs)
            seconds[workers] = time.perf_counter() - began
            assert len(table) == asked.trials
        print(
            f"{workers} workers: {seconds[workers]:7.1f} s, {asked.trials / seconds[workers]:.2f} trials/s", flush=True
        )
    print(f"ratio {seconds[1] / seconds[asked.workers]:.2f}")
    return 0
