"""The sweep's form: lines of a knob and what to try of it, read as a plan."""

from __future__ import annotations

import sys

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.figures.compared import frontier_figure, parallel_figure
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


def test_a_search_that_cannot_be_is_said_before_it_is_begun(monkeypatch: pytest.MonkeyPatch):
    """Without Optuna: one sentence with the command, and nothing to press."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    app = AppTest.from_function(form, default_timeout=60).run()
    app.selectbox(key="sweeps-kind").select("search").run()
    assert [error.value for error in app.error] == [
        "The search needs Optuna, which is not installed: pip install 'penstroke[search]'."
    ]
    assert [button.disabled for button in app.button] == [True]
    app.selectbox(key="sweeps-kind").select("random").run()
    assert not app.error
    assert [button.label for button in app.button] == ["Begin 20 trials"]


def form() -> None:
    from dashboard.sweeps import plan_form

    plan_form.ask(2, disabled=False)


def test_few_trials_stand_where_their_numbers_are():
    """Three drawn weights and their results at their own distances; the two seeds of a grid as kinds."""
    table = pd.DataFrame(
        {
            "run": ["a", "b", "c"],
            "seed": [0, 5, 0],
            "penalty_weight": [0.01, 0.02, 0.04],
            "l0": [80.0, 30.0, 20.0],
            "fvu": [0.1, 0.2, 0.4],
            "dead_fraction": [0.0, 0.0, 0.0],
        }
    )
    axes = parallel_figure(table, ["penalty_weight", "seed"], {"penalty_weight"}).data[0].dimensions
    values = {axis.label: list(axis["values"]) for axis in axes}
    assert values["Penalty weight"] == [0.01, 0.02, 0.04]
    assert values["FVU"] == [0.1, 0.2, 0.4]
    assert values["Seed"] == [0, 1, 0]
    assert list(axes[-1].ticktext) == ["0"], "where all are alike the axis has that one number"
    assert list(frontier_figure(table, "penalty_weight", {"penalty_weight"}).data[0].marker.color) == [0.01, 0.02, 0.04]
    assert list(frontier_figure(table, "seed").data[0].marker.color) == [0, 1, 0]
