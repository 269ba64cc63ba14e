"""Who may look and who may steer.

Routes of one's own are checked by Streamlit neither for Host nor for Origin, so this stands in front of every
route: Host (against DNS rebinding), Origin (against other pages in the same browser, which share cookies with us
even across ports of localhost), and a cookie holding the server's token for whatever changes a run.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "GuardMiddleware", "server_token"]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARDS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 (compared with, never bound by default)
FORWARDING_HEADERS = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")

_TOKEN = re.compile(r"[\w-]{32,}", re.ASCII)

WATCH_ONLY = "This page only watches: open the link that the server printed at its start to steer."


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of one server: bound to ``hosts`` at ``port``, steered by whoever holds ``token``."""

    hosts: tuple[str, ...]
    port: int
    token: str
    names: frozenset[str] = field(init=False)
    """Host names that are ours whatever the port (a reverse proxy has its own)."""

    def __post_init__(self) -> None:
        names = {host.lower().strip("[]") for host in self.hosts} - LOOPBACK_NAMES - WILDCARDS
        if self.wildcard:
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        object.__setattr__(self, "names", frozenset(names))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return all(host.lower().strip("[]") in LOOPBACK_NAMES for host in self.hosts)

    @property
    def wildcard(self) -> bool:
        """Whether the server listens on every interface."""
        return any(host in WILDCARDS for host in self.hosts)

    @property
    def cookie(self) -> str:
        """The cookie's name: browsers share cookies between the ports of a host, so the port is part of it."""
        return f"penstroke-{self.port}"

    def host_allowed(self, host: str | None) -> bool:
        """Whether a ``Host`` header names this server."""
        name, port = _split_host(host)
        if name is None:
            return False
        if name in LOOPBACK_NAMES:
            return port == self.port
        return name in self.names or (self.wildcard and _is_address(name) and port == self.port)

    def origin_allowed(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of ``origin`` may talk to us: our own pages, and programs, which send none."""
        if origin is None:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and host is not None and parts.netloc.lower() == host.lower()

    def may_steer(self, cookies: Mapping[str, str]) -> bool:
        """Whether these cookies hold the server's token."""
        return hmac.compare_digest(cookies.get(self.cookie, "").encode(), self.token.encode())

    def is_token(self, token: str) -> bool:
        """Whether this is the server's token."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def set_cookie(self) -> str:
        """The ``Set-Cookie`` value that lets a browser steer: unreadable by scripts, never sent from other sites."""
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"


class GuardMiddleware:
    """Refuses foreign Hosts and Origins on every route, and hands the cookie to pages opened on this machine."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app = app
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        host = _only(headers, b"host")
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if not self.guard.host_allowed(host):
            await _refuse(scope, send, "This server does not answer to that host name; see --host.")
        elif changes and not self.guard.origin_allowed(_only(headers, b"origin"), host):
            await _refuse(scope, send, "Pages of another origin may not talk to this server.")
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, self._with_headers(scope, send))

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        gives_cookie = (
            scope["method"] == "GET"
            and self.guard.loopback
            and _from_this_machine(scope)
            and not self.guard.may_steer(cookies_of(scope))
        )

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                headers.append((b"x-content-type-options", b"nosniff"))
                headers.append((b"content-security-policy", b"frame-ancestors 'self'"))
                if gives_cookie and _is_page(headers):
                    headers.append((b"set-cookie", self.guard.set_cookie().encode()))
                message = {**message, "headers": headers}
            await send(message)

        return send_with_headers


def cookies_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The request's cookies; what cannot be read is left out."""
    cookies: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name != b"cookie":
            continue
        for part in value.decode("latin-1").split(";"):
            try:
                cookies.update({key: morsel.value for key, morsel in SimpleCookie(part.strip()).items()})
            except CookieError:
                continue
    return cookies


def server_token(root: Path) -> str:
    """The secret that steers the server of this runs folder: kept, so that pages survive the server's restart."""
    path = root / ".server-token"
    with suppress(OSError):
        token = path.read_text("ascii", "replace").strip()
        if _TOKEN.fullmatch(token):
            return token
        path.unlink()
    token = secrets.token_urlsafe(32)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return token
    with os.fdopen(file, "w", encoding="ascii") as stream:
        stream.write(token)
    return token


def _split_host(host: str | None) -> tuple[str | None, int]:
    if not host or any(c in host for c in "/\\@?#, \t"):
        return None, 0
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "").rstrip(".") or None, parts.port or 80
    except ValueError:
        return None, 0


def _is_address(name: str) -> bool:
    """An address in the Host header cannot have been rebound: no name was looked up."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _only(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    found = [value.decode("latin-1") for key, value in headers if key == name]
    return found[0] if len(found) == 1 else None if not found else "more than one"


def _from_this_machine(scope: Scope) -> bool:
    if any(name in FORWARDING_HEADERS for name, _ in scope["headers"]) or not scope.get("client"):
        return False
    try:
        return ipaddress.ip_address(scope["client"][0]).is_loopback
    except ValueError:
        return False


def _is_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)


async def _refuse(scope: Scope, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
