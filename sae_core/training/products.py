"""Matrix products in the precision asked for, and who shares them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sae_core.kernels.team import share

__all__ = ["Products"]


class Products:
    """a b with both factors rounded to ``dtype`` and sums in the precision of where they are put.

    Rounded copies have names; each is made where its tensor is at hand and found again by its name later in the step.
    A parameter's copy is good for as long as nobody changes the parameter: torch counts its own changes, and whoever
    else changes it (`sae_core.kernels`) rounds it as well and says so.
    """

    def __init__(self, dtype: torch.dtype, *, shared: bool) -> None:
        self.dtype = dtype
        self._shared = shared
        self._rounded: dict[str, Tensor] = {}
        self._versions: dict[str, int] = {}

    def share(self, work: Callable[[slice], object], n: int) -> None:
        """Do ``work`` on all of n rows: at once, or on parts of them each in a thread."""
        if self._shared:
            share(lambda first, end: work(slice(first, end)), n)
        else:
            work(slice(None))

    def copy_of(self, name: str, parameter: Tensor) -> Tensor | None:
        """Where the parameter's rounded copy is kept; None where products take it as it is."""
        if self.dtype == parameter.dtype:
            return None
        if name not in self._rounded:  # of several threads that find it missing one has its way
            self._rounded.setdefault(name, torch.empty_like(parameter, dtype=self.dtype, requires_grad=False))
        return self._rounded[name]

    @property
    def copies(self) -> list[Tensor]:
        """Those there are."""
        return list(self._rounded.values())

    def round(self, name: str, tensor: Tensor, rows: slice = slice(None)) -> Tensor:
        """Some rows of the tensor as products take them: as they are, or a rounded copy."""
        copy = self.copy_of(name, tensor)
        return tensor[rows] if copy is None else copy[rows].copy_(tensor[rows])

    def rounded(self, name: str, tensor: Tensor) -> Tensor:
        """What `round` made of it earlier in the step."""
        return self._rounded.get(name, tensor)

    def refresh(self, name: str, parameter: Tensor) -> Tensor:
        """The parameter's copy, made anew where it is no longer good."""
        if self.dtype != parameter.dtype and self._versions.get(name) != parameter._version:
            self.share(lambda rows: self.round(name, parameter, rows), len(parameter))
        return self.rounded(name, parameter)

    def refreshed(self, name: str, parameter: Tensor) -> None:
        """Somebody has moved the parameter and rounded it into `copy_of`, neither by torch."""
        if name in self._rounded:
            self._versions[name] = parameter._version

    @staticmethod
    def multiply(out: Tensor, a: Tensor, b: Tensor, add: Tensor, *, alpha: float = 1.0, beta: float = 0.0) -> None:
        """Put beta · add + alpha · a b into ``out``."""
        if a.dtype == out.dtype:
            torch.addmm(add, a, b, beta=beta, alpha=alpha, out=out)
        elif beta == 1.0 and out is not add:
            torch.add(add, torch.mm(a, b), alpha=alpha, out=out)
        elif beta:
            torch.mul(add, beta, out=out) if add.shape == out.shape else out.copy_(add).mul_(beta)
            out.add_(torch.mm(a, b), alpha=alpha)
        else:
            torch.mul(torch.mm(a, b), alpha, out=out)
