"""Batches that are handed out in turns: between them a contestant waits, while the others have the machine."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import torch
from torch import Tensor

from sae_core.data import load_images
from sae_core.training.device import cpu_has_bfloat16
from tests.bench.contestants.spec import Quality, Spec, Turn

__all__ = ["Turns"]

WAKING = 3
"""Steps at the start of every turn that are trained but not timed: the first takes twice as long as those of a training
in one go, which has it once."""


class Turns:
    """Iterating gives ``spec.steps`` batches (batch, n_pixels), shuffled, from one tensor in memory.

    It is as fast as a loader can be, and the same for all. A turn is timed from its batch number `WAKING` to the moment
    the contestant asks for the batch after its last: what comes before (imports, initialisation, caches that the others
    have filled) is not.
    """

    def __init__(self, spec: Spec) -> None:
        torch.set_num_threads(spec.threads)
        torch.manual_seed(0)
        self.spec = spec
        self.images = load_images(spec.dataset)
        self.train = torch.tensor(self.images.train, device=spec.device)
        self.test = torch.tensor(self.images.test, device=spec.device)
        self._order = torch.Generator().manual_seed(0)
        self._out = sys.stdout
        sys.stdout = sys.stderr  # the peers' own prints and progress bars would be taken for answers
        self._resident = resident()

    def __len__(self) -> int:
        return self.spec.steps

    def __iter__(self) -> Iterator[Tensor]:
        order = torch.empty(0, dtype=torch.int64)
        for _ in self.steps():
            if len(order) < self.spec.batch:
                order = torch.randperm(len(self.train), generator=self._order).to(self.train.device)
            rows, order = order[: self.spec.batch], order[self.spec.batch :]
            yield self.train[rows]

    def steps(self) -> Iterator[int]:
        """The same for who has batches of his own."""
        done = 0
        self.say({"ready": True})
        while done < self.spec.steps:
            turn = min(self._asked(), self.spec.steps - done)
            waking = min(WAKING, turn - 1)
            for i in range(turn):
                if i == waking:
                    self._synchronise()
                    began = time.perf_counter()
                yield done
                done += 1
            self._synchronise()
            self.say({"images": (turn - waking) * self.spec.batch, "seconds": time.perf_counter() - began})

    def judge(self, encode: Any, decode: Any) -> None:
        """Say how good the codes and reconstructions of the test images are; both functions take a batch."""
        grown = resident() - self._resident
        error, squares, fires = 0.0, 0.0, torch.zeros(self.spec.width, device=self.test.device)
        mean = self.test.mean(0)
        with torch.no_grad():
            for x in self.test.split(500):
                codes = encode(x)
                error += float((decode(codes) - x).square().sum())
                squares += float((x - mean).square().sum())
                fires += (codes > 0).float().sum(0)
        quality = Quality(
            fvu=error / squares,
            l0=float(fires.sum()) / len(self.test),
            dead=float((fires == 0).float().mean()),
            megabytes=grown / 1e6,
        )
        self.say(vars(quality))

    def say(self, record: dict[str, Any]) -> None:
        """Answer the race."""
        self._out.write(json.dumps(record) + "\n")
        self._out.flush()

    def products(self) -> None:
        """Instead of training: the five dense products a step cannot do without, as fast as this machine has them."""
        spec, d = self.spec, self.train.shape[1]
        results = {}
        emulated = spec.device == "cpu" and not cpu_has_bfloat16()
        for dtype in (torch.float32,) if emulated else (torch.float32, torch.bfloat16):
            x = torch.randn(spec.batch, d, device=spec.device).to(dtype)
            W = torch.randn(spec.width, d, device=spec.device).to(dtype)
            codes = torch.randn(spec.batch, spec.width, device=spec.device).to(dtype)
            results[str(dtype).removeprefix("torch.")] = (x, W, codes)
        self.say({"ready": True})
        while milliseconds := self._asked():
            turns = {name: self._multiply(*arrays, milliseconds / 1000) for name, arrays in results.items()}
            self.say({name: vars(turn) for name, turn in turns.items()})

    def _multiply(self, x: Tensor, W: Tensor, codes: Tensor, seconds: float) -> Turn:
        images, began = 0, 0.0
        for i in range(1_000_000):
            if i == 1:
                self._synchronise()
                images, began = 0, time.perf_counter()
            _ = x @ W.T, codes @ W, x @ W.T, codes.T @ x, codes.T @ x
            images += self.spec.batch
            if i and time.perf_counter() - began > seconds:
                break
        self._synchronise()
        return Turn(images, time.perf_counter() - began)

    def _synchronise(self) -> None:
        if self.spec.device == "cuda":
            torch.cuda.synchronize()

    @staticmethod
    def _asked() -> int:
        """The length of the next turn, in steps (for the products: milliseconds); 0 at the end."""
        line = sys.stdin.readline()
        return int(line) if line.strip() else 0


def resident() -> int:
    """Bytes of memory this process has."""
    return int(psutil.Process().memory_info().rss)
