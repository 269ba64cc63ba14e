"""The server: Streamlit's own app, our socket beside it, and the guard in front of both.

It is run by uvicorn rather than by ``App.run``, which knows no limit to how long a stuck page may hold up Ctrl-C
and lets every socket be sent messages of hundreds of megabytes.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.addresses import PREFIX, base_path
from dashboard.binding import LOOPBACK_NAMES, Bound
from dashboard.live.guard import GuardMiddleware
from dashboard.theme import theme_options

if TYPE_CHECKING:
    import socket

    import streamlit as st
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from dashboard.live.hub import Hub
    from sae_core.runs.launch import Launcher

__all__ = ["build_app", "serve"]

SCRIPT = Path(__file__).resolve().with_name("app.py")
COMPONENTS = Path(__file__).resolve().with_name("components")
GRACE = 1
"""Seconds open connections get to end after Ctrl-C."""
LIMIT = 1.6
"""Seconds after Ctrl-C at which the process ends, whatever still hangs."""
SPARE_GRACE = 0.3
LARGEST_MESSAGE_MB = 20
TYPES = {".js": "text/javascript", ".css": "text/css"}


def serve(
    bound: Bound,
    on_ready: Callable[[], None],
    on_end: Callable[[list[str]], None],
    launcher: Launcher | None = None,
) -> None:
    """Serve until Ctrl-C; ``on_end`` is told the ids of the runs that were paused by it.

    After Ctrl-C the process ends within two seconds, this function returned or not.
    """
    if launcher is None:
        from sae_core.runs.launch import Launcher

        launcher = Launcher(bound.root)  # its spare worker imports torch while this process imports Streamlit

    from dashboard.live import hub as hubs

    hub = hubs.Hub(bound.root, bound.guard, launcher)
    hubs.use(hub)
    told = threading.Lock()

    def end() -> None:
        if told.acquire(blocking=False):
            on_end(sorted(hub.paused))

    with suppress(KeyboardInterrupt):
        _run(bound, hub, on_ready, end)
    hub.pause_all()
    # The spare ends by itself when we do; a busy one is not waited for.
    closing = threading.Thread(target=launcher.close, daemon=True)
    closing.start()
    closing.join(SPARE_GRACE)
    end()


def _run(bound: Bound, hub: Hub, on_ready: Callable[[], None], on_end: Callable[[], None]) -> None:
    import uvicorn
    from streamlit.web.bootstrap import load_config_options

    from dashboard.live.protocol import websocket_protocol

    load_config_options(streamlit_options(bound))

    class Server(uvicorn.Server):
        """uvicorn, ending on time and leaving no run of ours behind."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

        def handle_exit(self, sig: int, frame: Any) -> None:
            if self.should_exit:
                return  # an impatient second Ctrl-C; the first one keeps its word
            super().handle_exit(sig, frame)
            last_resort = threading.Timer(LIMIT, self.give_up)
            last_resort.daemon = True
            last_resort.start()

        def give_up(self) -> None:
            on_end()
            os._exit(0)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            pausing = asyncio.create_task(asyncio.to_thread(hub.pause_all))
            await super().shutdown(sockets)
            await pausing

    config = uvicorn.Config(
        build_app(hub),
        ws=websocket_protocol(),
        ws_max_size=LARGEST_MESSAGE_MB * 2**20,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
    Server(config).run(sockets=bound.sockets)


def streamlit_options(bound: Bound) -> dict[str, Any]:
    """Every option that matters, so that no ``config.toml`` lying about opens what should be shut."""
    guard = bound.guard
    return {
        "server.address": guard.hosts[0],
        "server.port": bound.port,
        "server.headless": True,
        "server.allowedHosts": [] if guard.wildcard else [*LOOPBACK_NAMES, *guard.names],
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableStaticServing": False,
        "server.enableAgentApi": False,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 5,
        "server.maxMessageSize": LARGEST_MESSAGE_MB,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "type",
        "client.toolbarMode": "viewer",
        "runner.magicEnabled": False,
        "logger.hideWelcomeMessage": True,
        **theme_options(),
    }


def build_app(hub: Hub) -> st.App:
    """The ASGI app: Streamlit's pages, our routes, the guard before all of them."""
    import streamlit as st
    from starlette.middleware import Middleware

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(_warm))
        yield
        warming.cancel()
        await hub.close()

    return st.App(
        SCRIPT,
        lifespan=lifespan,
        routes=_routes(hub),
        middleware=[Middleware(GuardMiddleware, guard=hub.guard)],
    )


def _warm() -> None:
    """What the first page would wait for, loaded while the browser is still fetching Streamlit's own scripts."""
    import dashboard.views.train  # noqa: F401  # imported to be loaded
    from dashboard.live.feed import figures_of

    figures_of("l1")


def _routes(hub: Hub) -> list[BaseRoute]:
    import plotly
    from starlette.responses import PlainTextResponse, RedirectResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

    from dashboard.explore.cabinet import Cabinet
    from dashboard.explore.routes import explore_routes
    from dashboard.live.socket import converse
    from dashboard.materials import material_routes
    from dashboard.path.routes import path_routes

    async def live(websocket: WebSocket) -> None:
        await converse(websocket, hub)

    async def enter(request: Request) -> Response:
        if not hub.guard.is_token(request.query_params.get("token", "")):
            return PlainTextResponse("This is not the server's token: use the link it printed at its start.", 403)
        headers = {"set-cookie": hub.guard.set_cookie(), "referrer-policy": "no-referrer", "cache-control": "no-store"}
        return RedirectResponse(f"{base_path()}/", 303, headers)

    async def component(request: Request) -> Response:
        path = (COMPONENTS / request.path_params["name"]).resolve()
        inside = path.is_relative_to(COMPONENTS)
        return _file(request, path if inside else COMPONENTS, local=hub.guard.loopback)

    async def plotly_js(request: Request) -> Response:
        return _file(request, Path(plotly.__file__).parent / "package_data" / "plotly.min.js", local=hub.guard.loopback)

    base = base_path() + PREFIX
    return [
        WebSocketRoute(f"{base}/live", live),
        Route(f"{base}/enter", enter),
        Route(f"{base}/plotly.min.js", plotly_js),
        Route(f"{base}/components/{{name:path}}", component),
        *explore_routes(base, Cabinet(hub.runs, hub.lens), hub.guard),
        *material_routes(base, hub.runs, hub.lens),
        *path_routes(base, hub.runs),
    ]


def _file(request: Request, path: Path, *, local: bool) -> Response:
    """A script or style sheet; browsers keep it and ask each time whether it is still the same."""
    from starlette.responses import FileResponse, PlainTextResponse, Response

    if path.suffix not in TYPES or not path.is_file():
        return PlainTextResponse("There is no such file.", 404)
    headers = {"cache-control": "no-cache"}
    if local:  # squeezing plotly.min.js takes 0.2 s of everybody's time, and over no wire it gains nothing
        headers["content-encoding"] = "identity"
    response = FileResponse(path, 200, headers, TYPES[path.suffix], stat_result=path.stat())
    if request.headers.get("if-none-match") == response.headers["etag"]:
        return Response(None, 304, {**headers, "etag": response.headers["etag"]})
    return response
