"""What a sweep is to try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sae_core.config import ConfigError
from sae_core.sweep.drive import make_plan
from sae_core.sweep.plan import Plan, Range, read_choices, read_range


def plan(grid=None, ranges=None, *, random=None, search=None, objectives=("fvu", "l0"), seed=0, **base) -> Plan:
    return make_plan(grid, ranges, random=random, search=search, objectives=objectives, seed=seed, base=base)


def test_a_grid_is_every_combination_the_first_knob_slowest():
    found = plan({"penalty_weight": (0.1, 0.3), "seed": (0, 1)})
    assert list(found.trials()) == [
        {"penalty_weight": 0.1, "seed": 0},
        {"penalty_weight": 0.1, "seed": 1},
        {"penalty_weight": 0.3, "seed": 0},
        {"penalty_weight": 0.3, "seed": 1},
    ]
    assert len(found) == 4


def test_random_draws_are_repeated_for_each_seed_of_the_grid():
    found = plan({"seed": (0, 1)}, {"penalty_weight": (0.003, 1.0)}, random=5)
    trials = list(found.trials())
    assert len(trials) == len(found) == 10
    assert all(a["penalty_weight"] == b["penalty_weight"] for a, b in zip(trials[::2], trials[1::2], strict=True))
    assert len({trial["penalty_weight"] for trial in trials}) == 5


@given(st.integers(0, 1000))
def test_draws_stay_in_their_range_and_follow_from_the_seed(seed: int):
    ranges = {"penalty_weight": (0.003, 1.0), "n_latents": (16, 64), "method": ["l1", "none"]}
    first, again = (list(plan(ranges=ranges, random=20, seed=seed).trials()) for _ in range(2))
    assert first == again
    assert all(0.003 <= t["penalty_weight"] <= 1 and 16 <= t["n_latents"] <= 64 for t in first)
    assert all(isinstance(t["n_latents"], int) for t in first)


def test_a_plan_survives_its_file():
    for one in (plan({"seed": (0, 1)}, epochs=1.0), plan({}, {"method": ["l1", "none"], "k": (1, 9)}, search=3)):
        assert Plan.from_json(one.to_json()) == one
        assert Plan.from_json(one.to_json()).digest == one.digest


def test_trials_have_one_thread_and_an_end_unless_told_otherwise():
    config = plan({"seed": (0, 1)}).config({"seed": 1})
    assert (config.threads, config.epochs, config.steps, config.seed) == (1, 3.0, None, 1)
    config = plan({"seed": (0, 1)}, steps=7, threads=2).config({"seed": 1})
    assert (config.threads, config.epochs, config.steps) == (2, None, 7)


def test_values_are_read_as_the_knob_has_them():
    assert read_choices("penalty-weight=0.01,1") == ("penalty_weight", (0.01, 1.0))
    assert read_choices("seed=0, 1") == ("seed", (0, 1))
    assert read_choices("method=l1,none") == ("method", ("l1", "none"))
    assert read_range("penalty_weight=0.003..1") == ("penalty_weight", Range(0.003, 1.0, log=True))
    assert read_range("seed=0..9") == ("seed", Range(0, 9, integer=True))
    assert read_range("method=l1,none") == ("method", Range(choices=("l1", "none")))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("penalty=1", "There is no knob 'penalty'"),
        ("penalty_weight", "names no values"),
        ("penalty_weight=a,1", "penalty_weight is 'a', but it should be a number."),
        ("seed=0.5", "seed is '0.5', but it should be a whole number."),
        ("seed=1,1", "seed has a value twice"),
        ("penalty_weight=nan", "should be finite"),
        ("activation=tanh", "activation is 'tanh', but there are relu, sigmoid."),
    ],
)
def test_what_is_no_list_of_values_is_said_in_a_sentence(text: str, sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        read_choices(text)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: plan({"seed": (0,)}, {"seed": (0, 9)}, random=2), "seed has both"),
        (lambda: plan({}, {"penalty_weight": (0.1, 1.0)}), "say how many draws"),
        (lambda: plan({"seed": (0,)}, random=3), "needs a range"),
        (lambda: plan({"seed": tuple(range(101)), "k": tuple(range(1, 101))}), "at most 10,000"),
        (lambda: plan({}, {"seed": (0, 9)}, search=3, objectives=("speed",)), "There is no objective 'speed'"),
        (lambda: plan({"method": ("topk",), "k": (64,)}, n_latents=32).check(), "k is 64, but there are only 32"),
        (lambda: plan({"dataset": ("mnist", "letters")}).check(), "There is no data set 'letters'"),
        (lambda: read_range("penalty_weight=1..0.1"), "from a number up to a larger one"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_begins(make, sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        make()
