"""Adam (Kingma & Ba 2015), by torch's fused kernel; for wide models by one that clips and moves in one reading.

`torch.optim.Adam` brings torch's compiler along: making one imports it, which takes about as long as importing torch
did. Every worker would wait for that, and nothing here is compiled; so the function is called that Adam itself calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.adam import adam

if TYPE_CHECKING:
    from sae_core.kernels.adam import CompiledAdam

__all__ = ["Adam"]


class Adam:
    """m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   w ← w − rate · m̂ / (√v̂ + ε), with m̂ = m/(1 − β₁ᵗ) and
    v̂ = v/(1 − β₂ᵗ); β₁ = .9, β₂ = .999, ε = 1e-8.

    A gradient g whose norm over all parameters is longer than ``longest`` is scaled down to it first (Pascanu et al.
    2013, section 3.2). Where it always is, steps early in a run, when the gradient is long, do
    not weigh on v for the next thousand.

    ``state`` is m, v and t of each parameter by name: ``exp_avg`` and ``exp_avg_sq``, of the parameter's shape, and
    ``step``, a float32 scalar; they are changed in place and nowhere else.

    Of ``wide`` models' weights, by name: ``lower``, where they go rounded to bfloat16, and ``least``, so that their
    rows are then divided by their norms, by this where a norm is shorter.
    """

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        rate: float,
        *,
        wide: bool = False,
        lower: Mapping[str, Tensor] = MappingProxyType({}),
        least: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.rate = rate
        self._parameters: list[Tensor] = list(parameters.values())
        self.state = {
            name: {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
            }
            for name, parameter in parameters.items()
        }
        self._wide, self._lower, self._least = wide, lower, least

    @torch.no_grad()
    def step(self, longest: float = 0.0, squares: Mapping[str, float] = MappingProxyType({})) -> None:
        """Move every parameter by its ``.grad``; ``longest`` 0 clips nothing.

        ``squares``: the sums of squares of gradients of which they are known, by name.
        """
        grads = [_grad(parameter) for parameter in self._parameters]
        if self._wide:
            known = [squares.get(name) for name in self.state]
            self._compiled.step(grads, self.rate, longest, known)
            return
        if longest:
            shorten_(grads, longest)
        adam(
            self._parameters,
            grads,
            self._all("exp_avg"),
            self._all("exp_avg_sq"),
            [],
            self._all("step"),
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    @cached_property
    def _compiled(self) -> CompiledAdam:
        """Made at the first step: until then the numbers may move to other memory."""
        from sae_core.kernels.adam import CompiledAdam

        state = [(moments["exp_avg"], moments["exp_avg_sq"], moments["step"]) for moments in self.state.values()]
        lower = [self._lower.get(name) for name in self.state]
        least = [self._least.get(name, 0.0) for name in self.state]
        return CompiledAdam(self._parameters, state, lower, least)

    def _all(self, key: str) -> list[Tensor]:
        return [moments[key] for moments in self.state.values()]


def shorten_(grads: list[Tensor], longest: float) -> None:
    """Scale the gradient, all of it, to norm ``longest`` where it is longer.

    The fused kernel would do it by its ``grad_scale``, but then divides in every step, also where nothing is too long.
    """
    norm = math.sqrt(sum(float(torch.dot(grad.view(-1), grad.view(-1))) for grad in grads))
    if norm > longest:
        for grad in grads:
            grad.mul_(longest / norm)


def _grad(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
