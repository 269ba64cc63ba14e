"""Draws pictures into frame.bin, beside training."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sae_core.runs.frame_file import FrameWriter
from sae_core.runs.frames import encode_frame, max_payload

if TYPE_CHECKING:
    from sae_core.train import Sketch

__all__ = ["Screen"]


class Screen:
    """frame.bin, made when the first picture is drawn. One picture is under way at a time, on a thread of its own:
    torch and numpy let go of the interpreter for all that is long, so a step does not wait for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: FrameWriter | None = None
        self._shown: tuple[Any, ...] = ()
        self._thread = ThreadPoolExecutor(1, "screen")
        self._under_way: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a picture is being drawn: until it is done, the sketch it is drawn from must stay.

        Raises:
            RunWriteError: the last one could not be published.
        """
        if self._under_way is None or not self._under_way.done():
            return self._under_way is not None
        done, self._under_way = self._under_way, None
        done.result()
        return False

    def stale(self, moment: tuple[int, int], weights: str, state: str) -> bool:
        """Whether the last picture shows something else."""
        return self._shown != (moment, weights, state)

    def show(
        self,
        sketch: Sketch,
        extra: Mapping[str, Any],
        moment: tuple[int, int],
        weights: Literal["decoder", "encoder"],
    ) -> None:
        """Have a picture drawn and published; nothing may be `busy`."""
        self._under_way = self._thread.submit(self._draw, sketch, extra, weights)
        self._shown = (moment, weights, extra["state"])

    def _draw(self, sketch: Sketch, extra: Mapping[str, Any], weights: Literal["decoder", "encoder"]) -> None:
        frame = sketch.frame(weights)
        if self._writer is None:
            n_digits, n_pixels = frame.x.shape
            self._writer = FrameWriter(self._path, max_payload(frame.lit.shape[1], n_pixels, n_digits))
        self._writer.write(encode_frame(frame, self._writer.seq + 1, extra))

    def close(self) -> None:
        """Let go of the file once the picture under way is there; the last one stays."""
        self._thread.shutdown(wait=True)
        if self._writer is not None:
            self._writer.close()
