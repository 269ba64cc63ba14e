"""uvicorn's WebSockets with two things it has no setting for: a size limit of our own route, and an end to waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.live.messages import MESSAGE_CAP

if TYPE_CHECKING:
    from asyncio import Protocol

__all__ = ["ROUTE", "websocket_protocol"]

ROUTE = "/penstroke/live"
LAST_WORDS = 0.5
"""Seconds a connection that is closing gets to take what it was sent; one that reads nothing would stay for ever."""


def websocket_protocol() -> type[Protocol] | str:
    """What uvicorn is given as ``ws``; its own choice where this version of it is built differently."""
    try:
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    except ImportError:
        return "auto"

    class CappedWebSockets(WebSocketsSansIOProtocol):
        """A message over the cap on our route is refused by its first bytes, before it fills any memory."""

        def handle_connect(self, event: Any) -> None:
            if event.path.partition("?")[0].endswith(ROUTE):
                self.conn.max_message_size = MESSAGE_CAP
            super().handle_connect(event)

        def shutdown(self) -> None:
            super().shutdown()
            self.loop.call_later(LAST_WORDS, self.transport.abort)

        def keepalive_timeout(self) -> None:
            super().keepalive_timeout()
            self.loop.call_later(LAST_WORDS, self.transport.abort)

    return CappedWebSockets
