"""A worker at work, steered by its files alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from sae_core.data import Images
from sae_core.runs import RunDirectory, RunError, drop_superseded
from sae_core.runs.frames import decode_frame
from sae_core.runs.replay import replay
from tests.runs.conftest import Worker, eventually
from tests.runs.worker.seen import last, state, trained

Make = Callable[..., RunDirectory]
Working = Callable[..., Worker]


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
