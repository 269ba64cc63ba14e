"""``python -m tests.bench NAME``: each benchmark prints a table whose ratios hold where its figures do not."""

from __future__ import annotations

import argparse
import importlib
import sys

BENCHES = {
    "apart": "handles and drawings on the page Take apart, in Chromium",
    "explore": "choosing a unit on the page Features, in Chromium, and the census behind it",
    "dial": "the Penalty path page: from its button to the last point, and its dial, in Chromium",
    "live": "the whole live path: trainer, frames, sockets, Chromium",
    "core": "the training core, against peers",
    "frontier": "FVU against L0 for every method, into assets/frontier",
    "path": "the frontier of warm-started paths beside cold starts, at equal total steps",
    "sweep": "a sweep on two local workers against one",
    "table": "the Compare page with a thousand runs, in Chromium",
}


def main() -> int:
    """Run one benchmark with its own options."""
    named = sys.argv[1:2] and sys.argv[1] in BENCHES  # then -h asks for the benchmark's own options
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, add_help=not named)
    parser.add_argument("name", choices=BENCHES, help="; ".join(f"{name}: {what}" for name, what in BENCHES.items()))
    known, rest = parser.parse_known_args()
    return int(importlib.import_module(f"tests.bench.{known.name}").main(rest))


if __name__ == "__main__":
    sys.exit(main())
