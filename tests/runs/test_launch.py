"""Workers in processes of their own, which outlive whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sae_core.runs import Launcher, Run, RunDirectory, RunError, Runs, Timing
from tests.runs.conftest import Spawn, eventually

Make = Callable[..., RunDirectory]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def clean(runs: Runs) -> Iterator[None]:
    """Whatever a test leaves running is ended."""
    yield
    for run in runs.list():
        if run.alive():
            psutil.Process(run.status().pid).kill()


def spares(runs: Runs) -> list[psutil.Process]:
    """Spares of this runs folder that have no run yet."""
    found, workers = [], {run.status().pid for run in runs.list()}
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if (
            process.pid not in workers
            and "--spare" in line
            and str(runs.root) in line
            and process.status() != psutil.STATUS_ZOMBIE
        ):
            found.append(process)
    return found


def warm(runs: Runs) -> bool:
    """Whether the spare waits: it has used its processor, and no longer does."""
    return any(spare.cpu_times().user > 0.5 and spare.cpu_percent(0.2) == 0.0 for spare in spares(runs))


@pytest.mark.long
def test_a_warm_spare_makes_its_first_step_within_half_a_second(make: Make, runs: Runs, clean: None) -> None:
    """From Play to the first row after a step; the next spare comes when the run is under way."""
    with Launcher(runs.root, dataset="planted", timing=Timing(spare_after=0.5)) as launcher:
        eventually(lambda: warm(runs))
        run = make()
        began = time.perf_counter()
        run.append_event("play", speed="ramp")
        launcher.start(run.id)
        eventually(lambda: any(row["step"] > 0 for row in run.rows()[0]))
        took = time.perf_counter() - began
        assert run.status().state == "training"
        with pytest.raises(RunError, match="already has a worker"):
            launcher.resume(run.id)
        eventually(lambda: spares(runs))
        run.append_event("stop")
        eventually(lambda: not run.alive())
    eventually(lambda: not spares(runs))
    assert took < 0.5 * max(1.0, os.getloadavg()[0] / 2 if hasattr(os, "getloadavg") else 1.0)


def test_a_worker_whose_run_has_ended_takes_the_next(make: Make, runs: Runs, clean: None) -> None:
    """Reset after reset is trained by one process: none waits for torch to be imported again."""
    with Launcher(runs.root, dataset="planted") as launcher:
        pids: set[int | None] = set()
        last: str | None = None
        for _ in range(3):
            run = make()
            run.append_event("play")
            launcher.start(run.id, after=last)
            eventually(lambda run=run: run.status().step > 0)
            pids.add(run.status().pid)
            run.append_event("stop")
            last = run.id
        assert len(pids) == 1
    eventually(lambda: not run.alive())


@pytest.mark.long
def test_a_spare_given_a_run_while_it_warms_up_is_not_taken_for_idle_afterwards(
    make: Make, runs: Runs, clean: None
) -> None:
    """Play right after the start, and a second run behind it: two processes."""
    with Launcher(runs.root, dataset="planted", slots=4) as launcher:
        both = [make(), make()]
        for run in both:
            run.append_event("play")
            launcher.start(run.id)
            eventually(lambda run=run: run.status().step > 0)
        assert len({run.status().pid for run in both}) == 2
        for run in both:
            run.append_event("stop")
        eventually(lambda: not any(run.alive() for run in both))


@pytest.mark.long
def test_an_unwatched_run_of_the_page_makes_room_for_one_that_waits(make: Make, runs: Runs, clean: None) -> None:
    """One slot: the run whose tab was closed pauses, saying why; one begun on the command line would not."""
    with Launcher(runs.root, spare=False, dataset="planted", slots=1, timing=Timing(unwatched_yield=0.2)) as launcher:
        left, waiting = make(origin="page"), make(origin="cli")
        for run in (left, waiting):
            run.append_event("play")
            launcher.start(run.id)
            eventually(lambda run=run: run.status().step > 0)
        assert left.status().state == "paused"
        assert "another run was waiting" in left.status().reason
        left.append_event("play")
        eventually(lambda: left.status().state == "queued")
        step = waiting.status().step
        eventually(lambda: waiting.status().step > step)
        for run in (left, waiting):
            run.append_event("stop")
        eventually(lambda: not left.alive() and not waiting.alive())


SERVER = """
import socket, sys, time
listening = socket.create_server(("127.0.0.1", 0))
listening.set_inheritable(True)
from sae_core.runs import Launcher, Runs, Timing
launcher = Launcher(sys.argv[1], dataset="planted", slots=8, timing=Timing(spare_after=0.1))
launcher.start(sys.argv[2])
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.long
def test_a_killed_server_leaves_its_runs_running_and_no_spare(make: Make, runs: Runs, clean: None) -> None:
    """Nor does the worker hold the server's socket, not even one meant to be inherited."""
    run = make()
    run.append_event("play")
    with subprocess.Popen([sys.executable, "-c", SERVER, str(runs.root), run.id], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == b"started"
        eventually(lambda: run.status().state == "training" and spares(runs))
        server.kill()
    before = eventually(lambda: run.status().state == "training" and run.status().step)
    eventually(lambda: run.status().step > before)
    worker = psutil.Process(run.status().pid)
    assert worker.net_connections() == []
    assert worker.is_running()
    eventually(lambda: not spares(runs))
    run.append_event("stop")
    eventually(lambda: not run.alive())
    assert run.status().state == "stopped"


def test_two_resumes_at_once_one_wins_and_the_other_says_why(make: Make, runs: Runs, clean: None) -> None:
    """Through two launchers, as two servers would."""
    run = make()
    said: list[str] = []

    def resume() -> None:
        with Launcher(runs.root, spare=False) as launcher:
            try:
                launcher.resume(run.id)
                said.append("won")
            except RunError as error:
                said.append(str(error))

    both = [threading.Thread(target=resume) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(said) == sorted(["won", f"The run {run.id} already has a worker, which goes on with it."])
    run.append_event("stop")
    eventually(lambda: not run.alive())


def test_a_worker_that_cannot_begin_says_why_in_its_status_and_its_log(make: Make, runs: Runs, clean: None) -> None:
    """An unknown data set: a sentence for the screen, the traceback in worker.log."""
    run = make(dataset="nothing-of-the-kind")
    with Launcher(runs.root, spare=False) as launcher:
        launcher.start(run.id)
        eventually(lambda: run.status().state == "failed")
    assert "nothing-of-the-kind" in run.status().reason
    eventually(lambda: "Traceback" in (run.path / "worker.log").read_text())
    with pytest.raises(RunError, match="There is no run"):
        launcher.start("nobody")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send; there SIGBREAK is handled alike")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_a_checkpoint_and_pauses(make: Make, spawn: Spawn, number: signal.Signals) -> None:
    """Ctrl-C in a terminal, or a system shutting down: the worker ends by itself, at a whole step."""
    run = make()
    run.append_event("play")
    worker = spawn(run)
    eventually(lambda: run.status().step > 5)
    worker.send_signal(number)
    assert worker.wait(30) == 0
    status = run.status()
    assert (status.state, status.reason) == ("paused", f"Interrupted at step {status.step}.")
    assert (run.path / "checkpoint.safetensors").exists()
    assert run.applied()[0][-1].kind == "pause"
    assert not run.alive()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_a_worker_told_to_terminate_takes_no_other_run(make: Make, runs: Runs, clean: None) -> None:
    """It saves its run and goes, although its launcher would have it back."""
    run = make()
    run.append_event("play")
    with Launcher(runs.root, spare=False) as launcher:
        launcher.start(run.id)
        eventually(lambda: run.status().step > 5)
        worker = psutil.Process(run.status().pid)
        worker.terminate()
        eventually(lambda: not worker.is_running())
    assert run.status().reason.startswith("Interrupted at step")


def test_a_run_is_steered_from_a_script(make: Make, runs: Runs, clean: None) -> None:
    """Resume, set, read the curves, pause, take the model: three lines each."""
    directory = make(method="topk", k=8)
    run = Run.open(directory.id, runs.root)
    assert len(run.metrics) == 0
    with pytest.raises(RunError, match="has no checkpoint yet"):
        run.model()
    run.resume()
    eventually(lambda: run.status.step > 20)
    run.set(k=4, learning_rate=0.002)
    eventually(lambda: (run.config.k, run.config.learning_rate) == (4, 0.002))
    with pytest.raises(ValueError, match="k is 33, but there are only 32 latents"):
        run.set(k=33)
    run.pause()
    eventually(lambda: run.status.state == "paused")
    eventually(lambda: run.model().config.k == 4)  # once its checkpoint is written
    assert run.model().dictionary.shape[0] == 32
    metrics = run.metrics
    assert metrics["step"].is_monotonic_increasing
    assert metrics["fvu"].iloc[-1] < metrics["fvu"].iloc[0]
    assert repr(run) == f"<Run {run.id}: paused at step {run.status.step}>"
    directory.append_event("stop")
    eventually(lambda: not directory.alive())


def test_the_log_of_a_worker_is_cut_to_its_newest_part(make: Make, runs: Runs, clean: None) -> None:
    """A worker that starts keeps at most 128 KB of what earlier ones printed."""
    run = make(dataset="nothing-of-the-kind")
    (run.path / "worker.log").write_bytes(b"old\n" * 100_000)
    with Launcher(runs.root, spare=False, timing=Timing()) as launcher:
        launcher.start(run.id)
    eventually(lambda: run.status().state == "failed" and not run.alive())
    assert (run.path / "worker.log").stat().st_size < 200_000


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """Here because a file is in its place; without a spare to start, a launcher asks for nothing."""
    (tmp_path / "file").touch()
    with Launcher(tmp_path / "file") as launcher, pytest.raises(RunError, match=r"There is no run|cannot be read"):
        launcher.start("anything")
