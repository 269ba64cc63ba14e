"""What a page may say over its socket: small JSON objects, checked before anything acts on them.

The answers (server → page) are plain dictionaries, made where they are known: see `feed` and `socket`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

__all__ = [
    "MESSAGE_CAP",
    "Ack",
    "BadMessage",
    "Control",
    "Message",
    "Ping",
    "Reset",
    "Set",
    "Speed",
    "Start",
    "Watch",
    "Weights",
]

MESSAGE_CAP = 4096
"""Bytes a page may send at once; a longer message closes its socket."""

NOT_JSON, NOT_KNOWN = 1007, 1008

RunId = Annotated[str, Field(min_length=1, max_length=200)]
Pace = Literal["ramp", "full", "slow"]
Weights = Literal["decoder", "encoder"]


class BadMessage(ValueError):
    """A message nobody sends by accident; ``code`` is what its socket is closed with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class Watch(_Said):
    """Show me this run (None: the picture before anything is pressed), in these weights."""

    t: Literal["watch"]
    run: RunId | None = None
    weights: Weights = "decoder"


class Ack(_Said):
    """The frame ``seq`` is drawn; the next may come."""

    t: Literal["ack"]
    seq: int


class Start(_Said):
    """Create a run and show it: playing, or paused before its first step."""

    t: Literal["start"]
    config: dict[str, Any] = {}
    play: bool = True
    then: Literal["step", "epoch"] | None = None
    """What to do once, where ``play`` is false."""
    speed: Pace = "ramp"
    dial_off: bool = False
    name: Annotated[str, Field(max_length=100)] | None = None


class Reset(Start):
    """Stop ``run`` and create its successor; whoever watches follows."""

    t: Literal["reset"]  # type: ignore[assignment]  # the parent's word is another
    run: RunId | None = None


class Control(_Said):
    """Play, pause, one step, one epoch, stop; play and resume wake a run that has no worker."""

    t: Literal["control"]
    run: RunId
    do: Literal["play", "pause", "step", "epoch", "stop", "resume"]


class Speed(_Said):
    """How many steps a picture."""

    t: Literal["speed"]
    run: RunId
    value: Pace


class Set(_Said):
    """A live knob's new value; all values of one drag share its number."""

    t: Literal["set"]
    run: RunId
    name: Annotated[str, Field(max_length=40)]
    value: float | None
    drag: int | None = None


class Ping(_Said):
    """Is anybody there?"""

    t: Literal["ping"]
    n: int | float | str | None = None


Message = Watch | Ack | Start | Reset | Control | Speed | Set | Ping

_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="t")])


def parse(text: str) -> Message:
    """The message in ``text``.

    Raises:
        BadMessage: it is no JSON, or nothing a page would say.
    """
    try:
        return _MESSAGES.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        code = NOT_JSON if first["type"] == "json_invalid" else NOT_KNOWN
        where = ".".join(str(part) for part in first["loc"])
        raise BadMessage(code, f"{where}: {first['msg']}".strip(": ")[:100]) from None
