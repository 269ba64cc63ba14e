"""A worker while somebody watches, and while nobody does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from sae_core.data import Images
from sae_core.runs import RunDirectory
from sae_core.runs.frames import decode_frame
from sae_core.runs.worker.desk import Desk
from sae_core.runs.worker.timing import Timing
from sae_core.runs.worker.work import _assemble as assemble
from sae_core.train import stream
from tests.runs.conftest import Worker, eventually
from tests.runs.small_worker import QUICK
from tests.runs.worker.seen import state

Make = Callable[..., RunDirectory]
Working = Callable[..., Worker]


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
    """Who asks for it is taken to be watching. At 12 pictures a second the first dozen have a step each; three late
    ones in a row would end the ramp, and a twelfth of a second leaves room for a busy machine.
    """
    run = make()
    run.append_event("play", speed="ramp")
    working(run, play=False, timing=replace(QUICK, pictures_per_second=12.0, ramp_doubling=1.0))
    frames = run.frames()
    seen = {}
    deadline = time.monotonic() + 10.0
    while max(seen, default=0) <= 10 and time.monotonic() < deadline:
        if (payload := frames.read()) is not None:
            header, _ = decode_frame(payload)
            seen[header["seq"]] = header["step"]
        time.sleep(0.002)
    frames.close()
    early = [(seq, step) for seq, step in seen.items() if seq <= 10]
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


@pytest.mark.parametrize(
    ("renew", "share"), [(lambda _: None, 0.03), (RunDirectory.renew_watch, 0.1), (RunDirectory.renew_look, 0.1)]
)
def test_where_nobody_looks_there_is_less_time_for_what_is_not_training(
    make: Make, images: Images, renew: Callable[[RunDirectory], None], share: float
) -> None:
    """On the Train page, or at what the run keeps."""
    run = make(steps=10)
    run.append_event("play")
    renew(run)
    desk = Desk(run)
    conductor, _ = assemble(desk, images, Timing(), 1, None)
    with closing(desk), closing(conductor):
        for message in stream(run.config, images, conductor.actions()):
            conductor.receive(message)
            if conductor._scene.complete:
                break
    assert conductor._observer.budget.share == share


def test_a_run_of_the_page_goes_on_while_someone_looks_at_what_it_learned(make: Make, working: Working) -> None:
    """Another page than Train is company, too."""
    run = make(origin="page")
    run.renew_look()
    working(run, timing=replace(QUICK, unwatched_pause=0.1, unwatched_yield=0.1))
    eventually(lambda: run.status().step > 20)
    time.sleep(0.5)
    assert run.status().state == "training"
