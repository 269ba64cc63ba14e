"""The feed of a run directory: one reader for all who watch the run, for as long as somebody does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dashboard.live.feed import Feed, Picture
from dashboard.live.messages import Weights
from dashboard.live.still import still
from sae_core.config import Config
from sae_core.runs.events import Applied

if TYPE_CHECKING:
    from dashboard.live.client import Client
    from sae_core.runs.directory import RunDirectory

__all__ = ["RunFeed"]

PICTURE_POLL = 0.01
"""Seconds between looks at the sequence number while a worker lives; a look costs microseconds."""
IDLE_POLL = 0.1
TAIL_POLL = 0.05
STATUS_POLL = 0.5
"""How often the worker's lock is probed: a killed worker is noticed within this."""
LEASE = 1.0
SOON = 0.5
"""Seconds a worker gets to bring a picture before one is made from the last snapshot."""
LATER = 5.0
"""Seconds until a missing or damaged snapshot is looked for again."""

ALIVE = frozenset({"queued", "starting", "training", "paused"})

log = logging.getLogger(__name__)


class RunFeed(Feed):
    """The feed of a run directory, reading as long as somebody watches."""

    def __init__(self, run: RunDirectory, on_empty: Callable[[RunFeed], None] = lambda _: None) -> None:
        super().__init__(run.id, run.config)
        self.lineage = {"parent": run.meta.parent, "step": run.meta.parent_step}
        self.run = run
        self.on_empty = on_empty
        self.alive = True
        self._frames = run.frames()
        self._seen = 0
        self._rows_at = self._applied_at = 0
        self._stamps: dict[str, tuple[int, int]] = {}
        self._due = {"tail": 0.0, "status": 0.0, "lease": 0.0, "still": time.monotonic() + SOON}
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ── who watches ─────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, client: Client) -> None:
        """One more to look; the first makes it read."""
        super().join(client)
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name=f"feed {self.run_id}")
        self.look_again()

    def leave(self, client: Client) -> None:
        """One fewer; after the last it reads no more."""
        super().leave(client)
        if not self.clients:
            self.on_empty(self)

    def look_again(self) -> None:
        """Ask the worker at once for what is now wanted."""
        self._due["lease"] = 0.0
        self._due["still"] = time.monotonic() + SOON

    async def close(self) -> None:
        """Stop reading and let go of the files."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._frames.close()

    async def introduction(self) -> dict[str, Any]:
        """As soon as the files have been read once."""
        await self._ready.wait()
        return await super().introduction()

    def current_config(self) -> Config:
        """The config as the applied changes left it."""
        return self.run.current_config()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _follow(self) -> None:
        try:
            await asyncio.to_thread(self._read_tails)
            self._read_status()
            self._ready.set()
            while True:
                await self._look()
                await asyncio.sleep(PICTURE_POLL if self.alive else IDLE_POLL)
        except (OSError, ValueError) as error:
            self._give_up(str(error))
        except Exception:
            log.exception("reading the run %s", self.run_id)
            self._give_up("something went wrong on the server; its terminal says what.")
        finally:
            self._ready.set()

    def _give_up(self, why: str) -> None:
        """Send everyone away; whoever asks again gets a fresh start."""
        self.say({"t": "status", **self.status, "state": "failed", "reason": why})
        self.say({"t": "error", "message": f"The run {self.run_id} can no longer be read: {why}"})
        for client in list(self.clients):
            client.unwatch()

    async def _look(self) -> None:
        self._read_picture()
        now = time.monotonic()
        if now >= self._due["lease"]:
            self._due["lease"] = now + LEASE
            self._renew_lease()
        if now >= self._due["tail"]:
            self._due["tail"] = now + TAIL_POLL
            if self._read_tails():
                self.changed()
            if self._touched("status.json"):
                self._due["status"] = 0.0
        if now >= self._due["status"]:
            self._due["status"] = now + STATUS_POLL
            self._read_status()
        if now >= self._due["still"]:
            self._due["still"] = now + STATUS_POLL
            await self._make_still()

    def _read_picture(self) -> None:
        seq = self._frames.sequence()
        if seq == self._seen:
            return
        payload = self._frames.read()
        if payload is None:
            return
        self._seen = seq
        picture = Picture.of(payload)
        wanted = self.wanted()
        if len(wanted) == 1:
            self.pictures.clear()
        self.pictures[picture.weights] = picture
        if len(wanted) > 1:
            self.run.renew_watch(weights=_other(picture.weights))
        self.changed()

    def wanted(self) -> set[Weights]:
        """The weights somebody looks at just now: a page that draws nothing (hidden, asleep) asks for none."""
        return {client.weights for client in self.clients if client.attentive}

    def _renew_lease(self) -> None:
        wanted = self.wanted()
        if wanted and self.alive:
            self.run.renew_watch(weights="decoder" if "decoder" in wanted else "encoder")

    def _touched(self, name: str) -> bool:
        try:
            found = (self.run.path / name).stat()
        except FileNotFoundError:
            return False
        stamp = (found.st_mtime_ns, found.st_size)
        if self._stamps.get(name) == stamp:
            return False
        self._stamps[name] = stamp
        return True

    def _read_tails(self) -> bool:
        new = False
        if self._touched("metrics.jsonl"):
            rows, self._rows_at = self.run.rows(self._rows_at)
            self.history.add(rows)
            new = bool(rows)
        if self._touched("applied.jsonl"):
            records, self._applied_at = self.run.applied(self._applied_at)
            self._take_applied(records)
            new = new or bool(records)
        return new

    def _take_applied(self, records: list[Applied]) -> None:
        self.markers.add(records)
        for record in records:
            if record.kind == "refused" and self._ready.is_set():
                self.say({"t": "error", "message": record.reason})

    def _read_status(self) -> None:
        found = self.run.status()
        self.alive = found.state in ALIVE and self.run.alive()
        status = {
            "state": found.state,
            "reason": found.reason,
            "step": found.step,
            "queue": max(0, found.queue - 1),
        }
        if {**status, "step": 0} != {**self.status, "step": 0}:
            self.status_version += 1
            self.status = status
            self.changed()
        self.status = status

    async def _make_still(self) -> None:
        """Where no worker brings the picture somebody wants, make it from the last snapshot."""
        if self.status["state"] == "training" or not self.wanted() - set(self.pictures):
            return
        try:
            snapshot = await asyncio.to_thread(self.run.snapshot)
        except (OSError, ValueError) as error:
            log.warning("%s", error)
            snapshot = None
        if snapshot is None:
            self._due["still"] = time.monotonic() + LATER
            return
        for weights in self.wanted() - set(self.pictures):
            payload = await asyncio.to_thread(still, snapshot, weights, self.status["state"])
            self.pictures[weights] = Picture.of(payload)
        self.changed()


def _other(weights: Weights) -> Weights:
    return "encoder" if weights == "decoder" else "decoder"
