"""Which trials are stopped half way."""

from __future__ import annotations

import pytest

from sae_core.sweep.hopeless import why_hopeless


def rows(*points: tuple[int, float, float]) -> list[dict[str, float]]:
    return [{"step": step, "fvu": fvu, "l0": l0} for step, fvu, l0 in points]


GOOD = {"good": rows((0, 1.0, 128.0), (100, 0.20, 20.0), (200, 0.10, 10.0))}


@pytest.mark.parametrize(
    ("now", "share", "stopped"),
    [
        ((100, 0.30, 30.0), 0.5, True),  # both clearly worse than .20 and 20
        ((100, 0.30, 30.0), 0.4, False),  # too early to say
        ((100, 0.30, 22.0), 0.5, False),  # worse copies, but not clearly more lit
        ((100, 0.22, 60.0), 0.5, False),  # the other way about
        ((100, 0.96, 1.0), 0.5, True),  # explains next to nothing
        ((50, 0.40, 30.0), 0.5, False),  # nobody has been seen near that step
    ],
)
def test_a_trial_is_stopped_only_where_another_is_clearly_better_in_both(now, share, stopped: bool):
    assert bool(why_hopeless(rows(now), share, GOOD)) is stopped


def test_the_reason_names_who_is_better():
    assert why_hopeless(rows((100, 0.5, 40.0)), 0.5, GOOD) == (
        "good explained more with fewer lit at step 100 (FVU 0.20 against 0.50, L0 20 against 40), "
        "so the sweep stopped it."
    )


def test_a_trial_without_numbers_goes_on():
    assert why_hopeless([], 1.0, GOOD) == ""
    assert why_hopeless([{"step": 9, "fvu": None, "l0": 1.0}], 1.0, GOOD) == ""
