"""Messages between the server and the helper: a line of JSON, then as many bytes of safetensors as it says."""

from __future__ import annotations

from typing import Any, BinaryIO

from sae_core import tensorfile
from sae_core.runs.files import from_json, to_json
from sae_core.tensorfile import Arrays

__all__ = ["receive", "send"]


def send(stream: BinaryIO, about: dict[str, Any], arrays: Arrays) -> None:
    """One message; the caller holds the stream's lock.

    Raises:
        OSError, ValueError: nobody listens any more, or ``about`` holds a number that is not finite.
    """
    data = tensorfile.pack(arrays, {}) if arrays else b""
    stream.write(to_json({**about, "bytes": len(data)}) + b"\n")
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], Arrays] | None:
    """The next message; None at the end, or where what comes is no message of ours."""
    about = from_json(stream.readline())
    length = about.pop("bytes", None) if about is not None else None
    if about is None or not isinstance(length, int):
        return None
    data = stream.read(length) if length else b""
    if len(data) < length:
        return None
    return about, tensorfile.unpack(data)[0] if data else {}
