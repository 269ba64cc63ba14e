"""What a hand on the page does to a run directory, through a real server with stand-in workers."""

from __future__ import annotations

import time

import pytest

from dashboard.live.hub import page_config
from sae_core.config import ConfigError
from tests.dashboard.conftest import Page, Server, Written


def kinds(server: Server, run: str) -> list[str]:
    return [event.kind for event in server.runs.open(run).events()[0]]


def test_start_creates_launches_and_shows(server: Server, page: Page) -> None:
    """One message, and pictures come from a run that has no end and leaves a core to the page."""
    page.say("start", config={"n_latents": 32, "penalty_weight": 0.2})
    run = page.hear("run")["run"]
    assert page.draw(3)[-1]["n_latents"] == 32
    directory = server.runs.open(run)
    assert directory.config.penalty_weight == 0.2
    assert (directory.config.steps, directory.config.epochs) == (None, None)
    assert directory.config.threads is not None
    assert directory.meta.origin == "page"
    (event,) = directory.events()[0]
    assert (event.kind, event.value) == ("play", "ramp")


def test_what_is_pressed_while_a_worker_starts_is_not_lost(server: Server, page: Page) -> None:
    """Nobody waits for the worker: it finds the pause when it comes."""
    page.say("start", config={"n_latents": 16})
    run = page.hear("run")["run"]
    began = time.monotonic()
    page.say("control", run=run, do="pause")
    while kinds(server, run) != ["play", "pause"]:
        assert time.monotonic() - began < 2
    while not server.runs.open(run).alive():
        assert time.monotonic() - began < 10
    while page.hear("status")["state"] != "paused":
        pass


def test_start_with_the_dial_off_begins_without_a_penalty(server: Server, page: Page) -> None:
    """The 60-second story begins so."""
    page.say("start", config={"n_latents": 16}, dial_off=True, speed="full")
    assert page.hear("run")["config"]["penalty_weight"] == 0


def test_one_step_from_nothing_is_one_step(server: Server, page: Page) -> None:
    """The run is created paused, then asked for its step."""
    page.say("start", config={"n_latents": 16}, play=False, then="step", speed="slow")
    run = page.hear("run")["run"]
    assert kinds(server, run) == ["speed", "pause", "step"]
    while page.draw(1)[0]["step"] != 1:
        pass


def test_a_start_that_cannot_be_is_one_sentence_and_no_run(server: Server, page: Page) -> None:
    """Each names the knob, the value and what is allowed; nothing is left behind."""
    before = len(server.runs.list())
    for config, words in (
        ({"n_latents": 0}, "n_latents is 0"),
        ({"n_latents": 10**9}, "n_latents is 1000000000"),
        ({"n_latents": 16, "method": "topk", "k": 17}, "k is 17"),
        ({"method": "kl", "activation": "relu"}, "kl cannot use activation 'relu'"),
        ({"method": "banana"}, "'banana'"),
        ({"dataset": "no-such-set"}, "no data set"),
        ({"dataset": "../../no/such/folder"}, "no/such/folder"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"self": 1}, "'self'"),
        ({"n_latents": None}, "n_latents is None"),
    ):
        page.say("start", config=config)
        sentence = page.hear("error")["message"]
        assert words in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert len(server.runs.list()) == before


def test_a_reset_is_a_new_run_and_every_tab_follows(server: Server, page: Page) -> None:
    """The old run is stopped and kept, the new one knows its parent, the other tab is told where to look."""
    page.say("start", config={"n_latents": 16, "seed": 5})
    old = page.hear("run")["run"]
    other = server.open()
    other.say("watch", run=old)
    other.draw(3)
    page.say("reset", run=old, config={"n_latents": 24, "seed": 5}, play=True)
    new = page.hear("run")
    assert new["run"] != old
    assert new["config"]["n_latents"] == 24
    assert new["lineage"]["parent"] == old
    assert new["lineage"]["step"] >= 0
    assert other.hear("moved")["run"] == new["run"]
    assert kinds(server, old)[-1] == "stop"
    deadline = time.monotonic() + 5
    while server.runs.open(old).alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.runs.open(old).status().state == "stopped"


def test_controls_become_events_in_order(server: Server, page: Page, written: Written) -> None:
    """What is pressed is what is written, and a dial's last value is never lost."""
    page.say("watch", run=written.run.id)
    before = len(written.run.events()[0])
    page.say("control", run=written.run.id, do="pause")
    page.say("control", run=written.run.id, do="epoch")
    page.say("speed", run=written.run.id, value="slow")
    for n in range(100):
        page.say("set", run=written.run.id, name="penalty_weight", value=n / 100, drag=3)
    page.say("control", run=written.run.id, do="resume")
    page.say("ping", n=1)
    page.hear("pong")
    deadline = time.monotonic() + 5
    while not any(event.kind == "play" for event in written.run.events()[0][before:]) and time.monotonic() < deadline:
        time.sleep(0.02)
    events = written.run.events()[0][before:]
    values = [event.value for event in events if event.kind == "set"]
    assert [event.kind for event in events if event.kind != "set"] == ["pause", "epoch", "speed", "play"]
    assert values == sorted(values)  # type: ignore[type-var]  # numbers, all of them
    assert values[-1] == 0.99
    assert {event.drag for event in events if event.kind == "set"} == {3}


def test_a_knob_that_cannot_be_set_is_refused_in_a_sentence(page: Page, written: Written) -> None:
    """And the run never hears of it."""
    before = written.run.events()[0]
    for name, value in (("n_latents", 512), ("penalty_weight", -1), ("nonsense", 1), ("k", 2.5), ("rho", None)):
        page.say("set", run=written.run.id, name=name, value=value)
        assert name in page.hear("error")["message"]
    assert written.run.events()[0] == before


def test_play_wakes_a_run_without_a_worker(server: Server, page: Page, written: Written) -> None:
    """After a kill, Resume starts another; two tabs pressing it at once start one."""
    written.kill()
    other = server.open()
    for one in (page, other):
        one.say("watch", run=written.run.id)
        one.hear("run")
    for one in (page, other):
        one.say("control", run=written.run.id, do="resume")
    while page.hear("status", timeout=8)["state"] != "training":
        pass
    assert other.hears_nothing("error", 0.5)


def test_runs_begun_here_leave_one_core_to_the_page() -> None:
    """And a thread count that somebody asked for stays."""
    assert page_config({}, cores=8).threads == 7
    assert page_config({}, cores=1).threads == 1
    assert page_config({"threads": 3}, cores=8).threads == 3


def test_dial_off_means_the_methods_own_dial() -> None:
    """Of TopK, off is keeping every code."""
    assert page_config({"method": "kl"}, dial_off=True).beta == 0
    assert page_config({"method": "topk", "n_latents": 64}, dial_off=True).k == 64
    assert page_config({"method": "none"}, dial_off=True).dial is None


def test_an_unknown_knob_is_named() -> None:
    """A page of another version does not get something else than it asked for."""
    with pytest.raises(ConfigError, match="no knob 'latents'"):
        page_config({"latents": 3})
