"""What the Features page's routes look up: snapshots and censuses of lately shown runs. Any thread may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from sae_core.lens.answers import Answer, LatentCensus, LensError, Life
from sae_core.lens.latents import unit_rows
from sae_core.runs.files import RunError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sae_core.lens.client import Lens
    from sae_core.runs.folder import Runs
    from sae_core.snapshot import Snapshot

__all__ = ["Cabinet", "Shown", "quantised"]

KEPT = 4
"""Snapshots in memory: 6 MB each at 1,024 latents, and as much again for their pictures."""

FRESH = 15.0
"""Seconds for which a training run's census is good enough: taking one costs a core a second."""

PATIENCE = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A snapshot with what its pictures are made from."""

    snapshot: Snapshot
    filters: NDArray[np.uint8]
    encoder: NDArray[np.uint8]
    unit: NDArray[np.float32]
    """The filters at norm 1."""


class Cabinet:
    """One a server."""

    def __init__(self, runs: Runs, lens: Lens) -> None:
        self.runs, self.lens = runs, lens
        self._shown: OrderedDict[tuple[str, int | None, int], Shown] = OrderedDict()
        self._censuses: dict[str, tuple[float, LatentCensus]] = {}
        self._lives: dict[str, tuple[float, Life]] = {}
        self._lock = threading.Lock()

    def shown(self, run_id: str, step: int | None) -> Shown:
        """The run's snapshot of that step, or its newest.

        Raises:
            RunError: there is none, or it is damaged.
        """
        run = self.runs.open(run_id)
        name = "snapshot.safetensors" if step is None else f"history/snapshot-{step:012d}.safetensors"
        try:
            key = run_id, step, (run.path / name).stat().st_mtime_ns
        except OSError:
            which = "yet" if step is None else f"of step {step}"
            raise RunError(f"The run {run_id} has no snapshot {which}.") from None
        with self._lock:
            if key in self._shown:
                self._shown.move_to_end(key)
                return self._shown[key]
        snapshot = run.snapshot() if step is None else run.snapshot_at(step)
        if snapshot is None:
            raise RunError(f"The run {run_id} has no snapshot yet.")
        found = Shown(snapshot, quantised(snapshot.filters), quantised(snapshot.encoder), unit_rows(snapshot.filters))
        with self._lock:
            self._shown[key] = found
            while len(self._shown) > KEPT:
                self._shown.popitem(last=False)
        return found

    def census(self, run_id: str, step: int | None, *, wait: bool) -> LatentCensus | None:
        """The census of that step, or of the newest, perhaps a little older; without ``wait`` only what is at hand.

        Raises:
            LensError: ``wait``, and it cannot be had.
        """
        taken, last = self._censuses.get(run_id, (0.0, None)) if step is None else (0.0, None)
        if last is not None and time.monotonic() - taken < FRESH:
            return last
        # Who only leafs through past steps shall not have a census taken of each.
        past = step is not None and not wait
        future = (self.lens.kept if past else self.lens.begin)("census", run_id, step=step)
        answer = _settled(future, wait=wait) if future is not None else None
        if answer is None:
            return last
        census = LatentCensus.from_answer(answer)
        if step is None:
            _keep(self._censuses, run_id, census)
        return census

    def life(self, run_id: str, *, wait: bool) -> Life | None:
        """Every latent's life so far, perhaps a little older; without ``wait`` only what is at hand.

        Raises:
            LensError: ``wait``, and it cannot be had.
        """
        taken, last = self._lives.get(run_id, (0.0, None))
        if last is not None and time.monotonic() - taken < FRESH:
            return last
        answer = _settled(self.lens.begin("life", run_id), wait=wait)
        if answer is None:
            return last
        life = Life.from_answer(answer)
        _keep(self._lives, run_id, life)
        return life

    def worth(self, run_id: str, step: int | None) -> NDArray[np.float32] | None:
        """(L, C) how the probe's accuracy on each class changes without each latent, once that is worked out."""
        if not (self.runs.open(run_id).path / "probe.json").exists():
            return None
        answer = _settled(self.lens.begin("worth", run_id, step=step), wait=False)
        return answer.arrays["change"] if answer is not None else None


def _keep(kept: dict[str, tuple[float, T]], run_id: str, found: T) -> None:
    kept[run_id] = time.monotonic(), found
    while len(kept) > 2 * KEPT:
        kept.pop(next(iter(kept)))


def _settled(future: Future[Answer], *, wait: bool) -> Answer | None:
    if wait:
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            raise LensError(f"This takes more than {PATIENCE:.0f} seconds on this machine; ask again later.") from None
    return future.result() if future.done() and future.exception() is None else None


def quantised(weights: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rows as a canvas draws them: 128 is zero, each row scaled by its own largest magnitude."""
    largest = np.abs(weights).max(axis=1, keepdims=True)
    scale = np.divide(127.0, largest, out=np.zeros_like(largest), where=largest > 0)
    return np.rint(weights * scale + 128.0).astype(np.uint8)
