"""Play, pause, one step, one epoch, stop: what the controls make of a run, live and when it is taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sae_core.config import Config, ConfigError
from sae_core.runs.events import KINDS, SPEEDS, Applied, Event, check_set

__all__ = ["Transport", "coalesce", "judge", "pending", "taken_up"]


@dataclass(slots=True)
class Transport:
    """Whether a run should train, and until when.

    Attributes:
        until: step at which it pauses by itself; None for none.
        speed: one of `SPEEDS`.
        reason: why it paused, where it did so by itself: a sentence.
        over: how its worker ends; None while it goes on.
    """

    playing: bool = False
    until: int | None = None
    speed: str = "full"
    reason: str = ""
    over: Literal["paused", "stopped", "finished"] | None = None

    def obey(self, record: Applied, epoch_steps: int) -> None:
        """Do what was applied. A step or an epoch asked for while one is under way is added to it; a play after a
        stop, both found at once, undoes it.
        """
        if record.kind in {"play", "step", "epoch"}:
            self.over = None
        match record.kind:
            case "play":
                self.playing, self.until, self.reason = True, None, ""
            case "step" | "epoch":
                begun = self.until if self.playing and self.until is not None else record.step
                count = 1 if record.kind == "step" else epoch_steps
                self.playing, self.until, self.reason = True, begun + count, ""
            case "pause" | "finish":
                self.pause(record.reason)
            case "stop":
                self.pause(record.reason)
                self.over = "stopped"
        if record.kind in {"play", "speed"} and record.value in SPEEDS:
            self.speed = str(record.value)

    def pause(self, reason: str) -> None:
        """Train no further."""
        self.playing, self.until, self.reason = False, None, reason

    def single(self, step: int) -> bool:
        """Whether just one step is to be done: that needs no slot."""
        return self.until is not None and self.until - step == 1


def taken_up(records: Sequence[Applied], step: int, epoch_steps: int) -> Transport:
    """Where the records that hold leave a run whose checkpoint is of ``step``.

    A run that was paused further on than its checkpoint catches up first; a ramp is not begun again.
    """
    transport, last = Transport(), 0
    for record in records:
        transport.obey(record, epoch_steps)
        if record.kind != "resume":
            last = record.step
    transport.over = None
    if not transport.playing and last > step:
        transport.playing, transport.until = True, last
    if transport.speed == "ramp" and step > 0:
        transport.speed = "full"
    return transport


def pending(records: Sequence[Applied], step: int, known: int) -> list[Applied]:
    """Changes of knobs to be applied again, in order: those a checkpoint of ``step`` steps does not contain,
    which knows the records before byte ``known``.
    """
    ahead = [r for r in records if r.kind == "set" and (r.step > step or (r.step == step and r.position >= known))]
    return sorted(ahead, key=lambda record: (record.step, record.position))


def coalesce(events: Sequence[Event]) -> list[Event]:
    """The events that matter of those taken together: of several values of a knob, the last."""
    last = {event.name: event.offset for event in events if event.kind == "set"}
    return [event for event in events if event.kind != "set" or last[event.name] == event.offset]


def judge(event: Event, config: Config, step: int) -> tuple[Applied, Config]:
    """What becomes of a control at ``step``, and of ``config``: it is applied, or refused with the reason."""
    record = Applied(
        position=-1,
        step=step,
        kind=event.kind,
        offset=event.end,
        event=event.offset,
        name=event.name,
        value=event.value,
        drag=event.drag,
    )
    if event.kind == "set":
        try:
            config = check_set(config, event.name, event.value)
        except ConfigError as error:
            return replace(record, kind="refused", reason=str(error)), config
        return replace(record, value=getattr(config, str(event.name))), config
    if event.kind not in KINDS:
        return replace(record, kind="refused", reason=f"There is no control {event.kind!r}."), config
    if event.kind == "speed" and event.value not in SPEEDS:
        return replace(record, kind="refused", reason=f"There is no speed {event.value!r}."), config
    return record, config
