"""Controls: what was asked of a run (events.jsonl) and at which step it took effect (applied.jsonl)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sae_core.config import Config, ConfigError
from sae_core.runs.files import (
    RunError,
    RunWriteError,
    append_lines,
    from_json,
    lock_of,
    read_lines,
    split_lines,
    to_json,
    whole_lines_end,
    write_sentence,
)

__all__ = [
    "KINDS",
    "SPEEDS",
    "Applied",
    "Event",
    "EventReader",
    "append_event",
    "check_set",
    "config_after",
    "effective",
    "read_applied",
    "read_events",
]

KINDS = ("play", "pause", "step", "epoch", "speed", "set", "stop")
"""What may be asked of a run."""

SPEEDS = ("ramp", "slow", "full")

_FIELDS = frozenset({"name", "value", "drag", "speed", "by"})

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of events.jsonl, which reaches from byte ``offset`` up to ``end``."""

    offset: int
    end: int
    kind: str
    """One of `KINDS`, or anything else someone wrote there: the worker refuses it."""
    name: str | None = None
    value: Value = None
    """What a knob is set to; for ``speed``, and for ``play`` where given, one of `SPEEDS`."""
    drag: int | str | None = None
    """Shared by all values of one drag of a slider."""
    time: float = 0.0
    """When it was asked, seconds since 1970."""
    by: str | None = None

    @property
    def fields(self) -> dict[str, Value]:
        """What was asked beside the kind: name, value and drag where they were given."""
        given = {"name": self.name, "value": self.value, "drag": self.drag}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Applied:
    """One line of applied.jsonl: what took effect after ``step`` steps, before the next.

    Kinds: those of `KINDS`; ``refused`` (``reason`` says why); ``restore``, which voids records (see `effective`);
    ``resume``, a worker's start; ``finish``. The worker's own decisions have no event: ``event`` is −1.
    """

    position: int
    """Byte at which the line starts in applied.jsonl."""
    step: int
    kind: str
    offset: int
    """events.jsonl is consumed up to this byte."""
    event: int = -1
    """`Event.offset` of the control that took effect; of several coalesced, the last."""
    name: str | None = None
    value: Value = None
    drag: int | str | None = None
    time: float = 0.0
    reason: str = ""
    holds: int | None = None
    """``restore``: records before this byte hold as far as their step does."""

    def record(self) -> dict[str, Any]:
        """The line as JSON data, what is not set left out."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "position"}
        return {name: value for name, value in fields.items() if value not in {None, ""}}


def append_event(path: Path, kind: str, **fields: Any) -> int:
    """Append one control to events.jsonl, safely beside any other appender; returns its `Event.offset`.

    Raises:
        RunError: there is no such control.
        RunWriteError: the file cannot be written.
    """
    if kind not in KINDS:
        raise RunError(f"There is no control {kind!r}; there are {', '.join(KINDS)}.")
    if unknown := set(fields) - _FIELDS:
        raise RunError(f"A control has no field {min(unknown)!r}; it may have {', '.join(sorted(_FIELDS))}.")
    speed = fields.get("value") if kind == "speed" else fields.get("speed")
    if (kind == "speed" or speed is not None) and speed not in SPEEDS:
        raise RunError(f"There is no speed {speed!r}; there are {', '.join(SPEEDS)}.")
    line = to_json({"kind": kind, **{k: v for k, v in fields.items() if v is not None}, "time": time.time()}) + b"\n"
    try:
        with lock_of(path.with_name("events.lock")).acquire(poll_interval=0.005):
            path.touch()
            with path.open("r+b") as file:
                return append_lines(file, line)
    except OSError as error:
        raise RunWriteError(write_sentence(error, path)) from error


def check_set(config: Config, name: str | None, value: Value) -> Config:
    """``config`` with the knob set.

    Raises:
        ConfigError: there is no such knob, it does not act on a running model, or the value is out of bounds.
    """
    knob = Config.knobs().get(str(name))
    if knob is None:
        raise ConfigError(f"There is no knob {name!r}; there are {', '.join(Config.knobs())}.")
    if not knob.live:
        live = ", ".join(k.name for k in Config.knobs().values() if k.live)
        raise ConfigError(f"{name} cannot change in a running model; {live} can.")
    return config.with_changes(**{knob.name: value})


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """The whole events from byte ``offset`` on, and where to read on."""
    lines, following = read_lines(path, offset)
    return [_event(start, line) for start, line in lines], following


def _event(start: int, line: bytes) -> Event:
    data = from_json(line) or {}
    return Event(
        offset=start,
        end=start + len(line) + 1,
        kind=_text(data.get("kind")) or "unreadable",
        name=_text(data.get("name")),
        value=_scalar(data.get("value", data.get("speed"))),
        drag=data.get("drag") if isinstance(data.get("drag"), int | str) else None,
        time=_number(data.get("time")),
        by=_text(data.get("by")),
    )


def read_applied(path: Path, offset: int = 0) -> tuple[list[Applied], int]:
    """The records from byte ``offset`` on, and where to read on; damaged lines are left out."""
    lines, following = read_lines(path, offset)
    records = (_applied(start, from_json(line)) for start, line in lines)
    return [record for record in records if record is not None], following


def _applied(start: int, data: dict[str, Any] | None) -> Applied | None:
    if data is None or not isinstance(data.get("kind"), str) or not isinstance(data.get("step"), int):
        return None
    offset, event, holds = data.get("offset"), data.get("event"), data.get("holds")
    return Applied(
        position=start,
        step=data["step"],
        kind=data["kind"],
        offset=offset if isinstance(offset, int) else 0,
        event=event if isinstance(event, int) else -1,
        name=_text(data.get("name")),
        value=_scalar(data.get("value")),
        drag=data.get("drag") if isinstance(data.get("drag"), int | str) else None,
        time=_number(data.get("time")),
        reason=_text(data.get("reason")) or "",
        holds=holds if isinstance(holds, int) else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _scalar(value: object) -> Value:
    return value if isinstance(value, float | int | str) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else 0.0


def effective(records: Iterable[Applied]) -> list[Applied]:
    """The records that hold, in order of step.

    A ``restore`` at step s takes the run back to s: of the records before byte ``holds`` those up to step s
    hold, those after it never happened.
    """
    kept: list[Applied] = []
    for record in records:
        if record.kind == "restore":
            holds = record.position if record.holds is None else record.holds
            kept = [r for r in kept if r.position < holds and r.step <= record.step]
        kept.append(record)
    return kept


def config_after(config: Config, records: Sequence[Applied]) -> Config:
    """``config`` as the applied changes left it."""
    settled: set[str | None] = set()
    for record in reversed(effective(records)):  # a long drag is thousands of values, of which the last one counts
        if record.kind == "set" and record.name not in settled:
            with suppress(ConfigError):
                config = check_set(config, record.name, record.value)
                settled.add(record.name)
    return config


class EventReader:
    """events.jsonl, held open: with nothing new, a poll costs one fstat (1 µs)."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        path.touch()
        self._file = path.open("rb", buffering=0)
        self._size = -1
        self.offset = offset
        """Everything before it has been returned."""

    def poll(self) -> list[Event]:
        """The whole events that were appended since the last poll."""
        size = os.fstat(self._file.fileno()).st_size
        if size == self._size:
            return []
        self._size = size
        if size < self.offset:  # shortened from outside: what is gone is gone, what comes next counts
            self.offset = whole_lines_end(self._file, size)
        self._file.seek(self.offset)
        lines, self.offset = split_lines(self._file.read(size - self.offset), self.offset)
        return [_event(start, line) for start, line in lines]

    def reopen_if_replaced(self) -> None:
        """Follow the name, should an editor have put another file in its place."""
        with suppress(OSError):
            there, here = self.path.stat(), os.fstat(self._file.fileno())
            if (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev):
                self._file.close()
                self._file = self.path.open("rb", buffering=0)
                self._size = -1

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
