"""What the controls make of a run, live and when it is taken up again."""

from __future__ import annotations

from sae_core.config import Config
from sae_core.runs.events import Applied, Event
from sae_core.runs.worker.transport import Transport, coalesce, judge, pending, taken_up


def applied(step: int, kind: str, **fields: object) -> Applied:
    return Applied(position=100 * step, step=step, kind=kind, offset=0, **fields)  # type: ignore[arg-type]  # fields as they come


def asked(kind: str, offset: int = 0, **fields: object) -> Event:
    return Event(offset=offset, end=offset + 10, kind=kind, **fields)  # type: ignore[arg-type]  # fields as they come


def test_a_step_pauses_after_one_and_an_epoch_after_its_steps() -> None:
    """Asked for again while under way, they add up."""
    transport = Transport()
    transport.obey(applied(5, "step"), epoch_steps=10)
    assert (transport.playing, transport.until, transport.single(5)) == (True, 6, True)
    transport.obey(applied(5, "epoch"), epoch_steps=10)
    assert (transport.until, transport.single(5)) == (16, False)
    transport.obey(applied(7, "play"), epoch_steps=10)
    assert (transport.playing, transport.until) == (True, None)
    transport.obey(applied(9, "pause"), epoch_steps=10)
    assert (transport.playing, transport.until) == (False, None)


def test_stop_ends_the_worker() -> None:
    """And pauses the run, so that the next worker begins paused."""
    transport = Transport(playing=True)
    transport.obey(applied(5, "stop"), epoch_steps=10)
    assert (transport.playing, transport.over) == (False, "stopped")


def test_a_run_that_was_playing_goes_on_playing() -> None:
    """Its ramp is not begun again."""
    transport = taken_up([applied(0, "play", value="ramp"), applied(50, "set")], step=40, epoch_steps=10)
    assert (transport.playing, transport.until, transport.speed) == (True, None, "full")
    assert taken_up([applied(0, "play", value="ramp")], step=0, epoch_steps=10).speed == "ramp"


def test_a_run_paused_further_on_than_its_checkpoint_catches_up() -> None:
    """Killed before it could save what it paused at."""
    records = [applied(0, "play"), applied(50, "pause"), applied(40, "resume")]
    transport = taken_up(records, step=40, epoch_steps=10)
    assert (transport.playing, transport.until) == (True, 50)
    assert not taken_up(records, step=50, epoch_steps=10).playing


def test_a_run_stopped_or_never_started_begins_paused() -> None:
    """Until it is told to play."""
    assert not taken_up([], step=0, epoch_steps=10).playing
    stopped = taken_up([applied(0, "play"), applied(5, "stop")], step=5, epoch_steps=10)
    assert (stopped.playing, stopped.over) == (False, None)


def test_what_a_checkpoint_does_not_contain_is_applied_again_in_order() -> None:
    """Changes after its step, and at its step if they came after it was made."""
    records = [applied(1, "set"), applied(2, "set"), applied(2, "pause"), applied(4, "set"), applied(3, "set")]
    assert [r.step for r in pending(records, step=2, known=200)] == [2, 3, 4]
    assert [r.step for r in pending(records, step=2, known=201)] == [3, 4]


def test_of_several_values_of_a_knob_the_last_counts() -> None:
    """Other knobs and other controls stay, in order."""
    values = [("set", "beta", 1), ("set", "rho", 2), ("play", None, None), ("set", "beta", 3)]
    events = [asked(kind, 10 * i, name=name, value=value) for i, (kind, name, value) in enumerate(values)]
    assert [(e.kind, e.name, e.value) for e in coalesce(events)] == values[1:]


def test_what_cannot_be_applied_is_refused_with_the_reason() -> None:
    """The config stays; the next control of the same look sees what this one changed."""
    record, config = judge(asked("set", name="penalty_weight", value=0.5, drag=3), Config(), 7)
    assert (record.kind, record.step, record.value, record.drag, config.penalty_weight) == ("set", 7, 0.5, 3, 0.5)
    for event, reason in [
        (asked("set", name="penalty_weight", value=-1.0), "penalty_weight is -1.0"),
        (asked("unreadable"), "There is no control 'unreadable'"),
        (asked("speed", value="warp"), "There is no speed 'warp'"),
    ]:
        record, after = judge(event, config, 7)
        assert (record.kind, after) == ("refused", config)
        assert reason in record.reason


def test_a_whole_number_of_a_knob_is_written_down_as_it_is_applied() -> None:
    """k = 5.0 is 5."""
    record, _ = judge(asked("set", name="k", value=5.0), Config(method="topk"), 0)
    assert record.value == 5
    assert isinstance(record.value, int)
