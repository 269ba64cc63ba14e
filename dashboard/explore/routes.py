"""The Features page's routes. Reading needs a link alone; writing on a run the server's cookie, as steering does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dashboard.explore.cabinet import Cabinet
from dashboard.explore.pictures import atlas, latent_page, life_picture
from dashboard.live.guard import WATCH_ONLY, Guard, cookies_of
from sae_core.export.formats import FORMATS, exported
from sae_core.runs.files import from_json, to_json
from sae_core.runs.frames import encode_arrays
from sae_core.runs.notes import Note, read_notes, write_note

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

__all__ = ["explore_routes"]

MOST_POSTED = 4096
"""Bytes of a note."""


def explore_routes(base: str, cabinet: Cabinet, guard: Guard) -> list[BaseRoute]:
    """``explore/RUN/now`` (JSON: what may have changed), ``atlas?step&weights``, ``latent/N?step&wait``, ``life``,
    ``map?step&columns``, ``match?other``, ``export/FORMAT?step``, ``notes`` (JSON) and, posted to ``notes/N``, a note.
    """
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.responses import Response as Answer
    from starlette.routing import Route

    def get(path: str, make: Callable[[Request], bytes], kind: str = "application/octet-stream") -> Route:
        async def answer(request: Request) -> Response:
            try:
                data = await run_in_threadpool(make, request)
            except (ValueError, OSError) as error:
                return PlainTextResponse(str(error), 404)
            return Answer(data, 200, {"cache-control": "no-store", "content-encoding": "identity"}, kind)

        return Route(f"{base}/explore/{{run}}/{path}", answer)

    async def post_note(request: Request) -> Response:
        if not guard.may_steer(cookies_of(request.scope)):
            return PlainTextResponse(WATCH_ONLY, 403)
        try:
            body = await _body(request)
            notes = await run_in_threadpool(_write, cabinet, request.path_params, body)
        except (ValueError, OSError) as error:
            return PlainTextResponse(str(error), 400)
        return Answer(notes, 200, {"cache-control": "no-store"}, "application/json")

    async def take_along(request: Request) -> Response:
        name, step = request.path_params["format"], request.query_params.get("step")
        try:
            run = await run_in_threadpool(cabinet.runs.open, request.path_params["run"])
            data = await run_in_threadpool(exported, run, name, number(step) if step else None)
        except (ValueError, OSError) as error:
            return PlainTextResponse(str(error), 404)
        file = f'attachment; filename="{run.id}{FORMATS[name].suffix}"'
        return Answer(data, 200, {"content-disposition": file, "cache-control": "no-store"}, FORMATS[name].mime)

    run = _run
    return [
        get("now", lambda request: _now(cabinet, run(request)), "application/json"),
        get("atlas", lambda request: atlas(cabinet, run(request), _step(request), _weights(request))),
        get("latent/{latent}", lambda request: _latent(cabinet, request)),
        get("life", lambda request: _life(cabinet, run(request))),
        get("map", lambda request: _map(cabinet, request)),
        get("match", lambda request: _match(cabinet, request)),
        get("notes", lambda request: _notes(cabinet, run(request)), "application/json"),
        Route(f"{base}/explore/{{run}}/notes/{{latent}}", post_note, methods=["POST"]),
        Route(f"{base}/explore/{{run}}/export/{{format}}", take_along),
    ]


def _run(request: Request) -> str:
    return str(request.path_params["run"])


def _step(request: Request) -> int | None:
    text = request.query_params.get("step")
    return number(text) if text else None


def _weights(request: Request) -> str:
    return "encoder" if request.query_params.get("weights") == "encoder" else "decoder"


def number(text: str) -> int:
    """A number from 0 in an address.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise ValueError(f"{text[:40]!r} is no number from 0.")
    return int(text)


def _now(cabinet: Cabinet, run_id: str) -> bytes:
    run = cabinet.runs.open(run_id)
    status = run.status()
    if status.state == "training":
        run.renew_look()
    path = run.path / "snapshot.safetensors"
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    newest = {"state": status.state, "step": status.step, "stamp": str(stamp), "history": run.history()}
    return to_json(newest)


def _latent(cabinet: Cabinet, request: Request) -> bytes:
    latent = number(request.path_params["latent"])
    wait = request.query_params.get("wait") == "1"
    return latent_page(cabinet, _run(request), _step(request), latent, wait=wait)


def _life(cabinet: Cabinet, run_id: str) -> bytes:
    life = cabinet.life(run_id, wait=True)
    assert life is not None
    return life_picture(life)


def _map(cabinet: Cabinet, request: Request) -> bytes:
    columns = number(request.query_params.get("columns", "16"))
    answer = cabinet.lens.ask("map", _run(request), step=_step(request), columns=columns)
    return encode_arrays({}, {"cells": answer.arrays["cells"]})


def _match(cabinet: Cabinet, request: Request) -> bytes:
    answer = cabinet.lens.ask("match", _run(request), other=request.query_params.get("other", ""))
    return encode_arrays({}, {"order": answer.arrays["order"], "cosine": answer.arrays["cosine"]})


def _notes(cabinet: Cabinet, run_id: str) -> bytes:
    return _notes_json(read_notes(cabinet.runs.open(run_id).path))


def _write(cabinet: Cabinet, params: dict[str, Any], body: bytes) -> bytes:
    asked = from_json(body)
    label, favourite = (asked or {}).get("label"), (asked or {}).get("favourite")
    if not isinstance(label, str) or not isinstance(favourite, bool):
        raise ValueError('A note is {"label": text, "favourite": true or false}.')
    run = cabinet.runs.open(str(params["run"]))
    latent = number(str(params["latent"]))
    if latent >= run.config.n_latents:
        raise ValueError(f"There is no latent {latent}: the run {run.id} has {run.config.n_latents:,}, counted from 0.")
    return _notes_json(write_note(run.path, latent, Note(label.strip(), favourite)))


def _notes_json(notes: dict[int, Note]) -> bytes:
    return to_json({str(latent): {"label": note.label, "favourite": note.favourite} for latent, note in notes.items()})


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_POSTED:
            raise ValueError(f"A note has at most {MOST_POSTED:,} bytes.")
        parts.append(part)
    return b"".join(parts)
