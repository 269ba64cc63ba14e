"""Every length of time a worker goes by, in seconds (or per second), in one place so that tests can shrink them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Self

from sae_core.runs.files import from_json, to_json

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """The constants of a worker."""

    pictures_per_second: float = 20.0
    """At most, and what the ramp goes by."""
    slow_per_second: float = 5.0
    """Slow motion: one step a picture."""
    ramp_doubling: float = 1.0
    """After so long the ramp doubles its steps per picture."""
    lease: float = 3.0
    """A watch is fresh for so long."""
    look_lease: float = 10.0
    """And a look at what the run keeps."""
    unwatched_pause: float = 900.0
    """A run begun on the page pauses when nobody watched its training, or looked at what it keeps, for so long."""
    unwatched_yield: float = 5.0
    """A run begun on the page makes room for one that waits when nobody watched it for so long."""
    unwatched_exit: float = 60.0
    """A paused worker that nobody watches ends."""
    checkpoint_every: float = 10.0
    snapshot_every: float = 3.0
    row_first: float = 0.05
    """Between rows at first; it grows to ``row_growth`` of the training time so far, up to ``row_last``."""
    row_last: float = 1.0
    row_growth: float = 0.01
    status_every: float = 1.0
    budget: float = 0.10
    """Everything that is not training, as a share of training time."""
    budget_alone: float = 0.03
    """The same while nobody looks at the run, on any page: it then has to train within 5% of the trainer's own rate
    (`python -m tests.bench live`)."""
    picture_share: float = 0.7
    """What pictures may take of the budget."""
    glance: float = 0.05
    """Between two looks at who watches."""
    nap: float = 0.01
    """Between two looks at the controls while nothing trains."""
    queue_nap: float = 0.1
    """Between two tries for a slot."""
    spare_after: float = 8.0
    """How long a run goes on before the next spare is warmed up; a reset before that takes over its own worker."""
    patience: float = 1.0
    """How long a worker tries for its run's lock: probing takes it for an instant."""

    def to_json(self) -> str:
        """For a command line."""
        return to_json(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` made; what is missing keeps its default."""
        data = from_json(text.encode()) or {}
        return cls(**{field.name: float(data[field.name]) for field in fields(cls) if field.name in data})
