"""What every contestant is asked to do, and what it answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = ["Quality", "Spec", "Turn"]

BATCH = 256
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Spec:
    """One race: everybody trains the same width, k, batch and learning rate on the same images."""

    method: str = "topk"
    width: int = 1024
    k: int = 32
    steps: int = 468
    """The length of a training that is judged; two epochs of MNIST."""
    batch: int = BATCH
    learning_rate: float = LEARNING_RATE
    penalty: float = 0.1
    """L1 only, and in each library's own units: their rates can be compared, their FVUs cannot."""
    device: str = "cpu"
    threads: int = 2
    dataset: str = "mnist"

    def as_dict(self) -> dict[str, Any]:
        """As it goes to the contestant's process."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        """As it arrives there."""
        return cls(**record)


@dataclass(frozen=True)
class Turn:
    """What one short turn came to. For the matrix products ``images`` is how many their five products were for."""

    images: int
    seconds: float

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds


@dataclass(frozen=True)
class Quality:
    """What was learned, on the 10,000 test images, and what it took."""

    fvu: float
    l0: float
    dead: float
    """Share of latents that fire on no test image."""
    megabytes: float
    """The process's resident memory at the end beyond what it had before the model was made."""
