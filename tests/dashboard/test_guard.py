"""Who may look and who may steer, decided without a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.live.guard import Guard, cookies_of, server_token


@pytest.fixture
def local() -> Guard:
    return Guard(("localhost",), 8501, "secret")


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "LOCALHOST:8501"])
def test_a_local_server_answers_to_this_machines_names_at_its_port(local: Guard, host: str) -> None:
    """However somebody spells the address of their own machine, it works."""
    assert local.loopback
    assert local.host_allowed(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example:8501",
        "localhost",
        "localhost:80",
        "localhost:8502",
        "localhost.evil.example:8501",
        "evil@localhost:8501",
        "localhost:8501/x",
        "localhost:99999",
        "localhost:x",
        "10.0.0.7:8501",
    ],
)
def test_a_local_server_answers_to_nothing_else(local: Guard, host: str | None) -> None:
    """A name that was made to point here (DNS rebinding) stays foreign."""
    assert not local.host_allowed(host)


def test_a_page_may_talk_only_to_the_server_it_came_from(local: Guard) -> None:
    """Other ports of localhost share our cookies, so they count as foreign too; programs send no Origin."""
    here = "localhost:8501"
    assert local.origin_allowed("http://localhost:8501", here)
    assert local.origin_allowed(None, here)
    for foreign in ("http://localhost:3000", "http://evil.example", "null", "file://", "", "http://127.0.0.1:8501"):
        assert not local.origin_allowed(foreign, here), foreign


def test_a_named_host_is_answered_at_any_port() -> None:
    """A reverse proxy has a port of its own; the first host is where we listen, the second what we are called."""
    guard = Guard(("0.0.0.0", "sae.example.org"), 8501, "secret")
    assert not guard.loopback
    assert guard.host_allowed("sae.example.org")
    assert guard.host_allowed("SAE.example.org:443")
    assert guard.host_allowed("192.168.1.5:8501"), "an address cannot have been rebound"
    assert not guard.host_allowed("192.168.1.5:80")
    assert not guard.host_allowed("evil.example:8501")


def test_one_address_is_not_every_address() -> None:
    """Bound to one address, the server is not called by another."""
    guard = Guard(("192.168.1.5",), 8501, "secret")
    assert guard.host_allowed("192.168.1.5:8501")
    assert not guard.host_allowed("192.168.1.6:8501")


def test_only_the_token_steers(local: Guard) -> None:
    """The cookie is named after the port: two servers on one machine do not overwrite each other's."""
    assert local.may_steer({"penstroke-8501": "secret"})
    for cookies in ({}, {"penstroke-8501": ""}, {"penstroke-8501": "secreT"}, {"penstroke-8502": "secret"}):
        assert not local.may_steer(cookies)


def test_cookies_that_cannot_be_read_do_not_hide_ours() -> None:
    """Other programs on localhost set cookies that no standard knows."""
    scope = {"headers": [(b"cookie", b'a=b; {"x": 1}=2; penstroke-8501=secret; \xff=\xfe')]}
    assert cookies_of(scope)["penstroke-8501"] == "secret"


def test_the_token_outlives_the_server_and_is_its_owners_alone(tmp_path: Path) -> None:
    """A restarted server knows the pages of the one before."""
    token = server_token(tmp_path)
    assert len(token) >= 32
    assert server_token(tmp_path) == token
    if os.name == "posix":
        assert (tmp_path / ".server-token").stat().st_mode & 0o077 == 0


def test_a_damaged_token_is_replaced(tmp_path: Path) -> None:
    """An empty file must not become an empty password."""
    (tmp_path / ".server-token").write_bytes(b"\xff")
    token = server_token(tmp_path)
    assert len(token) >= 32
    assert server_token(tmp_path) == token
