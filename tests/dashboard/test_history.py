"""The points and markers behind the curves, with numbers to check by hand."""

from __future__ import annotations

from typing import Any

from dashboard.live.history import History, Markers
from sae_core.config import Config
from sae_core.runs.events import Applied


def rows(*steps: int) -> list[dict[str, object]]:
    return [{"step": step, "fvu": step / 10} for step in steps]


def applied(position: int, step: int, kind: str = "set", **fields: object) -> Applied:
    return Applied(position=position, step=step, kind=kind, offset=0, **fields)  # type: ignore[arg-type]  # fields as they come


def test_a_page_is_sent_what_it_has_not_seen() -> None:
    """Each point has a number; a page asks for what comes after its last."""
    history = History()
    history.add(rows(1, 2))
    seen = history.newest
    assert history.after(seen) is None
    history.add(rows(4))
    news = history.after(seen)
    assert news is not None
    assert (news["step"], news["fvu"], news["l0"]) == ([4], [0.4], [None])


def test_a_step_seen_before_begins_a_new_attempt() -> None:
    """After a crash at 30 and a resume at 20, what came after 20 never happened."""
    history = History()
    history.add(rows(10, 20, 30))
    seen = history.newest
    history.add(rows(20, 25))
    assert history.thinned(99)["step"] == [10, 20, 25]
    news = history.after(seen)
    assert news is not None
    assert news["step"] == [20, 25]


def markers(config: Config, records: list[Applied]) -> list[dict[str, Any]]:
    found = Markers(config)
    found.add(records)
    return found.after(0)


def test_a_long_history_is_thinned_where_it_is_old() -> None:
    """However long a run, its points fit; the newer half stays whole, and no page gets anything twice."""
    history = History(keep=100)
    for step in range(1000):
        history.add(rows(step))
    steps = history.thinned(1000)["step"]
    assert len(steps) <= 100
    assert steps == sorted(set(steps))
    assert steps[-40:] == list(range(960, 1000))
    newest = history.after(history.newest - 1)
    assert newest is not None
    assert newest["step"] == [999]


def test_an_introduction_has_the_first_and_the_newest_point() -> None:
    """5 of 101 points: every 25th."""
    history = History()
    history.add(rows(*range(101)))
    assert history.thinned(5)["step"] == [0, 25, 50, 75, 100]


def test_a_drag_is_one_marker_from_where_it_began_to_where_it_ended() -> None:
    """.10 → .12 → .30 in one gesture, then off in another: two markers; images are steps times the batch size."""
    found = markers(
        Config(batch_size=100),
        [
            applied(0, 7, name="penalty_weight", value=0.12, drag=1),
            applied(1, 9, name="penalty_weight", value=0.3, drag=1),
            applied(2, 20, name="penalty_weight", value=0.0, drag=2),
            applied(3, 30, name="learning_rate", value=0.0005),
            applied(4, 31, kind="pause"),
        ],
    )
    assert [(m["step"], m["images"], m["text"]) for m in found] == [
        (7, 700, "penalty .10→.30"),
        (20, 2000, "penalty .30→off"),
        (30, 3000, "learning rate .001→.0005"),
    ]
    assert len({m["drag"] for m in found}) == 3


def test_what_a_divergence_undid_has_no_marker() -> None:
    """The run went back to step 10; the learning rate of step 15 never was."""
    found = markers(
        Config(),
        [
            applied(0, 5, name="learning_rate", value=0.01),
            applied(1, 15, name="learning_rate", value=9.0),
            applied(2, 10, kind="restore"),
        ],
    )
    assert [m["text"] for m in found] == ["learning rate .001→.01", "back to step 10"]


def test_a_page_is_told_of_the_markers_that_changed() -> None:
    """A drag that goes on is sent again under the same name; one that is over is not."""
    found = Markers(Config())
    found.add([applied(0, 1, name="penalty_weight", value=0.2, drag=1)])
    found.add([applied(1, 5, name="penalty_weight", value=0.3, drag=2)])
    seen = found.newest
    assert found.after(seen) == []
    found.add([applied(2, 9, name="penalty_weight", value=0.4, drag=2)])
    (moved,) = found.after(seen)
    assert (moved["step"], moved["text"]) == (5, "penalty .20→.40")


def test_a_run_that_goes_back_takes_its_markers_with_it() -> None:
    """Pages notice by the count, and are introduced anew."""
    found = Markers(Config())
    found.add([applied(0, 5, name="learning_rate", value=0.01), applied(1, 15, name="learning_rate", value=9.0)])
    assert found.rewritten == 0
    found.add([applied(2, 10, kind="restore")])
    assert found.rewritten == 1
    assert len(found.after(0)) == 2
