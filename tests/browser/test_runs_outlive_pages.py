"""F5, a second tab, a killed worker, a restarted server: the run is found again, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import BrowserContext

from sae_core.runs import Runs
from tests.browser.house import Dashboard, LivePage, wait_until


def worker_of(dashboard: Dashboard, run: str) -> int:
    """The process that trains a run."""
    pid = Runs(dashboard.runs).open(run).status().pid
    assert pid
    return pid


def test_reload_finds_the_run_again_still_training(live: LivePage) -> None:
    """F5 opens the same run, further on."""
    live.play()
    wait_until(lambda: live.number("step") > 10, 30, "training did not begin")
    run, step = live.run, live.number("step")
    wait_until(lambda: f"run={run}" in live.address, 5, "the run is not in the URL")
    live.page.reload()
    live.wait_for_picture()
    wait_until(lambda: live.run == run, 5, "reload lost the run")
    wait_until(lambda: live.number("step") > step, 5, "the run did not go on")


def test_a_killed_worker_is_noticed_and_resumes(live: LivePage, dashboard: Dashboard) -> None:
    """Kill -9, and the page says so with a Resume button; resuming goes on with the same run."""
    live.play()
    wait_until(lambda: live.number("step") > 30, 30, "training did not begin")
    run = live.run
    psutil.Process(worker_of(dashboard, run)).kill()
    seconds = wait_until(lambda: "stopped unexpectedly" in live.notice(), 5, "nobody noticed")
    assert seconds <= 2.0
    live.page.get_by_role("button", name="Resume").click()
    wait_until(lambda: live.shown("state") == "training", 30, "it did not resume")
    before = live.number("step")
    wait_until(lambda: live.number("step") > before, 30, "it resumed, but did not train")
    assert live.run == run


def test_two_tabs_steer_the_same_run(live: LivePage, context: BrowserContext) -> None:
    """What one tab drags, the other's dial follows; a pause in one is a pause in both."""
    live.play()
    wait_until(lambda: f"run={live.run}" in live.address and live.run, 10, "no run began")
    other = LivePage(context.new_page()).open(live.address)
    wait_until(lambda: other.run == live.run, 5, "the second tab found another run")
    live.page.bring_to_front()
    live.drag_dial(0.63, 0.8)
    value = live.page.locator(".ps-dial-value").first.inner_text()
    other.page.bring_to_front()
    wait_until(lambda: other.page.locator(".ps-dial-value").first.inner_text() == value, 5, "the other dial stayed")
    other.play()
    wait_until(lambda: other.shown("state") == "paused", 5, "it did not pause")
    live.page.bring_to_front()
    wait_until(lambda: live.shown("state") == "paused", 5, "the first tab did not hear of the pause")


@pytest.mark.timeout(120)
def test_a_crashed_server_leaves_the_run_training_and_a_restarted_one_finds_it(
    context: BrowserContext, tmp_path: Path
) -> None:
    """The page reconnects by itself to a server on the same port; the run went on meanwhile."""
    house = Dashboard(tmp_path / "runs").start()
    try:
        live = LivePage(context.new_page()).open(house.url)
        live.play()
        wait_until(lambda: live.number("step") > 30, 30, "training did not begin")
        run = live.run
        wait_until(lambda: f"run={run}" in live.address, 5, "the run is not in the URL")
        house.kill()
        wait_until(lambda: "connection is lost" in live.notice(), 5, "the lost connection was not said")
        assert Runs(house.runs).open(run).alive()
        house.start()
        wait_until(
            lambda: live.shown("state") == "training" and "connection" not in live.notice(), 20, "it did not reconnect"
        )
        before = live.number("step")
        wait_until(lambda: live.number("step") > before, 10, "no new pictures came")
        assert live.run == run
    finally:
        house.stop()


def test_ctrl_c_ends_the_server_and_pauses_its_runs(context: BrowserContext, tmp_path: Path) -> None:
    """With a page open and a run training; the run is paused, resumable, and its worker goes."""
    house = Dashboard(tmp_path / "runs").start()
    try:
        live = LivePage(context.new_page()).open(house.url)
        live.play()
        wait_until(lambda: live.number("step") > 10, 30, "training did not begin")
        run = Runs(house.runs).open(live.run)
        pid = worker_of(house, live.run)
        assert house.interrupt() <= 2.0
        wait_until(lambda: run.status().state == "paused", 5, f"the run is {run.status()}")
        wait_until(
            lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE,
            10,
            "its worker stayed",
        )
    finally:
        house.stop()


@pytest.mark.long
def test_more_runs_than_slots_wait_visibly(context: BrowserContext, tmp_path: Path) -> None:
    """With one slot, the second run says it waits, and begins when the first pauses."""
    os.environ["PENSTROKE_SLOTS"] = "1"
    try:
        house = Dashboard(tmp_path / "runs").start()
    finally:
        del os.environ["PENSTROKE_SLOTS"]
    try:
        first = LivePage(context.new_page()).open(house.url)
        first.play()
        wait_until(lambda: first.number("step") > 5, 30, "training did not begin")
        second = LivePage(context.new_page()).open(house.url)
        second.play()
        wait_until(lambda: "Waiting for a free worker" in second.notice(), 30, "the queue was not said")
        first.page.bring_to_front()
        first.play()
        wait_until(lambda: first.shown("state") == "paused", 5, "the first did not pause")
        second.page.bring_to_front()
        wait_until(lambda: second.number("step") > 0, 30, "the second did not begin")
    finally:
        house.stop()


def test_a_slept_worker_is_not_called_dead(live: LivePage, dashboard: Dashboard) -> None:
    """A closed laptop lid stops everything; a worker that merely sleeps holds its lock, so nobody calls it lost."""
    if sys.platform == "win32":
        pytest.skip("processes are stopped and continued with signals Windows does not have")
    live.play()
    wait_until(lambda: live.number("step") > 10, 30, "training did not begin")
    process = psutil.Process(worker_of(dashboard, live.run))
    process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    sleeping = live.notice()
    process.send_signal(signal.SIGCONT)
    assert "unexpectedly" not in sleeping
    before = live.number("step")
    wait_until(lambda: live.number("step") > before, 5, "it did not go on")
