"""One reader a run for all who watch it: pictures, curve points, markers and status, read once and shared.

A feed keeps what is newest, never a queue: every client remembers how far it has got and takes what it has missed
when it is ready, so a slow one gets fewer pictures and holds nobody up.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from dashboard.live.history import History, Markers
from dashboard.live.messages import Weights
from sae_core.config import Config

if TYPE_CHECKING:
    from dashboard.live.client import Client
    from dashboard.live.first_screen import FirstScreen

__all__ = ["MOST_ROWS", "Feed", "FirstFeed", "Picture", "figures_of"]

MOST_ROWS = 1_500
"""Points of a curve that a page is introduced with."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame's bytes as they go over the wire, and the number by which it is acknowledged."""

    seq: int
    weights: Weights
    payload: bytes

    @classmethod
    def of(cls, payload: bytes) -> Picture:
        """Read number and weights from the payload's own header."""
        length = int.from_bytes(payload[4:8], "little")
        header = json.loads(payload[8 : 8 + length])
        return cls(header["seq"], header["weights"], payload)


class Feed:
    """What is to be seen of one run; the base class shows something that does not move."""

    def __init__(self, run_id: str | None, config: Config) -> None:
        self.run_id = run_id
        self.clients: set[Client] = set()
        self.config = config
        self.history = History()
        self.markers = Markers(config)
        self.pictures: dict[Weights, Picture] = {}
        self.status: dict[str, Any] = {"state": "new", "reason": "", "step": 0, "queue": 0}
        self.status_version = 0
        self.lineage: dict[str, Any] = {"parent": None, "step": None}

    def join(self, client: Client) -> None:
        """One more to look."""
        self.clients.add(client)

    def leave(self, client: Client) -> None:
        """One fewer."""
        self.clients.discard(client)

    def look_again(self) -> None:
        """A client wants other weights than before."""

    async def introduction(self) -> dict[str, Any]:
        """All there is to know on arrival: curves so far (thinned), markers, status, the empty charts."""
        config, figures = await asyncio.to_thread(self._config_and_figures)
        return {
            "t": "run",
            "run": self.run_id,
            "config": config.model_dump(mode="json"),
            "status": self.status,
            "figures": figures,
            "rows": self.history.thinned(MOST_ROWS),
            "markers": self.markers.after(0),
            "lineage": self.lineage,
        }

    def current_config(self) -> Config:
        """The config as it is now."""
        return self.config

    def _config_and_figures(self) -> tuple[Config, dict[str, Any]]:
        return self.current_config(), figures_of(self.config.method)

    def changed(self) -> None:
        """Have every client look for what it has missed; those who waited longest for a picture go first."""
        for client in sorted(self.clients, key=lambda client: client.pictured):
            client.wake.set()

    def say(self, message: dict[str, Any]) -> None:
        """Tell everyone who watches."""
        for client in list(self.clients):
            client.say(message)

    async def close(self) -> None:
        """Stop reading."""


@cache
def figures_of(method: str) -> dict[str, Any]:
    """The charts of a method as plotly JSON, built once: a figure costs 10 ms."""
    from dashboard.figures import live_figures
    from sae_core.sparsity import METHODS

    dial = METHODS[method].dial
    return live_figures(method, Config.knobs()[dial].label if dial else "")


class FirstFeed(Feed):
    """Before anything is pressed: the real network at step 0, from a bundled picture."""

    def __init__(self, screen: FirstScreen | None) -> None:
        super().__init__(None, screen.config if screen else Config())
        if screen is not None:
            self.pictures = {picture.weights: picture for picture in map(Picture.of, screen.payloads)}
