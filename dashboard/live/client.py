"""One page's end of the socket: what it has been told, and what it has not yet drawn."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from dashboard.live.feed import Feed, Picture
    from dashboard.live.messages import Weights

__all__ = ["Client", "Wire"]

PATIENCE = 10.0
"""Seconds after which a page that has not drawn its last picture is taken for hidden or asleep."""
MOST_UNSAID = 64
"""Sentences a page may be behind: a stuck one loses the oldest."""


class Wire:
    """Bytes of pictures a second for all clients together, so that a full lecture hall costs the training little.

    Those who steer go first; whoever only watches shares what is left.
    """

    def __init__(self, rate: float = 40e6) -> None:
        self.rate = rate
        self.most = rate / 4
        self.level = self.most
        self.at = time.monotonic()

    def take(self, size: int, *, first: bool) -> bool:
        """Whether ``size`` bytes may be sent now."""
        now = time.monotonic()
        self.level = min(self.most, self.level + self.rate * (now - self.at))
        self.at = now
        if self.level < (size - self.most if first else size):
            return False
        self.level -= size
        return True


class Client:
    """What one socket is sent: sentences in order, then whatever is newest of its feed."""

    def __init__(self, websocket: WebSocket, wire: Wire, *, steers: bool) -> None:
        self.websocket = websocket
        self.wire = wire
        self.steers = steers
        self.weights: Weights = "decoder"
        self.feed: Feed | None = None
        self.wake = asyncio.Event()
        self.pictured = 0.0
        """When it was last sent a picture."""
        self._unsaid: deque[dict[str, Any]] = deque(maxlen=MOST_UNSAID)
        self._forget()

    def _forget(self) -> None:
        self._introduced = False
        self._rows = self._markers = self._status = self._rewritten = 0
        self._shown: Picture | None = None
        self._drawing: int | None = None

    @property
    def attentive(self) -> bool:
        """Whether it draws what it is sent."""
        return self._drawing is None or time.monotonic() - self.pictured < PATIENCE

    def say(self, message: dict[str, Any]) -> None:
        """Have the client told, in order."""
        self._unsaid.append(message)
        self.wake.set()

    def watch(self, feed: Feed, weights: Weights | None = None) -> None:
        """Look at ``feed`` from now on; at the same one again, only the weights change."""
        self.weights = weights or self.weights
        if feed is self.feed:
            feed.look_again()
        else:
            self.unwatch()
            self._forget()
            self.feed = feed
            feed.join(self)
        self.wake.set()

    def unwatch(self) -> None:
        """Look at nothing."""
        if self.feed is not None:
            self.feed.leave(self)
            self.feed = None

    def ack(self, seq: int) -> None:
        """Picture ``seq`` is drawn."""
        if seq == self._drawing:
            self._drawing = None
            self.wake.set()

    async def speak(self) -> None:
        """Send what there is to send, for ever; a slow socket keeps only this task waiting."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self._unsaid:
                await self._send(self._unsaid.popleft())
            if self.feed is not None:
                await self._tell(self.feed)

    async def _tell(self, feed: Feed) -> None:
        if not self._introduced or self._rewritten != feed.markers.rewritten:
            try:
                introduction = await feed.introduction()
            except (OSError, ValueError) as error:
                self.unwatch()
                self.say({"t": "error", "message": str(error)})
                return
            if feed is not self.feed:
                self.wake.set()
                return
            self._introduced = True
            self._rows, self._markers = feed.history.newest, feed.markers.newest
            self._status, self._rewritten = feed.status_version, feed.markers.rewritten
            await self._send(introduction)
        for message in self._news(feed):
            await self._send(message)
        picture = feed.pictures.get(self.weights)
        if feed is not self.feed or picture is None or picture is self._shown or self._drawing is not None:
            return
        if self.wire.take(len(picture.payload), first=self.steers):
            self._shown, self._drawing, self.pictured = picture, picture.seq, time.monotonic()
            await self.websocket.send_bytes(picture.payload)

    def _news(self, feed: Feed) -> list[dict[str, Any]]:
        news: list[dict[str, Any]] = []
        if self._status != feed.status_version:
            self._status = feed.status_version
            news.append({"t": "status", **feed.status})
        if rows := feed.history.after(self._rows):
            self._rows = feed.history.newest
            news.append({"t": "rows", "rows": rows})
        if markers := feed.markers.after(self._markers):
            self._markers = feed.markers.newest
            news.append({"t": "markers", "markers": markers})
        return news

    async def _send(self, message: dict[str, Any]) -> None:
        await self.websocket.send_text(json.dumps(message, separators=(",", ":"), ensure_ascii=False))
