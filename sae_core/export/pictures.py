"""Filters as pictures: a montage as PNG, the run as a film."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError

__all__ = ["film_gif", "grey_png", "montage", "montage_png", "png"]

NEGATIVE, POSITIVE = (0, 114, 178), (213, 94, 0)
"""Okabe and Ito's blue and vermilion: told apart by every kind of colour vision."""

SECONDS, LARGEST = 10.0, 3_000_000
"""A film's length, and its size in bytes."""

Bytes = NDArray[np.uint8]


def montage(filters: NDArray[np.float32], image_shape: tuple[int, ...], columns: int | None = None) -> Bytes:
    """Rows of ``filters`` as tiles on white, each scaled by its own largest magnitude: (height, width, 3).

    White is 0, vermilion positive, blue negative; three-channel filters show their colours around middle grey.
    """
    tiles = _tiles(filters, image_shape)
    n, h, w, _ = tiles.shape
    columns = columns or max(1, round(math.sqrt(n * h / w)))
    rows = -(-n // columns)
    sheet = np.full((rows * (h + 2) + 2, columns * (w + 2) + 2, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = 2 + (i // columns) * (h + 2), 2 + (i % columns) * (w + 2)
        sheet[top : top + h, left : left + w] = tile
    return sheet


def _tiles(filters: NDArray[np.float32], image_shape: tuple[int, ...]) -> Bytes:
    largest = np.abs(filters).max(axis=1, keepdims=True)
    share = np.divide(filters, largest, out=np.zeros_like(filters), where=largest > 0)
    h, w = (image_shape[0], image_shape[1]) if len(image_shape) >= 2 else (1, filters.shape[1])
    if filters.shape[1] == 3 * h * w:
        return _bytes(127.5 + 127.5 * share).reshape(-1, h, w, 3)
    strength = (np.abs(share) ** 0.65)[..., None]
    ends = np.where(share[..., None] < 0, np.array(NEGATIVE, np.float32), np.array(POSITIVE, np.float32))
    return _bytes(255.0 + (ends - 255.0) * strength).reshape(-1, h, w, 3)


def _bytes(levels: NDArray[np.floating[Any]]) -> Bytes:
    pixels: Bytes = np.rint(levels).astype(np.uint8)
    return pixels


def png(picture: Bytes, scale: int = 1) -> bytes:
    """A picture (height, width, 3) or (height, width) as PNG, each pixel ``scale`` wide."""
    out = io.BytesIO()
    Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1)).save(out, "PNG", optimize=True)
    return out.getvalue()


def grey_png(x: NDArray[np.float32], image_shape: tuple[int, ...], scale: int = 1) -> bytes:
    """One image in [0, 1], dark ink on white; colour images as they are."""
    h, w = (image_shape[0], image_shape[1]) if len(image_shape) >= 2 else (1, len(x))
    pixels = np.rint(255.0 * np.clip(x, 0.0, 1.0)).astype(np.uint8)
    return png(pixels.reshape(h, w, 3) if len(x) == 3 * h * w else 255 - pixels.reshape(h, w), scale)


def montage_png(filters: NDArray[np.float32], image_shape: tuple[int, ...]) -> bytes:
    """The montage as PNG, at twice its size where that stays below 2,000 pixels."""
    sheet = montage(filters, image_shape)
    return png(sheet, 2 if max(sheet.shape) <= 1000 else 1)


def film_gif(run: RunDirectory, *, seconds: float = SECONDS, largest: int = LARGEST) -> bytes:
    """The filters through the kept snapshots, blended from one to the next, as a GIF of at most ``largest`` bytes.

    Of many latents those are shown that fire most, summed over images, in their own order.

    Raises:
        RunError: the run keeps fewer than two snapshots.
    """
    steps = run.history()
    if len(steps) < 2:
        raise RunError(f"The run {run.id} keeps {len(steps)} snapshots so far; a film needs two.")
    last = run.snapshot_at(steps[-1])
    assert last is not None
    for shown, frames, colours in ((144, 60, 32), (100, 40, 32), (64, 30, 16), (36, 20, 8)):
        chosen = np.sort(np.argsort(-last.census.mean, kind="stable")[:shown])
        keys = [snapshot.filters[chosen] for step in steps if (snapshot := run.snapshot_at(step)) is not None]
        data = _gif(_blended(keys, frames), last.image_shape, seconds / frames, colours)
        if len(data) <= largest:
            return data
    raise RunError(f"A film of {run.id} does not fit into {largest:,} bytes.")


def _blended(keys: list[NDArray[np.float32]], frames: int) -> Iterable[NDArray[np.float32]]:
    for at in np.linspace(0, len(keys) - 1, frames):
        i = min(int(at), len(keys) - 2)
        yield keys[i] * (1 - (at - i)) + keys[i + 1] * (at - i)


def _gif(pictures: Iterable[NDArray[np.float32]], image_shape: tuple[int, ...], seconds: float, colours: int) -> bytes:
    sheets = [Image.fromarray(montage(filters.astype(np.float32), image_shape)) for filters in pictures]
    palette = sheets[-1].quantize(colours)
    frames = [sheet.quantize(palette=palette, dither=Image.Dither.NONE) for sheet in sheets]
    out = io.BytesIO()
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=round(1000 * seconds), loop=0, optimize=False
    )
    return out.getvalue()
