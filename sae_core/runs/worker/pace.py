"""How fast a run trains while someone watches, and when a picture is due."""

from __future__ import annotations

from sae_core.runs.worker.timing import Timing

__all__ = ["Pace"]


class Pace:
    """Full speed, slow motion, or the ramp; times are those of `time.perf_counter`.

    *full*: steps without a break, a picture up to 20 times a second, fewer where pictures are expensive.
    *slow*: one step a picture, 5 pictures a second. *ramp*: 20 pictures a second of 1 step each, then 2, 4, 8 …,
    doubling each second until the machine cannot follow: from there on it is *full*. Slow and ramp are for eyes:
    unwatched, slow trains at full speed until someone looks, and a ramp is over.
    """

    LATE = 3
    """Pictures in a row that come late before the ramp is over: one alone may be a hiccup."""

    def __init__(self, timing: Timing, speed: str = "full") -> None:
        self._timing = timing
        self._cost = 0.0
        self.steps_per_picture = 0
        self.set(speed)

    def set(self, speed: str) -> None:
        """Change the speed; a ramp begins again."""
        self.speed = speed
        self._pictures = 0
        self._left = 0
        self._began = self._next = 0.0
        self._steps = self._late = 0

    @property
    def paced(self) -> bool:
        """Whether steps wait for pictures."""
        return self.speed != "full"

    def leave(self) -> None:
        """Nobody watches any more."""
        if self.speed == "ramp":
            self.set("full")
        self._left = 0

    def time_left(self, now: float) -> float:
        """Seconds until the next step of a paced run may be done; 0: now."""
        return max(0.0, self._next - now) if self._left == 0 else 0.0

    def begin(self, now: float) -> None:
        """A paced step comes next: open a picture for it unless one is open."""
        if self._left == 0:
            per_second = self._timing.pictures_per_second if self.speed == "ramp" else self._timing.slow_per_second
            doublings = int(self._pictures / (per_second * self._timing.ramp_doubling)) if self.speed == "ramp" else 0
            self._left = 2**doublings
            self._began, self._next = now, now + 1.0 / per_second

    def stepped(self) -> None:
        """A step was done."""
        self._steps += 1
        self._left = max(0, self._left - 1)

    def due(self, now: float) -> bool:
        """Whether the step just done ends a picture."""
        return self._left == 0 if self.paced else now >= self._next

    def drew(self, began: float, now: float) -> None:
        """A picture was made between ``began`` and ``now``."""
        self.steps_per_picture, self._steps = self._steps, 0
        self._pictures += 1
        self._cost = now - began if not self._cost else 0.8 * self._cost + 0.2 * (now - began)
        if self.speed == "ramp":
            self._late = self._late + 1 if now > self._next else 0
            if self._late == self.LATE:
                self.set("full")
        if not self.paced:
            share = self._timing.budget * self._timing.picture_share
            interval = max(1.0 / self._timing.pictures_per_second, self._cost / share)
            # a picture waits for the end of a step: what it comes late by, the next one does not
            self._next = (self._next if began - self._next < interval else began) + interval
