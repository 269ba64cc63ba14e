"""What everyone in a worker needs to know of the run at the moment, and the one place where it changes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sae_core.config import Config
from sae_core.runs.directory import State
from sae_core.runs.events import Applied
from sae_core.runs.worker.slots import Slots
from sae_core.runs.worker.transport import Transport

__all__ = ["Scene"]


@dataclass(slots=True)
class Scene:
    """The run at this step."""

    config: Config
    """With the live knobs as they stand."""
    step: int
    epoch_steps: int
    total: int | None
    """Steps of a finite run."""
    transport: Transport
    slots: Slots
    pending: deque[Applied]
    """Changes of knobs that lie ahead: applied by a worker before, to be applied again at exactly their steps."""
    changes: int = 0
    """Knobs changed so far: with the step, it tells whether a picture is out of date."""
    landmarks: set[int] = field(default_factory=set)
    """Steps that lie ahead and are kept for good: the points of a path."""
    path_knob: str = ""
    """The knob whose path it is."""

    @property
    def moment(self) -> tuple[int, int]:
        """Pictures and censuses of equal moments are alike."""
        return self.step, self.changes

    @property
    def may_train(self) -> bool:
        """Whether the next step may be done: a slot is needed for more than one."""
        return self.transport.playing and (self.slots.held or self.transport.single(self.step))

    @property
    def complete(self) -> bool:
        """Whether a finite run has come to its end."""
        return self.total is not None and self.step >= self.total

    @property
    def state(self) -> State:
        """In a word."""
        if self.transport.over is not None:
            return self.transport.over
        if not self.transport.playing:
            return "paused"
        return "training" if self.may_train else "queued"
