"""Draws pictures into frame.bin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sae_core.runs.frame_file import FrameWriter
from sae_core.runs.frames import encode_frame, max_payload
from sae_core.snapshot import Frame

__all__ = ["Screen"]


class Screen:
    """frame.bin, made when the first picture is drawn."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: FrameWriter | None = None
        self._shown: tuple[Any, ...] = ()

    def stale(self, moment: tuple[int, int], weights: str, state: str) -> bool:
        """Whether the last picture shows something else."""
        return self._shown != (moment, weights, state)

    def show(self, frame: Frame, extra: Mapping[str, Any], moment: tuple[int, int], weights: str) -> None:
        """Publish a picture.

        Raises:
            RunWriteError: there is no room for the file.
        """
        if self._writer is None:
            n_digits, n_pixels = frame.x.shape
            self._writer = FrameWriter(self._path, max_payload(frame.lit.shape[1], n_pixels, n_digits))
        self._writer.write(encode_frame(frame, self._writer.seq + 1, extra))
        self._shown = (moment, weights, extra["state"])

    def close(self) -> None:
        """Let go of the file; the last picture stays."""
        if self._writer is not None:
            self._writer.close()
