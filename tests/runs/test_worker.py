"""A worker at work, steered by its files alone."""

from __future__ import annotations

import errno
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from sae_core.data import Images
from sae_core.runs import RunDirectory, RunError, RunWriteError, drop_superseded, files
from sae_core.runs.frames import decode_frame
from sae_core.runs.replay import replay
from sae_core.runs.worker.desk import Desk
from sae_core.runs.worker.timing import Timing
from sae_core.runs.worker.work import _assemble as assemble
from sae_core.train import stream
from tests.runs.conftest import Worker, eventually
from tests.runs.small_worker import QUICK

Make = Callable[..., RunDirectory]
Working = Callable[..., Worker]


def state(run: RunDirectory, *states: str) -> Callable[[], bool]:
    return lambda: run.status().state in states


def trained(run: RunDirectory, attempt: int, step: int) -> Callable[[], bool]:
    """Whether that worker of the run (not the one before it) has come so far."""

    def check() -> bool:
        status = run.status()
        return status.state == "training" and status.attempt == attempt and status.step > step

    return check


def last(run: RunDirectory, kind: str) -> Callable[[], object]:
    """The newest applied record of a kind."""
    return lambda: next((record for record in reversed(run.applied()[0]) if record.kind == kind), None)


def test_a_finite_run_finishes_with_everything_of_its_last_step(make: Make, working: Working) -> None:
    """Checkpoint, snapshot and last row are of step 100; 100 x 32 images were seen."""
    run = make(steps=100)
    status = working(run).end()
    assert (status.state, status.step, status.images) == ("finished", 100, 3200)
    assert not run.alive()
    snapshot = run.snapshot()
    assert snapshot is not None
    assert (snapshot.row.step, snapshot.census.n_images) == (100, 64)
    rows = run.rows()[0]
    assert (rows[0]["step"], rows[-1]["step"], rows[-1]["attempt"]) == (0, 100, 1)
    assert [record.kind for record in run.applied()[0]] == ["resume", "play", "finish"]


def test_history_begins_with_the_first_steps(make: Make, working: Working) -> None:
    """Strokes are born there: steps at least half as far again as the one before, the first within a few steps."""
    run = make(steps=100)
    working(run).end()
    steps = run.history()
    assert steps[0] <= 3
    assert len(steps) >= 5
    assert all(later >= earlier + max(1, earlier // 2) for earlier, later in itertools.pairwise(steps))
    first = run.snapshot_at(steps[0])
    assert first is not None
    assert (first.row.step, first.census.n_images) == (steps[0], 64)


def test_a_run_waits_for_play(make: Make, working: Working) -> None:
    """Paused at step 0, it shows itself nevertheless."""
    run = make()
    run.renew_watch()
    working(run, play=False)
    eventually(lambda: run.status().attempt == 1 and run.status().state == "paused")
    frames = run.frames()
    header, arrays = decode_frame(eventually(frames.read))
    frames.close()
    assert (header["step"], header["state"], header["n_latents"]) == (0, "paused", 32)
    assert arrays["filters"].shape == (32, 256)
    assert eventually(run.snapshot).row.step == 0
    assert eventually(run.history) == [0]


def test_step_and_epoch_do_just_that(make: Make, working: Working) -> None:
    """One step; then one epoch of 2,048 // 32 = 64."""
    run = make()
    working(run, play=False)
    for kind, step in (("step", 1), ("epoch", 65), ("step", 66)):
        run.append_event(kind)
        eventually(lambda step=step: run.status().state == "paused" and run.status().step == step)
    assert run.applied()[0][-1].kind == "pause"


def test_a_control_takes_effect_at_a_recorded_step_within_50_ms(make: Make, working: Working) -> None:
    """From the moment it is appended to the moment it is written down, before the step it affects."""
    run = make()
    working(run)
    eventually(state(run, "training"))
    delays = []
    for number in range(10):
        offset = run.append_event("set", name="penalty_weight", value=number / 10, drag=1)
        event = run.events(offset)[0][0]
        record = eventually(lambda offset=offset: next((r for r in run.applied()[0] if r.event == offset), None))
        assert (record.kind, record.value, record.drag) == ("set", number / 10, 1)
        delays.append(record.time - event.time)
    assert np.median(delays) < 0.050


def test_values_dragged_faster_than_steps_come_down_to_the_last(make: Make, working: Working, images: Images) -> None:
    """Ten at once while paused: one change, the last; a row shows it."""
    run = make()
    lines = "".join(f'{{"kind":"set","name":"penalty_weight","value":{v / 10},"drag":4}}\n' for v in range(10))
    with (run.path / "events.jsonl").open("a") as file:
        file.write(lines)
    working(run, play=False)
    record = eventually(last(run, "set"))
    assert (record.value, record.offset) == (0.9, len(lines))
    assert sum(r.kind == "set" for r in run.applied()[0]) == 1
    assert eventually(lambda: run.rows()[0][-1]["dial"] == 0.9)
    assert run.current_config().penalty_weight == 0.9


def test_what_cannot_be_applied_is_refused_and_training_goes_on(make: Make, working: Working) -> None:
    """Garbage in events.jsonl, a value out of bounds, a knob that needs a reset."""
    run = make()
    with (run.path / "events.jsonl").open("ab") as file:
        file.write(b'\xff\n{"kind":"set","name":"penalty_weight","value":-1}\n{"kind":"set","name":"seed","value":1}\n')
    working(run)
    eventually(lambda: run.status().step > 5)
    refused = [record.reason for record in run.applied()[0] if record.kind == "refused"]
    assert len(refused) == 3
    assert "There is no control 'unreadable'" in refused[0]
    assert "penalty_weight is -1" in refused[1]
    assert "seed cannot change in a running model" in refused[2]


def test_a_paused_run_goes_on_where_it_was_in_another_worker(make: Make, working: Working, images: Images) -> None:
    """Stop, start, stop: the weights are those of one that never stopped."""
    run = make(warmup_steps=30)
    for attempt, stop in ((1, 40), (2, 90)):
        worker = working(run)
        eventually(trained(run, attempt, stop))
        run.append_event("set", name="learning_rate", value=0.001 * stop / 10)
        assert worker.stop().state == "stopped"
    assert run.status().attempt == 2
    outcome = replay(run, images)
    assert outcome.same
    assert outcome.step == run.status().step
    assert outcome.warning == ""
    steps = [row["step"] for row in drop_superseded(run.rows()[0])]
    assert steps == sorted(steps)


def test_a_second_worker_is_told_that_there_is_one(make: Make, working: Working, images: Images) -> None:
    """And the run's controls do not hear of it."""
    run = make()
    working(run, play=False)
    eventually(run.alive)
    second = working(run)
    with pytest.raises(RunError, match=f"The run {run.id} already has a worker"):
        second.end()
    assert run.events() == ([], 0)


def test_pictures_are_drawn_while_someone_watches_and_only_then(make: Make, working: Working) -> None:
    """A lease runs out by itself."""
    run = make()
    working(run, timing=replace(QUICK, lease=0.3))
    frames = run.frames()
    eventually(lambda: run.status().step > 20)
    assert frames.sequence() == 0
    run.renew_watch("encoder")
    eventually(lambda: frames.sequence() > 2)
    header, _ = decode_frame(eventually(frames.read))
    assert (header["weights"], header["state"]) == ("encoder", "training")
    time.sleep(0.5)
    ended = frames.sequence()
    before = run.status().step
    eventually(lambda: run.status().step > before + 20)
    assert frames.sequence() == ended
    frames.close()


def test_the_ramp_begins_with_one_step_a_picture(make: Make, working: Working) -> None:
    """Who asks for it is taken to be watching."""
    run = make()
    run.append_event("play", speed="ramp")
    working(run, play=False, timing=replace(QUICK, pictures_per_second=50.0))
    frames = run.frames()
    seen = {}
    for _ in range(200):
        if (payload := frames.read()) is not None:
            header, _ = decode_frame(payload)
            seen[header["seq"]] = header["step"]
        time.sleep(0.002)
    frames.close()
    early = [(seq, step) for seq, step in seen.items() if seq <= 15]
    assert len(early) > 3
    assert all(after[1] - before[1] == after[0] - before[0] for before, after in itertools.pairwise(early))


def test_a_paused_run_shows_what_changes(make: Make, working: Working) -> None:
    """The dial moves, nothing trains, and the picture is a new one all the same."""
    run = make(method="topk", k=8)
    working(run, play=False)
    frames = run.frames()
    run.renew_watch()
    first = eventually(frames.sequence)
    run.append_event("set", name="k", value=2)
    run.renew_watch()
    eventually(lambda: frames.sequence() > first)
    header, arrays = decode_frame(eventually(frames.read))
    frames.close()
    assert header["step"] == 0
    assert (np.count_nonzero(arrays["lit"], axis=1) <= 2).all()
    assert eventually(lambda: (s := run.snapshot()) is not None and s.config.k == 2)


def test_a_paused_worker_that_nobody_watches_ends(make: Make, working: Working) -> None:
    """Its run stays paused, and says so."""
    run = make()
    worker = working(run, play=False, timing=replace(QUICK, unwatched_exit=0.2))
    assert worker.end().state == "paused"
    assert run.status().state == "paused"
    assert not run.alive()


def test_a_run_of_the_page_pauses_when_nobody_watches_it_train(make: Make, working: Working) -> None:
    """One of the command line goes on."""
    page, script = make(origin="page"), make(origin="cli")
    for run in (page, script):
        working(run, timing=replace(QUICK, unwatched_pause=0.3))
    eventually(lambda: "Nobody was watching" in page.status().reason)
    assert page.status().state == "paused"
    assert script.status().state == "training"


def test_a_run_without_a_slot_queues_visibly_and_a_paused_one_gives_its_slot_back(make: Make, working: Working) -> None:
    """One slot, two runs."""
    first, second = make(), make()
    working(first, slots=1)
    eventually(state(first, "training"))
    working(second, slots=1)
    eventually(state(second, "queued"))
    assert second.status().queue == 1
    assert second.status().step == 0
    first.append_event("pause")
    eventually(state(second, "training"))
    first.append_event("play")
    eventually(state(first, "queued"))
    second.append_event("stop")
    eventually(state(first, "training"))


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


def test_who_steers_before_a_run_has_caught_up_rewrites_what_lay_ahead(
    make: Make, working: Working, images: Images
) -> None:
    """Taken up at its start, the dial is set at once: the change that came later in its first life never happens."""
    run = make()
    worker = working(run)
    eventually(lambda: run.status().step > 10)
    run.append_event("set", name="penalty_weight", value=0.3)
    run.append_event("set", name="learning_rate", value=0.002)
    eventually(lambda: run.current_config().learning_rate == 0.002)
    worker.stop()
    for file in run.path.glob("checkpoint.safetensors*"):
        file.unlink()
    run.append_event("set", name="penalty_weight", value=0.05)
    worker = working(run)
    eventually(trained(run, 2, 30))
    worker.stop()
    assert [record.kind for record in run.applied()[0] if record.step == 0][-3:] == ["restore", "set", "play"]
    assert (run.current_config().penalty_weight, run.current_config().learning_rate) == (0.05, 0.001)
    assert replay(run, images).same


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


def test_everything_that_is_not_training_stays_within_its_budget(make: Make, images: Images) -> None:
    """Watched, with pictures, censuses, rows and checkpoints: a tenth of training time, and the start's own costs."""
    run = make(n_latents=512, batch_size=256, steps=500)
    run.append_event("play")
    desk = Desk(run)
    timing = Timing(checkpoint_every=0.5, snapshot_every=0.1)
    conductor, _ = assemble(desk, images, timing, 1, None)
    budget = conductor._observer.budget
    with closing(desk), closing(conductor):
        for step, message in enumerate(stream(run.config, images, conductor.actions())):
            conductor.receive(message)
            if step % 5 == 0:
                run.renew_watch()
            if conductor._scene.complete:
                break
    assert budget.spent > 0.01 * budget.trained
    assert budget.spent < 0.10 * budget.trained + 0.3
