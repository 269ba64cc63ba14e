"""A worker and what goes wrong: divergence, torn and damaged files, full disks."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from sae_core.data import Images
from sae_core.runs import RunDirectory, RunError, RunWriteError, drop_superseded, files
from sae_core.runs.replay import replay
from tests.runs.conftest import Worker, eventually
from tests.runs.small_worker import QUICK
from tests.runs.worker.seen import last, state

Make = Callable[..., RunDirectory]
Working = Callable[..., Worker]


def test_a_run_that_diverges_is_back_at_its_last_checkpoint_and_says_so(
    make: Make, working: Working, images: Images
) -> None:
    """The learning rate that did it is voided with all that came after the checkpoint; Play goes on from there."""
    run = make(steps=None)
    working(run, timing=replace(QUICK, checkpoint_every=1e9))
    eventually(lambda: run.status().step > 30)
    run.append_event("pause")
    eventually(lambda: run.status().state == "paused")
    safe = run.status().step
    run.append_event("set", name="learning_rate", value=10.0)
    run.append_event("play")
    restore = eventually(last(run, "restore"))
    eventually(lambda: run.status().state == "paused")
    assert (restore.step, run.status().step) == (safe, safe)
    assert "diverged" in run.status().reason
    assert f"back at step {safe}" in run.status().reason
    assert run.current_config().learning_rate == 0.001
    run.append_event("play")
    eventually(lambda: run.status().step > safe + 20)
    run.append_event("stop")
    eventually(state(run, "stopped"))
    eventually(lambda: not run.alive())
    assert replay(run, images).same
    steps = [row["step"] for row in drop_superseded(run.rows()[0])]
    assert steps == sorted(steps)


def test_torn_logs_are_mended_by_the_next_worker(make: Make, working: Working, images: Images) -> None:
    """Half a line at the end of each, as a power cut leaves them, and garbage in the middle of the rows."""
    run = make(steps=100)
    worker = working(run)
    eventually(lambda: run.status().step > 10)
    run.append_event("set", name="penalty_weight", value=0.3)
    eventually(last(run, "set"))
    worker.stop()
    for name in ("events.jsonl", "applied.jsonl", "metrics.jsonl"):
        with (run.path / name).open("ab") as file:
            file.write((b"garbage\n" if name == "metrics.jsonl" else b"") + b'{"step":9,"kind":"set","na')
    (run.path / "status.json").write_bytes(b'{"sta')
    (run.path / "snapshot.safetensors").write_bytes(b"torn")
    (run.path / "frame.bin").write_bytes(b"torn")
    run.renew_watch()
    assert working(run).end().state == "finished"
    for name in ("events.jsonl", "applied.jsonl", "metrics.jsonl"):
        assert b'"na{' not in (run.path / name).read_bytes()
    assert run.snapshot() is not None
    assert run.frames().read() is not None
    assert replay(run, images).same


def test_looking_whether_a_run_is_alive_does_not_keep_a_worker_from_starting(make: Make, working: Working) -> None:
    """Probing takes the lock for an instant, all the time here; the worker tries again."""
    run = make(steps=20)
    over = threading.Event()

    def probe() -> None:
        while not over.is_set():
            run.alive()

    probing = threading.Thread(target=probe)
    probing.start()
    try:
        for _ in range(3):
            assert working(run).end().state == "finished"
    finally:
        over.set()
        probing.join()


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(make: Make, working: Working, images: Images) -> None:
    """Cut short, or a byte of it another; the run says so and ends with the same weights."""
    run = make(steps=150)
    worker = working(run)
    eventually(lambda: (run.path / "checkpoint.safetensors.previous").exists() and run.status().step > 20)
    worker.stop()
    file = run.path / "checkpoint.safetensors"
    data = bytearray(file.read_bytes())
    data[-1000] ^= 0xFF
    file.write_bytes(data)
    worker = working(run)
    assert worker.end().state == "finished"
    reason = [record.reason for record in run.applied()[0] if record.kind == "resume"][-1]
    assert "checkpoint.safetensors could not be read, so an earlier one was taken" in reason
    assert (run.path / "checkpoint.safetensors.damaged").read_bytes() == bytes(data)
    assert replay(run, images).same


def test_with_no_checkpoint_left_a_run_is_repeated_from_its_start(make: Make, working: Working, images: Images) -> None:
    """Config and applied events lead to the same weights."""
    run = make(steps=60)
    run.append_event("set", name="penalty_weight", value=0.3)
    run.append_event("epoch")
    working(run, play=False).end()
    before = replay(run, images)
    for file in run.path.glob("checkpoint.safetensors*"):
        file.write_bytes(b"torn")
    with pytest.raises(RunError, match="no checkpoint"):
        replay(run, images)
    assert working(run).end().step == 60
    assert replay(run, images) == before


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_pauses_the_run_keeps_the_checkpoint_and_play_goes_on(
    make: Make, working: Working, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost: not the weights in memory, not the control that could not be written down."""
    run = make()
    working(run)
    eventually(lambda: run.status().step > 20 and (run.path / "checkpoint.safetensors").exists())
    with monkeypatch.context() as disk:
        disk.setattr(files, "write_all", full_disk)
        eventually(state(run, "paused"))
        assert run.status().reason.startswith("The disk is full: ")
        with pytest.raises(RunWriteError, match=r"The disk is full: events.jsonl could not be written"):
            run.append_event("play")
        assert replay(run, images).same
        paused_at = run.status().step
        assert run.alive()
    run.append_event("set", name="penalty_weight", value=0.2)
    run.append_event("play")
    eventually(lambda: run.status().step > paused_at + 20)
    run.append_event("stop")
    eventually(lambda: not run.alive())
    assert run.current_config().penalty_weight == 0.2
    assert replay(run, images).same


def test_a_disk_that_is_full_at_the_end_is_said_in_the_last_word(
    make: Make, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """status.json is written in place then, which needs no room."""
    run = make(steps=10_000_000)
    worker = working(run)
    eventually(lambda: run.status().step > 20)
    run.append_event("stop")
    monkeypatch.setattr(files, "write_all", full_disk)
    status = worker.end()
    monkeypatch.undo()
    assert status == run.status()
    assert status.state == "paused"
    assert status.reason.startswith("The disk is full: ")
    assert (run.path / "checkpoint.safetensors").exists()


def test_a_worker_that_breaks_says_so(make: Make, working: Working) -> None:
    """A batch larger than the data set: a sentence, in the status and for the caller."""
    run = make(batch_size=4096)
    worker = working(run)
    with pytest.raises(ValueError, match="batch_size is 4096"):
        worker.end()
    assert run.status().state == "failed"
    assert "batch_size is 4096" in run.status().reason
