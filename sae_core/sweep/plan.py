"""What a sweep is to try: a grid, random draws or a search over the knobs of `Config`."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Literal, Self

import numpy as np

from sae_core.config import Config, ConfigError
from sae_core.data import DataError, check_dataset
from sae_core.runs.files import RunError

__all__ = ["OBJECTIVES", "Plan", "Range", "read_choices", "read_range", "read_value"]

OBJECTIVES = {"fvu": "minimize", "l0": "minimize", "dead_fraction": "minimize", "accuracy": "maximize"}
"""What a search may look for, as results call it, and which way is better."""

DEFAULT_EPOCHS = 3.0
"""Where neither epochs nor steps are given: a trial has to end."""

Values = dict[str, Any]
Kind = Literal["grid", "random", "search"]


@dataclass(frozen=True, slots=True)
class Range:
    """Where a knob is drawn from: evenly from ``low`` to ``high``, their logarithms where ``log``; or ``choices``."""

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    integer: bool = False
    choices: tuple[Any, ...] = ()

    def draw(self, random: np.random.Generator) -> Any:
        """One value."""
        if self.choices:
            return self.choices[int(random.integers(len(self.choices)))]
        if self.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = float(random.uniform(self.low, self.high))
        return min(int(self.high), max(math.ceil(self.low), round(value))) if self.integer else value


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep, said once: the same plan is the same sweep, and goes on where it was interrupted.

    ``base`` are the knobs all trials share; ``grid`` the values of a grid, every combination of them a trial;
    ``ranges`` what random draws and searches draw the other knobs from, ``count`` times for each combination of the
    grid (so that ``grid={"seed": (0, 1)}`` gives every drawn setting two seeds); ``objectives`` what a search is for.
    """

    kind: Kind = "grid"
    base: Values = field(default_factory=dict)
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    ranges: dict[str, Range] = field(default_factory=dict)
    count: int = 1
    objectives: tuple[str, ...] = ()
    seed: int = 0
    """Of the draws; the runs' own is the knob ``seed``."""

    def __post_init__(self) -> None:
        if unknown := (self.grid.keys() | self.ranges.keys()) - Config.knobs().keys():
            raise ConfigError(f"There is no knob {min(unknown)!r}; there are {', '.join(Config.knobs())}.")
        if both := self.grid.keys() & self.ranges.keys():
            raise ConfigError(f"{min(both)} has both a list of values and a range: give one of them.")
        if unknown := set(self.objectives) - OBJECTIVES.keys():
            raise ConfigError(f"There is no objective {min(unknown)!r}; there are {', '.join(OBJECTIVES)}.")
        if self.kind != "grid" and not self.ranges:
            raise ConfigError("A random draw or a search needs a range to draw from, such as penalty_weight=0.003..1.")
        if self.kind == "grid" and self.ranges:
            raise ConfigError(f"{min(self.ranges)} has a range: say how many draws, with random or search.")
        if not 1 <= self.count <= 10_000:
            raise ConfigError(f"The number of draws is {self.count}, but it should be from 1 to 10000.")
        if len(self) > 10_000:
            raise ConfigError(f"That would be {len(self):,} trials; a sweep has at most 10,000.")

    def __len__(self) -> int:
        """How many trials there will be."""
        return self.count * math.prod(len(values) for values in self.grid.values())

    @property
    def knobs(self) -> tuple[str, ...]:
        """What differs between trials."""
        return (*self.grid, *self.ranges)

    @property
    def wants_accuracy(self) -> bool:
        """Whether a search needs the probe's accuracy, which takes a moment more."""
        return "accuracy" in self.objectives

    def config(self, values: Mapping[str, Any]) -> Config:
        """A trial's configuration: one thread and an end, unless the plan says otherwise.

        Raises:
            ConfigError: these values cannot be had, or not together.
        """
        given = {**self.base, **values}
        ends = {} if any(given.get(name) is not None for name in ("epochs", "steps")) else {"epochs": DEFAULT_EPOCHS}
        return Config(**{"threads": 1, **ends, **{name: value for name, value in given.items() if value is not None}})

    def combinations(self) -> list[Values]:
        """The grid's combinations, the first knob varying slowest; one empty one where there is no grid."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def trials(self) -> Iterator[Values]:
        """Every trial's own knobs, in order; a search proposes its own instead (`sae_core.sweep.search`)."""
        random = np.random.default_rng(self.seed)
        for _ in range(self.count):
            drawn = {name: one.draw(random) for name, one in self.ranges.items()}
            for combination in self.combinations():
                yield {**combination, **drawn}

    def check(self) -> None:
        """See that every trial can be had, before any is begun.

        Raises:
            ConfigError: one cannot.
        """
        if self.kind == "search":
            ends = {name: one.choices[0] if one.choices else one.low for name, one in self.ranges.items()}
            trials: Sequence[Values] = [{**grid, **ends} for grid in self.combinations()]
        else:
            trials = list(self.trials())
        for values in trials:
            try:
                check_dataset(self.config(values).dataset)
            except DataError as error:
                raise ConfigError(str(error)) from None

    def to_json(self) -> str:
        """One object of JSON, in a fixed order."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` made.

        Raises:
            RunError: it is something else.
        """
        try:
            data = json.loads(text)
            ranges = {name: Range(**{**one, "choices": tuple(one["choices"])}) for name, one in data["ranges"].items()}
            grid = {name: tuple(values) for name, values in data["grid"].items()}
            return cls(**{**data, "ranges": ranges, "grid": grid, "objectives": tuple(data["objectives"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"This is no sweep's plan ({error}).") from None

    @property
    def digest(self) -> str:
        """Eight letters that differ between plans."""
        return blake2b(self.to_json().encode(), digest_size=4).hexdigest()


def read_choices(text: str) -> tuple[str, tuple[Any, ...]]:
    """``penalty_weight=0.01,0.03`` as a knob's name and its values, each checked by itself.

    Raises:
        ConfigError: no such knob, or a value it cannot have.
    """
    name, values = _split(text, "penalty_weight=0.01,0.03")
    choices = tuple(read_value(name, value) for value in values.split(","))
    if len(set(choices)) < len(choices):
        raise ConfigError(f"{name} has a value twice in {values!r}.")
    return name, choices


def read_range(text: str) -> tuple[str, Range]:
    """``penalty_weight=0.003..1`` (logarithmic where the knob's slider is), or a list of values to choose from.

    Raises:
        ConfigError: no such knob, or no range.
    """
    name, values = _split(text, "penalty_weight=0.003..1")
    low, dots, high = values.partition("..")
    if not dots:
        return name, Range(choices=read_choices(text)[1])
    ends = (read_value(name, low), read_value(name, high))
    if not all(isinstance(end, int | float) for end in ends) or not ends[0] < ends[1]:
        raise ConfigError(f"{name} is {values!r}, but a range goes from a number up to a larger one, as in 0.003..1.")
    knob = Config.knobs()[name]
    return name, Range(*ends, log=knob.dial is not None and ends[0] > 0, integer=knob.integer)


def _split(text: str, example: str) -> tuple[str, str]:
    name, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise ConfigError(f"{text!r} names no values: write KNOB=VALUES, such as {example}.")
    name = name.strip().replace("-", "_")
    if name not in Config.knobs():
        raise ConfigError(f"There is no knob {name!r}; there are {', '.join(Config.knobs())}.")
    return name, values


def read_value(name: str, text: str) -> Any:
    """The value as the knob has it, from text.

    Raises:
        ConfigError: no such knob, or no value of its kind.
    """
    text = text.strip()
    knob = Config.knobs()[name]
    if knob.choices or isinstance(knob.default, str):
        if knob.choices and text not in knob.choices:
            raise ConfigError(f"{name} is {text!r}, but there are {', '.join(knob.choices)}.")
        return text
    try:
        value: float = int(text) if knob.integer else float(text)
    except ValueError:
        what = "a whole number" if knob.integer else "a number"
        raise ConfigError(f"{name} is {text!r}, but it should be {what}.") from None
    if not math.isfinite(value):
        raise ConfigError(f"{name} is {text!r}, but it should be finite.")
    return value
