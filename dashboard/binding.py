"""Where the server listens: decided and bound before anything slow is imported, so that a refusal comes at once."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from dashboard.live.guard import LOOPBACK_NAMES, WILDCARDS, Guard, server_token
from sae_core.runs.folder import runs_folder

__all__ = ["DEFAULT_PORT", "LOOPBACK_NAMES", "Bound", "ServerError", "bind"]

DEFAULT_PORT = 8501
PORTS_TRIED = 50
BACKLOG = 128
TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


class ServerError(OSError):
    """Why the dashboard cannot start, in one sentence."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Listening sockets, the runs folder behind them, and who may use both."""

    root: Path
    sockets: list[socket.socket]
    guard: Guard

    @property
    def port(self) -> int:
        """The port that was free."""
        return self.guard.port

    @property
    def url(self) -> str:
        """Where to point a browser on this machine."""
        host = self.guard.hosts[0].strip("[]")
        if host in LOOPBACK_NAMES | WILDCARDS:
            host = "localhost"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def steering_url(self) -> str:
        """The link that lets whoever opens it steer."""
        return f"{self.url}/penstroke/enter?token={self.guard.token}"


def bind(hosts: tuple[str, ...], port: int | None, runs: Path | None) -> Bound:
    """Listen on ``hosts[0]`` (the others are names the server also answers to), at ``port`` or the first free one.

    Raises:
        ServerError: the port is taken, the host is not this machine's, or the runs folder cannot be written.
    """
    root = runs_folder(runs)
    _check_folder(root)
    if port is not None:
        sockets = _listen(hosts[0], port)
        if sockets is None:
            raise ServerError(f"Port {port} is taken; leave --port out and a free one is found.")
    else:
        tried = (*range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED), 0, 0, 0)
        sockets = next((found for candidate in tried if (found := _listen(hosts[0], candidate)) is not None), None)
        if sockets is None:
            raise ServerError(f"No port of {hosts[0]} is free.")
    port = int(sockets[0].getsockname()[1])
    return Bound(root, sockets, Guard(hosts, port, server_token(root)))


def _check_folder(root: Path) -> None:
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServerError(f"The runs folder {root} cannot be written: {error.strerror or error}.") from error


def _listen(host: str, port: int) -> list[socket.socket] | None:
    """Sockets on every address of ``host``; None where one of them is taken.

    "localhost" has two addresses on most machines. Browsers try both, so both must be ours.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host):
            try:
                sockets.append(_bind(family, address, port or (sockets[0].getsockname()[1] if sockets else 0)))
            except OSError as error:
                if error.errno in TAKEN:
                    raise
                if not sockets and family == socket.AF_INET:
                    raise ServerError(
                        f"The host {host!r} is no address of this machine: {error.strerror or error}."
                    ) from None
    except ServerError:
        raise
    except OSError:
        for one in sockets:
            one.close()
        return None
    if not sockets:
        raise ServerError(f"The host {host!r} is no address of this machine.")
    return sockets


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "localhost":
        v6 = [(socket.AF_INET6, "::1")] if socket.has_ipv6 else []
        return [(socket.AF_INET, "127.0.0.1"), *v6]
    try:
        found = socket.getaddrinfo(host.strip("[]") or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise ServerError(f"There is no host {host!r}: give a name or an address of this machine.") from None
    return sorted({(family, str(address[0])) for family, _, _, _, address in found if family in _FAMILIES})


_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6})


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "nt":  # there SO_REUSEADDR would share a port with its owner
            one.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined,unused-ignore] # Windows'
        else:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one
