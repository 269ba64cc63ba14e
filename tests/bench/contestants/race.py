"""A race: every contestant in a process of its own, in turns short enough that a shared machine is fair to all."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from sae_core.training.device import cpu_has_bfloat16
from tests.bench.contestants.spec import Quality, Spec, Turn

__all__ = ["PEERS", "Contestant", "Result", "contestants_here", "race"]

PEERS = {
    "overcomplete": "overcomplete",
    "saelens": "sae_lens",
    "saelens-autocast": "sae_lens",
    "dictionary-learning": "dictionary_learning",
}
"""Contestants that are other people's, and the package each needs."""

ROOT = Path(__file__).resolve().parents[3]
PRODUCTS_MS = 400
"""How long the products are measured between two rounds, for each precision."""


@dataclass
class Result:
    """What a contestant came to."""

    name: str
    turns: list[Turn] = field(default_factory=list)
    quality: Quality | None = None
    failed: str = ""

    @property
    def rate(self) -> float:
        """Images a second, the median of its turns: a moment of someone else's work does not count."""
        return statistics.median(turn.rate for turn in self.turns)

    @property
    def best(self) -> float:
        """Images a second in the turn that was least disturbed."""
        return max(turn.rate for turn in self.turns)

    def ratio(self, other: Result) -> float:
        """How many times as fast as another, the median over rounds: in a round both met the same machine."""
        return statistics.median(a.rate / b.rate for a, b in zip(self.turns, other.turns, strict=True))


class Contestant:
    """One process, waiting for its turn."""

    def __init__(self, name: str, spec: Spec) -> None:
        self.result = Result(name)
        command = [sys.executable, "-W", "ignore", "-m", "tests.bench.contestants", name, json.dumps(spec.as_dict())]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def turn(self, length: int) -> dict[str, Any]:
        """Let it have a turn of so many steps."""
        return self._ask(str(length))

    def train(self, steps: int) -> None:
        """A turn whose time counts."""
        if record := self.turn(steps):
            self.result.turns.append(Turn(**record))

    def judged(self) -> None:
        """Hear how good it has become; after its last turn."""
        if record := self._hear():
            self.result.quality = Quality(**record)

    def _ask(self, line: str) -> dict[str, Any]:
        if self.result.failed:
            return {}
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout
        line = "" if self.result.failed else self._process.stdout.readline()
        if line:
            record: dict[str, Any] = json.loads(line)
            return record
        if not self.result.failed:
            self._process.wait()
            assert self._process.stderr
            said = [text for text in self._process.stderr.read().splitlines() if text.strip()]
            self.result.failed = said[-1].strip() if said else "it ended without a word"
        return {}


def contestants_here(device: str = "cpu") -> tuple[list[str], list[str]]:
    """Who can take part on this machine, ours first, and a sentence for each that cannot."""
    missing = sorted({package for package in PEERS.values() if find_spec(package) is None})
    names = ["penstroke", *(name for name, package in PEERS.items() if package not in missing)]
    sentences = []
    if missing:
        sentences.append(
            f"Not installed, so not measured: {', '.join(missing)}. `pip install -e '.[bench]'` brings them."
        )
    if device == "cuda" or cpu_has_bfloat16():
        names.insert(1, "penstroke-bfloat16")
    elif "saelens-autocast" in names:
        names.remove("saelens-autocast")
        sentences.append(
            "This processor multiplies no bfloat16, so neither ours nor SAELens' autocast is measured in it."
        )
    return names, sentences


def race(
    spec: Spec, names: list[str], rounds: int, say: Callable[[str], None]
) -> tuple[list[Result], dict[str, Result]]:
    """Train everybody to the end in ``rounds`` rounds of turns; and, between them, the bare matrix products.

    The order is reversed every round, so that nobody always follows the same one.
    """
    with ExitStack() as stack:
        runners = []
        for name in names:
            say(f"starting {name}")
            runners.append(stack.enter_context(Contestant(name, spec)))
        products = stack.enter_context(Contestant("products", spec))
        rates: dict[str, Result] = {}
        lengths = [spec.steps * (i + 1) // rounds - spec.steps * i // rounds for i in range(rounds)]
        for i, length in enumerate(lengths):
            say(f"round {i + 1} of {rounds}")
            for contestant in runners if i % 2 == 0 else runners[::-1]:
                contestant.train(length)
            for precision, record in products.turn(PRODUCTS_MS).items():
                rates.setdefault(precision, Result(precision)).turns.append(Turn(**record))
        say("judging")
        for contestant in runners:
            contestant.judged()
        return [contestant.result for contestant in runners], rates
