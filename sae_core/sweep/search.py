"""Optuna's multi-objective search over a plan's ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from importlib.util import find_spec
from typing import Any

from sae_core.config import ConfigError
from sae_core.runs.files import RunError
from sae_core.sweep.folder import Trial
from sae_core.sweep.plan import OBJECTIVES, Plan, Range

__all__ = ["Search", "missing"]

INSTALL = "The search needs Optuna, which is not installed: pip install 'penstroke[search]'."

UNTRIED = 100
"""Proposals in a row that `Config` refuses before the search gives up."""


def missing() -> str:
    """Why nothing can be searched for here, in a sentence; empty where it can."""
    return "" if find_spec("optuna") else INSTALL


class Search:
    """Proposes settings where earlier ones were good: tree-structured Parzen estimators for several objectives
    (Ozaki et al. 2022, Optuna's `TPESampler`), seeded.

    Its memory are the sweep's results themselves: taken up again, it is told all of them anew.

    Raises:
        RunError: Optuna is not installed (a sentence).
    """

    def __init__(self, plan: Plan) -> None:
        try:
            import optuna
        except ImportError:
            raise RunError(INSTALL) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._plan = optuna, plan
        self._space = {name: _distribution(optuna, one) for name, one in plan.ranges.items()}
        directions: list[Any] = [OBJECTIVES[name] for name in plan.objectives]
        sampler = optuna.samplers.TPESampler(seed=plan.seed, n_startup_trials=max(4, plan.count // 4))
        self._study = optuna.create_study(directions=directions, sampler=sampler)
        self._told: set[int] = set()

    def proposals(
        self,
        trials: MutableMapping[int, Trial],
        results: Mapping[int, Mapping[str, Any]],
        decide: Callable[[list[Trial]], None],
    ) -> Iterator[Trial]:
        """The trials that are still to be tried; each proposal hears of the results there are by then."""
        combinations = self._plan.combinations()
        for first in range(0, len(self._plan), len(combinations)):
            if first + len(combinations) - 1 in trials:
                continue
            begun = trials.get(first)
            self._tell(trials, results)
            drawn = {name: begun.values[name] for name in self._plan.ranges} if begun else self._propose(combinations)
            new = [
                Trial(first + at, {**one, **drawn}) for at, one in enumerate(combinations) if first + at not in trials
            ]
            decide(new)
            trials.update({trial.index: trial for trial in new})
            yield from new

    def _propose(self, combinations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A setting that can be had with every combination; the study forgets it until its results are there."""
        problem = ConfigError("No setting in the ranges can be had.")
        for _ in range(UNTRIED):
            asked = self._study.ask(self._space)
            self._study.tell(asked, state=self._optuna.trial.TrialState.FAIL)
            try:
                for combination in combinations:
                    self._plan.config({**combination, **asked.params})
            except ConfigError as refused:
                problem = refused
            else:
                return dict(asked.params)
        raise problem

    def _tell(self, trials: Mapping[int, Trial], results: Mapping[int, Mapping[str, Any]]) -> None:
        for index in sorted(results.keys() & trials.keys() - self._told):
            result = results[index]
            if all(isinstance(result.get(name), int | float) for name in self._plan.objectives):
                self._study.add_trial(
                    self._optuna.trial.create_trial(
                        params={name: trials[index].values[name] for name in self._space},
                        distributions=dict(self._space),
                        values=[float(result[name]) for name in self._plan.objectives],
                    )
                )
            self._told.add(index)


def _distribution(optuna: Any, one: Range) -> Any:
    if one.choices:
        return optuna.distributions.CategoricalDistribution(one.choices)
    if one.integer:
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)
