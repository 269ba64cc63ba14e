"""One contestant's process: ``python -m tests.bench.contestants NAME SPEC``, turns asked for on stdin."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from tests.bench.contestants.spec import Spec

HOMES = {
    "penstroke": ("ours", "float32"),
    "penstroke-bfloat16": ("ours", "bfloat16"),
    "overcomplete": ("peers", "overcomplete"),
    "saelens": ("peers", "saelens"),
    "saelens-autocast": ("peers", "saelens_autocast"),
    "dictionary-learning": ("peers", "dictionary_learning"),
}


def main(name: str, spec: str) -> None:
    """Train in turns, then be judged; ``products`` multiplies matrices instead."""
    from tests.bench.contestants.turns import Turns

    turns = Turns(Spec.from_dict(json.loads(spec)))
    if name == "products":
        turns.products()
        return
    module, function = HOMES[name]
    getattr(import_module(f"tests.bench.contestants.{module}"), function)(turns)


if __name__ == "__main__":
    main(*sys.argv[1:])
