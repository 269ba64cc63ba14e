"""A socket that should not be there, or says what it should not, is refused or closed alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.dashboard.conftest import Page, Server, Written


def test_pages_are_served_with_the_cookie_that_steers(server: Server) -> None:
    """Opened on this machine, a page may steer; scripts cannot read the cookie, other sites do not send it."""
    answer = httpx.get(server.url)
    assert answer.status_code == 200
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith(f"{server.about['cookie']}={server.about['token']};")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


def test_the_cookie_is_given_to_nobody_who_came_through_a_proxy(server: Server) -> None:
    """What a proxy on this machine passes on may come from anywhere."""
    answer = httpx.get(server.url, headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/penstroke/components/live-view.js"])
def test_a_foreign_host_gets_nothing(server: Server, path: str) -> None:
    """Not even Streamlit's own routes answer to another name."""
    answer = httpx.get(server.url + path, headers={"Host": f"evil.example:{server.about['port']}"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_link_with_the_token_lets_its_opener_steer(server: Server) -> None:
    """The right token sets the cookie and leads to the page; a wrong one says so."""
    right = httpx.get(f"{server.url}/penstroke/enter", params={"token": server.about["token"]})
    assert right.status_code == 303
    assert right.headers["location"] == "/"
    assert server.about["token"] in right.headers["set-cookie"]
    wrong = httpx.get(f"{server.url}/penstroke/enter", params={"token": "guess"})
    assert wrong.status_code == 403
    assert "set-cookie" not in wrong.headers


def test_scripts_are_asked_for_again_but_not_sent_again(server: Server) -> None:
    """An unchanged script costs one small answer; nothing but scripts and style sheets is handed out."""
    script = httpx.get(f"{server.url}/penstroke/components/live-view.js")
    assert script.headers["content-type"].startswith("text/javascript")
    again = httpx.get(script.url, headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("__init__.py", "..%2fserver.py", "nothing.js"):
        assert httpx.get(f"{server.url}/penstroke/components/{name}").status_code in {400, 403, 404}
    assert httpx.get(f"{server.url}/penstroke/plotly.min.js").text.startswith("/**\n* plotly.js")


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "https://localhost", "null"])
@pytest.mark.parametrize("path", ["/penstroke/live", "/_stcore/stream"])
def test_a_foreign_origin_is_refused(server: Server, origin: str, path: str) -> None:
    """Another site's page in the same browser gets no socket, ours or Streamlit's."""
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://localhost:{server.about['port']}{path}", origin=origin)  # type: ignore[arg-type]  # a plain text
    assert refusal.value.response.status_code == 403


def test_a_foreign_host_gets_no_socket(server: Server) -> None:
    """A name rebound to this machine is refused even where Origin and Host agree."""
    name = f"evil.example:{server.about['port']}"
    with pytest.raises(InvalidStatus) as refusal:
        server.open(origin=f"http://{name}", additional_headers={"Host": name})
    assert refusal.value.response.status_code in {400, 403}


def test_without_the_cookie_one_watches_and_steers_nothing(server: Server, written: Written) -> None:
    """Every control is answered with a sentence, and the run does not hear of it."""
    watcher = server.open(steers=False)
    hello = watcher.hear("hello")
    assert hello["can_steer"] is False
    assert hello["why"]
    before = written.run.events()[0]
    run = written.run.id
    for message in (
        {"t": "control", "run": run, "do": "stop"},
        {"t": "set", "run": run, "name": "penalty_weight", "value": 1.0},
        {"t": "speed", "run": run, "value": "slow"},
        {"t": "start", "config": {}},
        {"t": "reset", "run": run, "config": {}},
    ):
        watcher.say(**message)  # type: ignore[arg-type]  # fields as they come
        assert watcher.hear("error")["message"] == hello["why"]
    assert written.run.events()[0] == before
    watcher.say("watch", run=run)
    assert len(watcher.draw(3)) == 3


def _binary(page: Page) -> None:
    page.socket.send(b"\x00\x01")


def _half_a_json(page: Page) -> None:
    page.socket.send('{"t": "watch", "run":')


def _something_else(page: Page) -> None:
    page.say("sudo", make="me a sandwich")


def _a_missing_field(page: Page) -> None:
    page.say("set", run="x", value=1)


def _not_a_number(page: Page) -> None:
    page.socket.send('{"t":"set","run":"x","name":"penalty_weight","value":NaN}')


def _too_long(page: Page) -> None:
    page.say("ping", n="x" * 4096)


def _far_too_long(page: Page) -> None:
    page.socket.send("x" * 2_000_000)


def _too_often(page: Page) -> None:
    for n in range(3000):
        page.say("ping", n=n)


@pytest.mark.parametrize(
    ("nonsense", "code"),
    [
        (_binary, 1003),
        (_half_a_json, 1007),
        (_something_else, 1008),
        (_a_missing_field, 1008),
        (_not_a_number, 1008),
        (_too_long, 1009),
        (_far_too_long, 1009),
        (_too_often, 1008),
    ],
)
def test_nonsense_closes_its_own_socket_and_no_other(
    server: Server, written: Written, nonsense: Callable[[Page], None], code: int
) -> None:
    """The close code says what was wrong; a page beside it does not miss a picture."""
    neighbour, rude = server.open(), server.open()
    neighbour.say("watch", run=written.run.id)
    neighbour.draw(1)
    with pytest.raises(ConnectionClosed) as closed:
        nonsense(rude)
        while True:
            rude.hear("never", timeout=3)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    began = time.monotonic()
    assert len(neighbour.draw(10)) == 10
    assert time.monotonic() - began < 3


def test_a_run_id_that_is_a_path_is_refused_in_a_sentence(page: Page) -> None:
    """Neither watching nor steering reaches out of the runs folder."""
    for run in ("../..", "/etc/passwd", "no-such-run", "a\\b", "con"):
        page.say("watch", run=run)
        assert repr(run) in page.hear("error")["message"]
        page.say("control", run=run, do="play")
        assert page.hear("error")["message"].endswith(".")


def test_a_ping_is_answered(page: Page) -> None:
    """With the number it came with."""
    page.say("ping", n=7)
    assert page.hear("pong") == {"t": "pong", "n": 7}
