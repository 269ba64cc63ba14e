"""Which images a step learns from."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple, cast

import torch
from numpy.typing import NDArray
from torch import Tensor

from sae_core.config import Config, ConfigError
from sae_core.data import Stored
from sae_core.model import seeded

__all__ = ["Batches", "Drawn"]


class Drawn(NamedTuple):
    """Images that have not been fetched yet: ``rows`` (batch,) of all there are."""

    images: Tensor | NDArray[Any]
    rows: Tensor

    def take_(self, out: Tensor, some: slice = slice(None)) -> None:
        """Put them, or ``some`` of them, into ``out`` (n, n_pixels)."""
        if isinstance(self.images, Tensor):
            torch.index_select(self.images, 0, self.rows[some], out=out)
        else:  # larger than memory: the batch is read from its file
            out.copy_(torch.from_numpy(self.images[self.rows[some].cpu().numpy()]))


class Batches:
    """The training images in an order that follows from (seed, epoch) alone, so the position in it is the step.

    Epoch e is ``torch.randperm(n)`` from a generator seeded with (seed, e); the last, partial batch is dropped.

    Raises:
        ConfigError: the batch is larger than the data set.
    """

    def __init__(self, x: NDArray[Any], config: Config, device: torch.device, dtype: torch.dtype) -> None:
        self.per_epoch = len(x) // config.batch_size
        if self.per_epoch == 0:
            raise ConfigError(
                f"batch_size is {config.batch_size}, but {config.dataset} has only {len(x)} training images."
            )
        self._stored = x if isinstance(cast("object", x), Stored) else None
        self._x = torch.empty(len(x), 0, device=device) if self._stored else _as_tensor(x).to(device, dtype)
        self._batch_size, self._seed = config.batch_size, config.seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def draw(self, step: int) -> Drawn:
        """What step ``step`` (from 0) learns from."""
        return Drawn(self._x if self._stored is None else self._stored, self.rows(step))

    def rows(self, step: int) -> Tensor:
        """(batch,) their indices."""
        epoch, batch = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            order = torch.randperm(len(self._x), generator=seeded(self._seed, "order", epoch))
            self._order, self._epoch = order.to(self._x.device), epoch
        return self._order[batch * self._batch_size : (batch + 1) * self._batch_size]


def _as_tensor(x: NDArray[Any]) -> Tensor:
    """A tensor on the array's own memory; it is only ever read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(x)
