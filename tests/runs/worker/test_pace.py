"""How fast a watched run trains, how often it is drawn, and what that may cost."""

from __future__ import annotations

from pathlib import Path

from sae_core.runs.worker.budget import Budget
from sae_core.runs.worker.desk import Watch
from sae_core.runs.worker.pace import Pace
from sae_core.runs.worker.timing import Timing


def pictures(pace: Pace, seconds: float, step_time: float = 0.0) -> list[int]:
    """Steps of each picture of a run that is watched for so long, each step taking ``step_time``."""
    now, steps, drawn = 100.0, 0, []
    while now < 100.0 + seconds:
        if pace.paced:
            now += pace.time_left(now)
            pace.begin(now)
        now += step_time
        pace.stepped()
        steps += 1
        if pace.due(now):
            drawn.append(steps)
            steps = 0
            pace.drew(now, now)
    return drawn


def test_the_ramp_doubles_each_second() -> None:
    """20 pictures of 1 step, 20 of 2, 20 of 4."""
    assert pictures(Pace(Timing(), "ramp"), 2.99) == [1] * 20 + [2] * 20 + [4] * 20


def test_the_ramp_ends_in_full_speed_when_the_machine_cannot_follow() -> None:
    """At 10 ms a step, 8 steps do not fit a twentieth of a second; full speed draws 20 times a second too."""
    pace = Pace(Timing(), "ramp")
    drawn = pictures(pace, 5.0, step_time=0.010)
    assert pace.speed == "full"
    assert drawn[:63] == [1] * 20 + [2] * 20 + [4] * 20 + [8] * 3
    assert set(drawn[70:]) == {5}


def test_slow_motion_is_one_step_a_picture_five_times_a_second() -> None:
    """For as long as someone watches."""
    assert pictures(Pace(Timing(), "slow"), 1.7) == [1] * 10


def test_nobody_watching_ends_a_ramp_and_suspends_slow_motion() -> None:
    """Who looks again later is not held up; who asked for slow motion gets it again."""
    ramp, slow = Pace(Timing(), "ramp"), Pace(Timing(), "slow")
    ramp.leave()
    slow.leave()
    assert (ramp.speed, slow.speed) == ("full", "slow")


def test_expensive_pictures_come_less_often() -> None:
    """A picture of 20 ms may take 7% of the time: one every 0.29 s."""
    pace = Pace(Timing())
    assert pace.due(10.0)
    pace.drew(10.0, 10.020)
    assert not pace.due(10.28)
    assert pace.due(10.29)


def test_pictures_that_wait_for_long_steps_still_come_as_often_as_they_may() -> None:
    """Steps of 37 ms: 20 pictures a second are every 50 ms on average, so of 1 step or 2, 13.5 to 10 steps."""
    drawn = pictures(Pace(Timing()), 10.0, step_time=0.037)
    assert set(drawn) == {1, 2}
    assert 198 <= len(drawn) <= 201


def test_what_is_not_training_takes_at_most_its_share() -> None:
    """1 s of training earns 0.1 s, but no more than that is saved up."""
    budget = Budget(0.10)
    assert not budget.affords
    budget.train(0.5)
    assert budget.affords
    budget.spend(0.06)
    assert not budget.affords
    budget.train(100.0)
    budget.spend(0.099)
    assert budget.affords
    budget.spend(0.002)
    assert not budget.affords


def test_a_lease_lasts_from_when_it_is_seen_to_be_renewed(tmp_path: Path) -> None:
    """3 s; an old file of an earlier watcher is none."""
    path = tmp_path / "watch"
    watch = Watch(path, 3.0, 0.05)
    assert not watch.fresh(100.0)
    path.write_text("encoder")
    assert watch.fresh(101.0)
    assert watch.weights == "encoder"
    assert watch.fresh(103.9)
    assert not watch.fresh(104.1)
    import os

    os.utime(path, (1, 1))
    assert not Watch(path, 3.0, 0.05).fresh(100.0)


def test_time_alone_is_counted_without_the_laptops_sleep(tmp_path: Path) -> None:
    """Ten looks a second apart are ten seconds; an hour in between is one."""
    watch = Watch(tmp_path / "watch", 3.0, 0.05)
    for second in range(11):
        watch.fresh(100.0 + second)
    before = watch.alone
    watch.fresh(100.0 + 3600.0)
    assert (before, watch.alone) == (11.0, 12.0)


def test_timing_goes_through_a_command_line() -> None:
    """What is not said keeps its default."""
    assert Timing.from_json(Timing(lease=1.5).to_json()) == Timing(lease=1.5)
    assert Timing.from_json('{"nap": 1}') == Timing(nap=1.0)
