"""A worker killed at any moment: the run goes on bit for bit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from sae_core.data import Images
from sae_core.runs import Run, RunDirectory
from sae_core.runs.replay import replay
from tests.runs.conftest import Spawn, eventually

STEPS = 200

Make = Callable[..., RunDirectory]


def applied_sets(run: RunDirectory) -> int:
    return sum(record.kind == "set" for record in run.applied()[0])


def kill_once(run: RunDirectory, spawn: Spawn, chance: random.Random, after_control: bool) -> None:
    worker = spawn(run)
    eventually(lambda: run.status().state == "training" or worker.poll() is not None)
    time.sleep(chance.uniform(0.0, 0.25))
    if after_control:
        before = applied_sets(run)
        run.append_event("set", name=DIALS[run.config.method], value=round(chance.random(), 3))
        eventually(lambda: applied_sets(run) > before or worker.poll() is not None)
    worker.kill()
    worker.wait()


def play_through_kills(run: RunDirectory, spawn: Spawn, kills: int, seed: int) -> None:
    """Kill the worker ``kills`` times while a dial is dragged, every second time right after a control took effect."""
    chance = random.Random(seed)
    run.append_event("play")
    for kill in range(kills):
        kill_once(run, spawn, chance, after_control=kill % 2 == 0)
    spawn(run).wait(timeout=120)


DIALS = {"l1": "penalty_weight", "kl": "beta"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("method", "kills"), [pytest.param("l1", 2, marks=pytest.mark.long), ("kl", 1)])
def test_a_run_killed_at_random_moments_ends_with_the_weights_of_one_that_never_was(
    make: Make, spawn: Spawn, images: Images, method: str, kills: int
) -> None:
    """Two sets of weights, Adam's moments and all: each bit the same."""
    run = make(method=method, steps=STEPS, n_latents=256, batch_size=512, warmup_steps=100)
    play_through_kills(run, spawn, kills, seed=1)
    status = run.status()
    assert (status.state, status.step) == ("finished", STEPS)
    outcome = replay(run, images)
    assert outcome.same
    assert outcome.step == STEPS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_leave_no_trace(make: Make, spawn: Spawn, images: Images) -> None:
    """The same, twenty times in one run, ten of them within a step or two after a control."""
    run = make(steps=800, n_latents=256, batch_size=512, warmup_steps=100)
    play_through_kills(run, spawn, kills=20, seed=2)
    assert run.status().state == "finished"
    assert replay(run, images).same
    steps = Run(run).metrics["step"].to_list()
    assert steps == sorted(steps)
    assert steps[-1] == 800


def test_a_killed_worker_is_noticed_at_once_and_said(make: Make, spawn: Spawn) -> None:
    """The system frees the lock of the dead: no heartbeat has to run out first."""
    run = make(n_latents=64)
    run.append_event("play")
    worker = spawn(run)
    eventually(lambda: run.status().state == "training")
    worker.kill()
    worker.wait()
    began = time.monotonic()
    status = eventually(lambda: (status := run.status()).state == "lost" and status)
    assert time.monotonic() - began < 2.0
    assert "Resume" in status.reason


def test_of_two_resumes_one_wins_and_the_other_says_why(make: Make, spawn: Spawn, tmp_path: object) -> None:
    """Both start at once; the loser's sentence names the run."""
    run = make(n_latents=64)
    run.append_event("play")
    both = [spawn(run), spawn(run)]
    loser = eventually(lambda: next((worker for worker in both if worker.poll() is not None), None))
    assert loser.returncode == 3
    eventually(lambda: run.status().state == "training")
    assert sum(worker.poll() is None for worker in both) == 1
    log = (run.path.parents[1] / "workers.log").read_text()
    assert f"The run {run.id} already has a worker" in log


@pytest.mark.long
def test_a_run_killed_while_paused_further_on_than_its_checkpoint_catches_up_first(
    make: Make, spawn: Spawn, images: Images
) -> None:
    """It was seen at a step; it comes back at that step, paused, with the weights it had there."""
    run = make(n_latents=512, batch_size=512)
    run.append_event("play")
    worker = spawn(run)
    eventually(lambda: run.status().step > 20)
    run.append_event("pause")
    eventually(lambda: run.applied()[0][-1].kind == "pause")
    worker.kill()
    worker.wait()
    paused_at = run.applied()[0][-1].step
    for file in run.path.glob("checkpoint.safetensors*"):  # as if it had been killed before it could save any
        file.unlink()
    spawn(run)
    eventually(lambda: run.status().state == "paused" and run.alive() and run.status().attempt == 2)
    assert run.status().step == paused_at
    eventually(lambda: (run.path / "checkpoint.safetensors").exists() and replay(run, images).step == paused_at)
    assert replay(run, images).same
