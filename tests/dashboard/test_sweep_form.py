"""The sweep's form: lines of a knob and what to try of it, read as a plan."""

from __future__ import annotations

import pytest

from dashboard.sweeps.plan_form import plan_of
from sae_core.config import ConfigError
from sae_core.sweep import Range


def test_one_value_is_for_all_several_are_combined_and_a_range_is_drawn_from():
    plan = plan_of(
        "random",
        [("dataset", "digits"), ("seed", "0, 1"), ("penalty_weight", "0.01..1"), ("method", "l1, topk"), ("k", "8")],
        count=3,
    )
    assert plan.base == {"dataset": "digits", "k": 8}
    assert plan.grid == {"seed": (0, 1), "method": ("l1", "topk")}
    assert plan.ranges == {"penalty_weight": Range(0.01, 1.0, log=True)}
    assert len(plan) == 3 * 4


@pytest.mark.parametrize(
    ("kind", "lines", "sentence"),
    [
        ("grid", [("seed", "1")], "Nothing varies yet"),
        ("grid", [("seed", "1, 2"), ("seed", "3")], "seed has two lines"),
        ("grid", [("penalty_weight", "0.1..1")], "a grid has no ranges"),
        ("grid", [("sparsness", "1, 2")], "There is no knob 'sparsness'"),
        ("grid", [("seed", "1, x")], "seed is 'x', but it should be a whole number"),
        ("grid", [("method", "l1, l2")], "method is 'l2'"),
        ("random", [("penalty_weight", "1..0.1")], "goes from a number up to a larger one"),
        ("random", [("seed", "1, 2")], "needs a range"),
    ],
)
def test_what_is_no_plan_is_refused_in_a_sentence(kind: str, lines: list[tuple[str, str]], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        plan_of(kind, lines, count=5)
