"""The Path page's routes: how far a path is, its film, and the two files it saves. All of them only read."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dashboard.path.page_file import dial_page
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import to_json
from sae_core.runs.folder import Runs
from sae_core.sweep.film import Film, make_film
from sae_core.sweep.references import known_references, references_file
from sae_core.sweep.whole import WholePath

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["path_routes"]


def path_routes(base: str, runs: Runs) -> list[BaseRoute]:
    """``path/RUN/now`` (JSON), ``film`` (bytes), ``dial.html`` and ``film.gif`` (to be saved)."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.responses import Response as Answer
    from starlette.routing import Route

    def get(name: str, make: Callable[[RunDirectory], bytes], kind: str, *, saved: bool = False) -> Route:
        async def answer(request: Request) -> Response:
            run_id = request.path_params["run"]
            try:
                data = await run_in_threadpool(lambda: make(runs.open(run_id)))
            except (ValueError, OSError) as error:
                return PlainTextResponse(str(error), 404)
            headers = {"cache-control": "no-store", "content-encoding": "identity"}
            if saved:
                headers["content-disposition"] = f'attachment; filename="{run_id}-{name}"'
            return Answer(data, 200, headers, kind)

        return Route(f"{base}/path/{{run}}/{name}", answer)

    compared = _Compared(runs)
    return [
        get("now", lambda run: _now(run, compared), "application/json"),
        get("film", lambda run: _film(run).to_bytes(), "application/octet-stream"),
        get("dial.html", lambda run: dial_page(_film(run)), "text/html; charset=utf-8", saved=True),
        get("film.gif", _gif, "image/gif", saved=True),
    ]


def _now(run: RunDirectory, compared: _Compared) -> bytes:
    path = WholePath.open(run)
    status, points = path.status(), len(path.points())
    now: dict[str, Any] = {
        "state": status.state,
        "reason": status.reason,
        "step": status.step,
        "last": path.last_step,
        "points": points,
        "planned": len(path.values),
        "references": compared.known(run.config.dataset, wanted=points >= len(path.values)),
    }
    return to_json(now)


def _film(run: RunDirectory) -> Film:
    references = known_references(run.path.parent, run.config.dataset)
    points = len(WholePath.open(run).points())
    return _film_of(run.path.parent.as_posix(), run.id, points, references is not None)


@lru_cache(maxsize=2)
def _film_of(root: str, run_id: str, points: int, compared: bool) -> Film:  # noqa: ARG001 (parts of the key)
    run = Runs(root).open(run_id)
    return make_film(run, known_references(run.path.parent, run.config.dataset))


def _gif(run: RunDirectory) -> bytes:
    from sae_core.sweep.gif import film_gif

    return film_gif(_film(run))


class _Compared:
    """Has PCA and dictionary learning worked out, once a data set, by a process that the server does not wait for."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._begun: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def known(self, dataset: str, *, wanted: bool) -> int:
        """1 where they are there, 0 while they are being worked out, −1 where they cannot be had."""
        if references_file(self._runs.root, dataset).exists():
            return 1
        with self._lock:
            if dataset not in self._begun and wanted:
                command = [sys.executable, "-m", "sae_core.sweep.references", "--root", str(self._runs.root)]
                self._begun[dataset] = subprocess.Popen(
                    [*command, "--dataset", dataset],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            begun = self._begun.get(dataset)
        return -1 if begun is not None and begun.poll() not in {None, 0} else 0
