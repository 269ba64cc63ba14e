"""One run's directory, as everyone but its worker sees it (the package's docstring describes the files)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from sae_core.config import Config, ConfigError
from sae_core.runs.events import Applied, Event, append_event, check_set, config_after, read_applied, read_events
from sae_core.runs.files import RunError, RunWriteError, from_json, is_locked, to_json, write_atomically, write_sentence
from sae_core.runs.frame_file import FrameReader
from sae_core.runs.rows import read_rows
from sae_core.runs.snapshots import load_snapshot
from sae_core.snapshot import Snapshot

__all__ = ["SCHEMA", "Meta", "RunDirectory", "State", "Status", "Weights"]

SCHEMA = 1
"""Of the run directory; a larger number in a config.json means a newer Penstroke made the run."""

State = Literal["queued", "starting", "training", "paused", "finished", "stopped", "failed", "lost"]
Weights = Literal["decoder", "encoder"]

WORKING: frozenset[State] = frozenset({"queued", "starting", "training"})
"""States that need a living worker: without one, the run is lost."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a run is doing. ``reason`` is a sentence for the screen, or empty; ``updated`` seconds since 1970."""

    state: State
    reason: str = ""
    step: int = 0
    images: int = 0
    updated: float = 0.0
    attempt: int = 0
    """How many workers the run has had so far."""
    queue: int = 0
    """While queued: how many are ahead, this one counted."""
    pid: int = 0
    steps_per_picture: int = 0
    speed: str = "full"


@dataclass(frozen=True, slots=True)
class Meta:
    """How a run came to be."""

    created: str
    """ISO 8601, with its time zone."""
    schema: int = SCHEMA
    versions: Mapping[str, str] = field(default_factory=dict)
    """Packages, Python and processor at its creation: elsewhere a replay may differ in the last bits."""
    parent: str | None = None
    parent_step: int | None = None
    named: bool = False
    """Whether someone gave it a name: the others are pruned."""
    origin: str = "page"
    """``page``: has no end of its own and pauses when nobody has watched for long; ``cli``: runs on."""


class RunDirectory:
    """A run, by its files. Opening reads config.json alone; everything else is read when asked for.

    Raises:
        RunError: it is damaged, or a newer Penstroke made it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.config, self.meta = _read_config(path)

    @classmethod
    def make(cls, path: Path, config: Config, meta: Meta) -> Self:
        """Fill the new, empty folder ``path``."""
        about = {name: getattr(meta, name) for name in meta.__slots__}
        (path / "history").mkdir()
        for name in ("events.jsonl", "applied.jsonl", "metrics.jsonl", "events.lock", "lock"):
            (path / name).touch()
        first = Status("paused", "Not started yet.", updated=time.time())
        write_status(path / "status.json", first)
        write_atomically(path / "config.json", to_json({**about, "config": config.model_dump()}), sync=True)
        return cls(path)

    def status(self) -> Status:
        """What the run is doing; ``lost`` where the file says it works but nobody holds its lock."""
        status = self._read_status()
        if status.state in WORKING and not self.alive():
            status = self._read_status()  # a worker that ends writes its last word before it lets go
            if status.state in WORKING:
                reason = f"The worker was killed at about step {status.step}; Resume goes on from the last checkpoint."
                return _with(status, state="lost", reason=reason)
        return status

    def _read_status(self) -> Status:
        for _ in range(3):  # on a full disk it is written in place, and may be seen half written
            status = _parse_status(self.path / "status.json")
            if status is not None:
                return status
            time.sleep(0.005)
        reason = "status.json is missing or damaged; Resume goes on from the last checkpoint."
        return Status("starting", reason) if self.alive() else Status("lost", reason)

    def alive(self) -> bool:
        """Whether a worker holds the run's lock."""
        return is_locked(self.path / "lock")

    def append_event(self, kind: str, **fields: Any) -> int:
        """Ask something of the run: ``play`` (``speed=``), ``pause``, ``step``, ``epoch``, ``stop``,
        ``speed`` (``value=``) or ``set`` (``name=, value=, drag=``). Returns the event's offset in events.jsonl.

        Raises:
            RunError, ConfigError: there is no such control, or the knob cannot have the value.
            RunWriteError: the file cannot be written.
        """
        if kind == "set":
            check_set(self.config, fields.get("name"), fields.get("value"))
        return append_event(self.path / "events.jsonl", kind, **fields)

    def events(self, offset: int = 0) -> tuple[list[Event], int]:
        """Controls from byte ``offset`` of events.jsonl on, and where to read on."""
        return read_events(self.path / "events.jsonl", offset)

    def applied(self, offset: int = 0) -> tuple[list[Applied], int]:
        """What took effect, from byte ``offset`` of applied.jsonl on, and where to read on."""
        return read_applied(self.path / "applied.jsonl", offset)

    def rows(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """Rows from byte ``offset`` of metrics.jsonl on, and where to read on; `drop_superseded` sorts out attempts."""
        return read_rows(self.path / "metrics.jsonl", offset)

    def current_config(self) -> Config:
        """The configuration as the applied changes left it."""
        return config_after(self.config, self.applied()[0])

    def frames(self) -> FrameReader:
        """The live pictures."""
        return FrameReader(self.path / "frame.bin")

    def renew_watch(self, weights: Weights = "decoder") -> None:
        """Say that someone is looking: pictures are written for a few seconds more."""
        path = self.path / "watch"
        with suppress(OSError):
            if path.read_bytes() == weights.encode():
                os.utime(path)
                return
        try:
            write_atomically(path, weights.encode())
        except OSError as error:
            raise RunWriteError(write_sentence(error, path)) from error

    def renew_look(self) -> None:
        """Say that someone looks at what the run keeps: snapshots come as often as they may for a few seconds more."""
        with suppress(OSError):  # who only looks needs no disk to write to
            (self.path / "looked").touch()

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot, over all of the test set or a part; None before the first.

        Raises:
            RunError: the file is damaged.
        """
        return load_snapshot(self.path / "snapshot.safetensors")

    def history(self) -> list[int]:
        """Steps of which a snapshot is kept, in order."""
        stems = (path.stem.removeprefix("snapshot-") for path in (self.path / "history").glob("snapshot-*.safetensors"))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def snapshot_at(self, step: int) -> Snapshot | None:
        """The snapshot kept of that step; None where there is none."""
        return load_snapshot(self.path / "history" / f"snapshot-{step:012d}.safetensors")


def _with(status: Status, **changes: Any) -> Status:
    return Status(**{**{name: getattr(status, name) for name in status.__slots__}, **changes})


def write_status(path: Path, status: Status) -> None:
    """Replace status.json; on a full disk overwrite it in place, which needs no room.

    Raises:
        OSError: neither can be done.
    """
    data = to_json({name: getattr(status, name) for name in status.__slots__})
    data += b" " * max(0, 1024 - len(data))
    try:
        write_atomically(path, data)
    except OSError:
        with path.open("r+b", buffering=0) as file:
            file.write(data)
            file.truncate()


def _parse_status(path: Path) -> Status | None:
    try:
        data = from_json(path.read_bytes())
    except OSError:
        return None
    if data is None or data.get("state") not in get_args(State) or not isinstance(data.get("step"), int):
        return None
    try:
        return Status(**{name: data[name] for name in Status.__slots__ if name in data})
    except TypeError:
        return None


def _read_config(path: Path) -> tuple[Config, Meta]:
    file = path / "config.json"
    try:
        data = from_json(file.read_bytes())
    except FileNotFoundError:
        raise RunError(f"There is no run {path.name!r} in {path.parent}.") from None
    except OSError as error:
        raise RunError(f"The run {path.name} cannot be read: {error.strerror or error}.") from None
    schema = data.get("schema") if data else None
    if data is None or not isinstance(schema, int):
        raise RunError(f"The run {path.name} cannot be read: its config.json is damaged.")
    if schema > SCHEMA:
        raise RunError(f"A newer Penstroke made the run {path.name} (schema {schema}, this one reads {SCHEMA}).")
    try:
        config = Config(**data["config"])
        meta = Meta(**{name: data[name] for name in Meta.__slots__ if name in data})
    except (ConfigError, KeyError, TypeError) as error:
        raise RunError(f"The run {path.name} cannot be read: its config.json is damaged ({error}).") from None
    return config, meta
