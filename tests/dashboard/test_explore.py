"""The Features page's routes and the frame around all pages: what is handed out, what is refused, what is kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from dashboard.explore.cabinet import Cabinet, quantised
from dashboard.explore.routes import explore_routes
from dashboard.live.guard import Guard
from dashboard.session import Session
from dashboard.views import frame
from sae_core.config import Config
from sae_core.lens.client import Lens
from sae_core.runs.directory import Status, write_status
from sae_core.runs.files import lock_of
from sae_core.runs.folder import Runs
from sae_core.runs.frames import decode_frame
from sae_core.runs.notes import Note, read_notes
from tests.lens.house import trained_run


class Client:
    """Asks an ASGI app, as a browser with these cookies would."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, content: str | None = None) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost", cookies=self.cookies) as one:
                return await one.request(method, path, content=content)

        with ThreadPoolExecutor(1) as beside:  # Playwright's loop has the main thread while a browser is open
            return beside.submit(asyncio.run, answer()).result()

    def get(self, path: str) -> httpx.Response:
        return self.ask("GET", path)

    def post(self, path: str, content: str) -> httpx.Response:
        return self.ask("POST", path, content)


GUARD = Guard(("localhost",), 8501, "a" * 40)
LATENTS = 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    trained_run(folder, Config(dataset="digits", n_latents=LATENTS, steps=4, threads=1))
    Runs(folder).create(Config(), name="unborn")
    return folder


@pytest.fixture(scope="module")
def client(root: Path) -> Iterator[Client]:
    with Lens(root) as lens:
        app = Starlette(routes=explore_routes("/penstroke", Cabinet(lens.runs, lens), GUARD))
        yield Client(app)


def test_the_atlas_waits_for_nobody(client: Client) -> None:
    """Filters and numbers of every latent, from the snapshot alone."""
    header, arrays = decode_frame(client.get("/penstroke/explore/taught/atlas").content)
    assert (header["n_latents"], header["step"], header["history"]) == (LATENTS, 4, [0, 1, 2, 4])
    assert arrays["filters"].shape == (LATENTS, 64)
    assert len(header["class_names"]) == 10
    then, _ = decode_frame(client.get("/penstroke/explore/taught/atlas?step=1").content)
    assert then["step"] == 1


def test_a_latents_page_is_whole_once_it_was_waited_for(client: Client) -> None:
    """Top images are there at once; company and life when the lens has answered."""
    header, arrays = decode_frame(client.get("/penstroke/explore/taught/latent/3?wait=1").content)
    assert header["complete"]
    assert header["latent"] == 3
    assert {"top_pixels", "together", "histogram", "life_density", "maximal", "class_removal"} <= arrays.keys()
    assert isinstance(header["story"], list)
    assert header["removal"] is not None


def test_who_asks_for_news_of_a_run_in_training_looks_at_it(client: Client, root: Path) -> None:
    """Then its worker takes more time for snapshots; a run at rest has none to take."""
    run = Runs(root).create(Config(), name="at-work")
    assert client.get("/penstroke/explore/at-work/now").json()["state"] == "paused"
    assert not (run.path / "looked").exists()
    with lock_of(run.path / "lock").acquire(timeout=5):
        write_status(run.path / "status.json", Status("training", updated=time.time()))
        assert client.get("/penstroke/explore/at-work/now").json()["state"] == "training"
    assert (run.path / "looked").exists()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("nobody/atlas", "There is no run 'nobody'"),
        ("unborn/atlas", "no snapshot yet"),
        ("taught/atlas?step=3", "no snapshot of step 3"),
        ("taught/atlas?step=x", "'x' is no number"),
        ("taught/latent/99", "There is no latent 99"),
        ("..%2F..%2Fetc/now", "cannot be a run's id"),
        ("taught/export/docx", "There is no format 'docx'"),
    ],
)
def test_what_is_not_there_is_a_sentence(client: Client, path: str, sentence: str) -> None:
    """Never a traceback."""
    response = client.get(f"/penstroke/explore/{path}")
    assert response.status_code == 404
    assert sentence in response.text or response.text == "Not Found"


def test_only_who_may_steer_writes_notes(client: Client, root: Path) -> None:
    """A link alone reads them; nonsense is refused."""
    note = json.dumps({"label": " <b>loop</b> ", "favourite": True})
    assert client.post("/penstroke/explore/taught/notes/3", content=note).status_code == 403
    client.cookies = {GUARD.cookie: GUARD.token}
    assert client.post("/penstroke/explore/taught/notes/3", content=note).status_code == 200
    assert read_notes(root / "taught") == {3: Note("<b>loop</b>", favourite=True)}
    assert client.get("/penstroke/explore/taught/notes").json() == {"3": {"label": "<b>loop</b>", "favourite": True}}
    for path, body in (("99", note), ("x", note), ("3", "[]"), ("3", '{"label": 1}'), ("3", note * 200)):
        response = client.post(f"/penstroke/explore/taught/notes/{path}", content=body)
        assert response.status_code == 400
        assert response.text
    client.cookies = {}


def test_zero_is_the_papers_colour() -> None:
    """Each row by its own largest magnitude; a row of zeros is blank."""
    assert quantised(np.array([[0, 2, -2, 1], [0, 0, 0, 0]], np.float32)).tolist() == [
        [128, 255, 1, 192],
        [128, 128, 128, 128],
    ]


OWN = {"latent": frame.index("latent"), "sort": frame.choice("sort", ("place", "map"))}


def test_going_elsewhere_keeps_the_run(root: Path) -> None:
    """Navigation empties the address; each page finds what it had, and what is nonsense is said."""
    tab = Session(Runs(root))
    tab.follow_page("features", {"run": "taught", "latent": "3", "sort": "up"}, OWN)
    assert (tab.view.run, tab.own["features"]) == ("taught", {"latent": 3})
    assert "sort is 'up'" in tab.sentences.pop()
    assert tab.page_to_url("features") == {"run": "taught", "latent": "3"}
    tab.follow_url({})
    assert tab.to_url()["run"] == "taught"
    tab.follow_page("features", {}, OWN)
    assert tab.page_to_url("features") == {"run": "taught", "latent": "3"}
    tab.follow_page("features", {"run": "unborn"}, OWN)
    assert (tab.view.run, tab.own["features"]) == ("unborn", {})


def test_a_late_address_does_not_undo_a_choice(root: Path) -> None:
    """Leafing fast, the browser says unit 5 while its address still names 3; by itself an address is followed."""
    tab = Session(Runs(root))
    tab.follow_page("features", {"run": "taught", "latent": "3"}, OWN)
    page = frame.Page("features", tab, tab.own["features"])
    page.take(latent=4)
    tab.page_to_url("features")
    page.take(latent=5)
    tab.follow_page("features", {"run": "taught", "latent": "3"}, OWN)
    assert tab.page_to_url("features") == {"run": "taught", "latent": "5"}
    tab.follow_page("features", {"run": "taught", "latent": "3"}, OWN)
    assert tab.own["features"] == {"latent": 3}
