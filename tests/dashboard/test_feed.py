"""What a watcher is sent: the newest picture, once the last one is drawn, and everything else in order."""

from __future__ import annotations

import json
import time

import pytest

from sae_core.config import Config
from sae_core.runs.directory import Status, write_status
from tests.dashboard.conftest import Page, Server, Written, writing


def test_before_anything_is_pressed_there_is_a_real_network(page: Page) -> None:
    """The bundled picture of step 0, with its charts, in both kinds of weights."""
    page.say("watch", run=None)
    run = page.hear("run")
    assert run["run"] is None
    assert run["status"]["state"] == "new"
    assert set(run["figures"]) == {"loss", "activations", "densities"}
    assert run["config"]["n_latents"] == 256
    (frame,) = page.draw(1)
    assert (frame["step"], frame["n_latents"], frame["weights"]) == (0, 256, "decoder")
    page.say("watch", run=None, weights="encoder")
    assert page.draw(1)[0]["weights"] == "encoder"


def test_a_watcher_is_introduced_then_sent_pictures(page: Page, written: Written) -> None:
    """First all there is to know of the run, then pictures, each newer than the one before."""
    page.say("watch", run=written.run.id)
    introduction = page.hear("run", "frame", "rows", "status")
    assert introduction["t"] == "run"
    assert introduction["run"] == written.run.id
    assert introduction["config"] == written.run.config.model_dump(mode="json")
    assert introduction["lineage"] == {"parent": None, "step": None}
    steps = [frame["step"] for frame in page.draw(10)]
    assert steps == sorted(set(steps))


def test_pictures_come_about_as_often_as_they_are_made(page: Page, written: Written) -> None:
    """The stand-in makes 20 a second; a page that draws at once misses few."""
    page.say("watch", run=written.run.id)
    page.draw(5)
    began = time.monotonic()
    page.draw(30)
    assert 30 / (time.monotonic() - began) > 12


def test_no_second_picture_is_sent_before_the_first_is_drawn(page: Page, written: Written) -> None:
    """And the wrong number draws nothing; after the right one comes the newest, not the next."""
    page.say("watch", run=written.run.id)
    first = page.hear("frame")
    page.say("ack", seq=first["seq"] + 1)
    assert page.hears_nothing("frame", 0.7)
    page.say("ack", seq=first["seq"])
    second = page.hear("frame")
    assert second["step"] - first["step"] >= 10


def test_a_client_that_never_reads_holds_nobody_up(server: Server, page: Page) -> None:
    """A page of 4,096 filters whose reader sleeps, and acknowledges blindly, beside one that is awake."""
    with writing(server.runs, n_latents=4096) as big:
        big.play()
        sleeper = server.open(max_queue=1, close_timeout=0.1)
        sleeper.say("watch", run=big.run.id)
        page.say("watch", run=big.run.id)
        page.draw(2)
        began = time.monotonic()
        for n in range(30):
            sleeper.say("ack", seq=n)
            page.draw(1)
        assert time.monotonic() - began < 6


def test_curves_arrive_in_increments_that_add_up(page: Page, written: Written) -> None:
    """The introduction and the increments together are the file, with nothing twice and nothing missing."""
    time.sleep(0.3)
    page.say("watch", run=written.run.id)
    steps = page.hear("run")["rows"]["step"]
    assert steps
    for _ in range(5):
        steps += page.hear("rows")["rows"]["step"]
    in_file = [row["step"] for row in written.run.rows()[0]]
    assert steps == sorted(set(in_file))[: len(steps)]


def test_one_drag_is_one_marker(page: Page, written: Written) -> None:
    """Sixty values of one gesture are one dotted line, which says where the dial was and where it went."""
    page.say("watch", run=written.run.id)
    page.hear("run")
    for value in (0.12, 0.2, 0.3):
        page.say("set", run=written.run.id, name="penalty_weight", value=value, drag=17)
        time.sleep(0.1)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        markers = page.hear("markers")["markers"]
        if markers[-1]["text"] == "penalty .10→.30":
            break
    assert len(markers) == 1
    assert markers[0]["images"] == markers[0]["step"] * 256


def test_a_watched_run_is_asked_for_the_weights_that_are_looked_at(server: Server, written: Written) -> None:
    """Two pages that want different weights both get theirs."""
    decoder, encoder = server.open(), server.open()
    decoder.say("watch", run=written.run.id)
    encoder.say("watch", run=written.run.id, weights="encoder")
    for page, weights in ((decoder, "decoder"), (encoder, "encoder")):
        assert [frame["weights"] for frame in page.draw(5)] == [weights] * 5
    decoder.say("watch", run=written.run.id, weights="encoder")
    assert decoder.draw(3)[-1]["weights"] == "encoder"


def test_an_unwatched_run_is_asked_for_nothing(server: Server, written: Written) -> None:
    """The lease runs out with the last page."""
    page = server.open()
    page.say("watch", run=written.run.id)
    page.draw(2)
    page.socket.close()
    time.sleep(0.3)
    renewed = (written.run.path / "watch").stat().st_mtime
    time.sleep(1.5)
    assert (written.run.path / "watch").stat().st_mtime == renewed


def test_a_killed_worker_is_noticed_within_two_seconds(page: Page, written: Written) -> None:
    """The page is told, with the step, and may press Resume."""
    page.say("watch", run=written.run.id)
    page.draw(3)
    written.kill()
    began = time.monotonic()
    while (status := page.hear("status", timeout=3))["state"] != "lost":
        pass
    assert time.monotonic() - began < 2
    assert "Resume" in status["reason"]


def test_a_pause_is_told_at_once(page: Page, written: Written) -> None:
    """The Play button follows the run, not the click: within a tenth of a second on a quiet machine."""
    page.say("watch", run=written.run.id)
    page.draw(2)
    for do, state in (("pause", "paused"), ("play", "training")):
        began = time.monotonic()
        page.say("control", run=written.run.id, do=do)
        while page.hear("status")["state"] != state:
            pass
        assert time.monotonic() - began < 0.5


def test_a_run_nobody_ever_watched_is_shown_all_the_same(server: Server, page: Page) -> None:
    """No worker, no picture, not even a snapshot: the page still learns what the run is."""
    run = server.runs.create(Config(n_latents=16))
    page.say("watch", run=run.id)
    assert page.hear("run")["status"]["state"] == "paused"
    assert page.hears_nothing("frame", 1)


def test_a_run_deleted_under_its_watchers_is_said_and_harms_nobody(server: Server, written: Written) -> None:
    """Its files are gone; who watches something else does not notice."""
    gone = server.runs.create(Config(n_latents=16))
    page, neighbour = server.open(), server.open()
    page.say("watch", run=gone.id)
    page.hear("run")
    neighbour.say("watch", run=written.run.id)
    server.runs.delete(gone.id)
    status = page.hear("status", "error", timeout=3)
    assert status["t"] == "error" or status["state"] == "lost"
    assert len(neighbour.draw(5)) == 5


@pytest.mark.parametrize(
    "damage", [b"", b"\x00" * 100, b'{"step": 1', b"[]\n" * 50, b'{"step":5,"attempt":1,"fvu":NaN}\n']
)
def test_damaged_files_break_no_feed(server: Server, page: Page, damage: bytes) -> None:
    """Torn, truncated and foreign lines are passed over; the socket stays open and speaks JSON."""
    with writing(server.runs, n_latents=16) as written:
        written.play()
        page.say("watch", run=written.run.id)
        page.draw(1)
        for name in ("applied.jsonl", "metrics.jsonl", "status.json", "frame.bin"):
            with (written.run.path / name).open("ab" if name.endswith("l") else "r+b") as file:
                file.write(damage)
        page.say("ping", n=1)
        page.hear("pong")
        write_status(written.run.path / "status.json", Status("paused"))
        later = server.open()
        later.say("watch", run=written.run.id)
        introduction = later.hear("run", "error")
        assert introduction["t"] == "run"
        json.dumps(introduction, allow_nan=False)
