"""The route pages talk to: always receiving, so that nothing blocks Ctrl-C, and closed alone when it talks nonsense."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from dashboard.live.client import Client
from dashboard.live.guard import WATCH_ONLY, cookies_of
from dashboard.live.messages import MESSAGE_CAP, Ack, BadMessage, Message, Ping, Set, Watch, parse

if TYPE_CHECKING:
    from dashboard.live.hub import Hub

__all__ = ["Inbox", "converse"]

BINARY, TOO_BIG, TOO_MANY, BROKEN, FULL = 1003, 1009, 1008, 1011, 1013
MOST_A_SECOND = 500
"""Messages; a hand on a dial and twenty pictures a second make less than 150."""
MOST_WAITING = 200
MOST_SOCKETS = 256

log = logging.getLogger(__name__)


class Inbox:
    """Messages waiting to be acted on, in order; of a dial's values waiting together only the last is kept."""

    def __init__(self) -> None:
        self._waiting: list[Message] = []
        self._some = asyncio.Event()

    def put(self, message: Message) -> None:
        """Append ``message``.

        Raises:
            BadMessage: more are waiting than anybody can have meant.
        """
        last = self._waiting[-1] if self._waiting else None
        if isinstance(message, Set) and isinstance(last, Set) and _same_drag(message, last):
            self._waiting[-1] = message
        else:
            self._waiting.append(message)
        if len(self._waiting) > MOST_WAITING:
            raise BadMessage(TOO_MANY, "too many messages are waiting")
        self._some.set()

    async def get(self) -> Message:
        """The next message, once there is one."""
        await self._some.wait()
        message = self._waiting.pop(0)
        if not self._waiting:
            self._some.clear()
        return message


def _same_drag(a: Set, b: Set) -> bool:
    return (a.run, a.name, a.drag) == (b.run, b.name, b.drag)


async def converse(websocket: WebSocket, hub: Hub) -> None:
    """Serve one page until it leaves or says something it should not."""
    client = Client(websocket, hub.wire, steers=hub.guard.may_steer(cookies_of(websocket.scope)))
    await websocket.accept()
    if len(hub.clients) >= MOST_SOCKETS:
        await websocket.close(FULL, "This server has as many watchers as it takes.")
        return
    hub.clients.add(client)
    client.say({"t": "hello", "can_steer": client.steers, "why": "" if client.steers else WATCH_ONLY})
    inbox = Inbox()
    tasks = [asyncio.create_task(_speak(client)), asyncio.create_task(_act(client, inbox, hub))]
    try:
        await _listen(websocket, client, inbox)
    except BadMessage as bad:
        await _close(websocket, bad)
    except WebSocketDisconnect:
        pass  # a page was closed, as pages are
    finally:
        hub.clients.discard(client)
        client.unwatch()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(websocket: WebSocket, client: Client, inbox: Inbox) -> None:
    second, count = 0, 0
    while True:
        text = _text(await websocket.receive())
        now = int(time.monotonic())
        second, count = (second, count + 1) if now == second else (now, 1)
        if count > MOST_A_SECOND:
            raise BadMessage(TOO_MANY, "too many messages a second")
        match parse(text):
            case Ack(seq=seq):
                client.ack(seq)
            case Ping(n=n):
                client.say({"t": "pong", "n": n})
            case message:
                inbox.put(message)


def _text(received: Mapping[str, Any]) -> str:
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code") or 1005)
    text = received.get("text")
    if not isinstance(text, str):
        raise BadMessage(BINARY, "only text is understood")
    if len(text) > MESSAGE_CAP or len(text.encode()) > MESSAGE_CAP:
        raise BadMessage(TOO_BIG, f"a message has at most {MESSAGE_CAP} bytes")
    return text


async def _speak(client: Client) -> None:
    try:
        await client.speak()
    except (WebSocketDisconnect, RuntimeError, OSError) as error:
        log.debug("a socket went away: %s", error)
    except Exception:
        log.exception("telling a page")
        await _close(client.websocket, BadMessage(BROKEN, "something went wrong on the server"))


async def _act(client: Client, inbox: Inbox, hub: Hub) -> None:
    """Do what the page asks, one thing after another; what goes wrong is said to it in a sentence."""
    while True:
        message = await inbox.get()
        try:
            if isinstance(message, Watch) or client.steers:
                await hub.do(client, message)
            else:
                client.say({"t": "error", "message": WATCH_ONLY})
        except (ValueError, OSError) as error:
            client.say({"t": "error", "message": str(error)})
        except Exception:
            log.exception("acting on %s", message)
            client.say({"t": "error", "message": "Something went wrong on the server; its terminal says what."})


async def _close(websocket: WebSocket, bad: BadMessage) -> None:
    reason = str(bad).encode()[:120].decode(errors="ignore")
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(1):
            await websocket.close(bad.code, reason)
