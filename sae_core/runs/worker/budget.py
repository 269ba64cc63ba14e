"""Cadence is a budget: what is not training takes at most a share of training time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Budget"]


class Budget:
    """Training earns credit, everything else spends it; all in seconds.

    Attributes:
        trained: time spent in steps.
        spent: time spent on anything else while training was the thing to do.
        step: the last step's time.
    """

    CREDIT = 0.1
    """Credit saved up at most: what is idle for long may not then hold training up for long."""

    LOAN = 0.25
    """Credit that what cannot wait may take before it is earned."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.trained = self.spent = self.step = 0.0
        self._credit = 0.0

    def train(self, seconds: float) -> None:
        """A step took so long."""
        self.trained += seconds
        self.step = seconds
        self._credit = min(self.CREDIT, self._credit + seconds * self.share)

    def spend(self, seconds: float) -> None:
        """Something else did."""
        self.spent += seconds
        self._credit -= seconds

    @property
    def affords(self) -> bool:
        """Whether something that can wait may be done now."""
        return self._credit > 0.0

    @property
    def lends(self) -> bool:
        """Whether something may be done now that cannot be made up for later."""
        return self._credit > -self.LOAN

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Spend what the block takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spend(time.perf_counter() - began)
