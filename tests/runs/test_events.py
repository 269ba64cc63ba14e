"""Controls: appended by anyone, applied at a step, read by everyone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sae_core.config import Config, ConfigError
from sae_core.runs import RunDirectory, RunError
from sae_core.runs.events import Applied, EventReader, append_event, check_set, config_after, effective, read_events

Make = Callable[..., RunDirectory]


def applied(position: int, step: int, kind: str = "set", **fields: object) -> Applied:
    return Applied(position=position, step=step, kind=kind, offset=0, **fields)  # type: ignore[arg-type]  # fields as they come


def test_an_event_is_told_by_where_its_line_starts(tmp_path: Path) -> None:
    """What append_event returns is the offset of what is read."""
    path = tmp_path / "events.jsonl"
    first = append_event(path, "play", speed="ramp")
    second = append_event(path, "set", name="penalty_weight", value=0.3, drag=7)
    events, following = read_events(path)
    assert [event.offset for event in events] == [first, second] == [0, events[0].end]
    assert following == path.stat().st_size == events[1].end
    assert (events[0].kind, events[0].value) == ("play", "ramp")
    assert events[1].fields == {"name": "penalty_weight", "value": 0.3, "drag": 7}


def test_an_append_after_a_crash_in_the_middle_of_another_loses_only_that_one(tmp_path: Path) -> None:
    """The torn half is cut off, under the lock."""
    path = tmp_path / "events.jsonl"
    append_event(path, "play")
    with path.open("ab") as file:
        file.write(b'{"kind":"pau')
    append_event(path, "stop")
    assert [event.kind for event in read_events(path)[0]] == ["play", "stop"]


APPENDER = """
import sys
from pathlib import Path
from sae_core.runs.events import append_event
for number in range(100):
    append_event(Path(sys.argv[1]), "set", name="penalty_weight", value=number, by=sys.argv[2])
"""


def test_many_may_append_at_once(tmp_path: Path) -> None:
    """Four processes, a hundred controls each: none torn, none lost, each process's own in order."""
    path = tmp_path / "events.jsonl"
    processes = [subprocess.Popen([sys.executable, "-c", APPENDER, str(path), str(who)]) for who in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    events, _ = read_events(path)
    assert len(events) == 400
    for who in range(4):
        assert [event.value for event in events if event.by == str(who)] == list(range(100))


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        ("explode", {}, "There is no control 'explode'"),
        ("speed", {"value": "warp"}, "There is no speed 'warp'; there are ramp, slow, full."),
        ("play", {"speed": 9}, "There is no speed 9"),
        ("set", {"nmae": "k"}, "A control has no field 'nmae'"),
    ],
)
def test_what_is_no_control_is_refused_in_a_sentence(tmp_path: Path, kind: str, fields: dict, sentence: str) -> None:  # type: ignore[type-arg]  # of anything
    """Nothing is written then."""
    with pytest.raises(RunError, match=sentence):
        append_event(tmp_path / "events.jsonl", kind, **fields)
    assert not (tmp_path / "events.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("penalty_weight", -1, "penalty_weight is -1"),
        ("penalty_weight", "much", "penalty_weight is 'much'"),
        ("n_latents", 8, "n_latents cannot change in a running model"),
        ("volume", 11, "There is no knob 'volume'"),
        ("k", 5, "k belongs to the methods topk and batch-topk"),
    ],
)
def test_a_knob_that_cannot_be_set_so_is_refused_in_a_sentence(name: str, value: object, sentence: str) -> None:
    """Which knob, which value, what is allowed."""
    with pytest.raises(ConfigError, match=sentence):
        check_set(Config(), name, value)  # type: ignore[arg-type]  # bad on purpose


def test_a_poll_returns_what_is_new_and_only_that(tmp_path: Path) -> None:
    """Half an event is nothing yet."""
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.poll() == []
    append_event(path, "play")
    assert [event.kind for event in reader.poll()] == ["play"]
    assert reader.poll() == []
    with path.open("ab") as file:
        file.write(b'{"kind":')
    assert reader.poll() == []
    with path.open("ab") as file:
        file.write(b'"stop"}\n')
    assert [event.kind for event in reader.poll()] == ["stop"]
    reader.close()


def test_a_poll_survives_a_file_that_was_cut_short_or_replaced(tmp_path: Path) -> None:
    """What is gone is gone; what comes next counts."""
    path = tmp_path / "events.jsonl"
    append_event(path, "play")
    append_event(path, "pause")
    reader = EventReader(path)
    assert len(reader.poll()) == 2
    with path.open("r+b") as file:
        file.truncate(10)
    assert reader.poll() == []
    append_event(path, "stop")
    assert [event.kind for event in reader.poll()] == ["stop"]
    path.rename(tmp_path / "old")
    append_event(path, "step")
    reader.reopen_if_replaced()
    reader.offset = 0
    assert [event.kind for event in reader.poll()] == ["step"]
    reader.close()


def test_garbage_in_the_log_is_an_event_that_nobody_obeys(tmp_path: Path) -> None:
    """A line of anything is read as a control of an unknown kind, so that it can be refused visibly."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\xff\xfe\n[]\n{}\n" + json.dumps({"kind": "set", "value": [1]}).encode() + b"\n")
    kinds = [(event.kind, event.value) for event in read_events(path)[0]]
    assert kinds == [("unreadable", None), ("unreadable", None), ("unreadable", None), ("set", None)]


def test_a_restore_voids_what_came_after_its_step() -> None:
    """Back at step 15: what was applied at 20 never happened, what is applied then did."""
    records = [applied(0, 10), applied(1, 20), applied(2, 15, "restore"), applied(3, 15)]
    assert [r.position for r in effective(records)] == [0, 2, 3]


def test_a_restore_voids_from_the_byte_its_checkpoint_did_not_know_on() -> None:
    """Two changes at one step, the checkpoint between them: the first holds, the second does not."""
    records = [applied(0, 10), applied(50, 10), applied(90, 10, "restore", holds=50)]
    assert [r.position for r in effective(records)] == [0, 90]


def test_the_config_follows_the_changes_that_hold() -> None:
    """A change that was voided, and a value that cannot be, leave no trace."""
    records = [
        applied(0, 1, name="penalty_weight", value=0.3),
        applied(1, 2, name="learning_rate", value=5.0),
        applied(2, 1, "restore"),
        applied(3, 1, name="penalty_weight", value="nonsense"),
    ]
    config = config_after(Config(), records)
    assert (config.penalty_weight, config.learning_rate) == (0.3, Config().learning_rate)


def test_set_is_checked_when_it_is_asked(make: Make) -> None:
    """Whoever asks for what cannot be hears it at once."""
    run = make()
    with pytest.raises(ConfigError, match="penalty_weight is nan"):
        run.append_event("set", name="penalty_weight", value=float("nan"))
    assert run.events() == ([], 0)
