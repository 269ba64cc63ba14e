"""The film as a GIF: ten seconds there and back, small enough for every chat."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sae_core.sweep.film import Film

__all__ = ["LARGEST", "SECONDS", "film_gif"]

SECONDS = 10.0
LARGEST = 3_000_000
"""Bytes."""

PAPER = np.array([255, 255, 255])
BLUE, ORANGE = np.array([0, 114, 178]), np.array([213, 94, 0])
INK, SOFT, PALE = (27, 39, 51), (110, 120, 130), (222, 222, 222)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Size:
    """How much of the film fits: filters a side, pictures, colours."""

    side: int
    pictures: int
    colours: int


SIZES = (_Size(12, 50, 48), _Size(12, 50, 32), _Size(10, 50, 32), _Size(10, 40, 24), _Size(8, 40, 16), _Size(6, 20, 12))
"""The finest comes first; the first whose file is small enough is taken."""


def film_gif(film: Film, largest: int = LARGEST) -> bytes:
    """The GIF, of the finest kind that has at most ``largest`` bytes.

    Raises:
        ValueError: even the coarsest has more.
    """
    for size in SIZES:
        data = _encode(film, size)
        if len(data) <= largest:
            return data
    raise ValueError(f"The film makes a GIF of {len(data):,} bytes, more than the {largest:,} allowed.")


def _encode(film: Film, size: _Size) -> bytes:
    count = len(film.about["values"])
    there = np.linspace(0, count - 1, size.pictures // 2)
    positions = np.concatenate([there, there[::-1]])
    pictures = [_picture(film, position, size.side) for position in there]
    palette = _palette(size.colours)
    quantised = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    frames = [*quantised, *reversed(quantised)]
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 * SECONDS / len(positions)),
        loop=0,
        optimize=False,
    )
    return file.getvalue()


def _palette(colours: int) -> Image.Image:
    """White to blue, white to orange and the greys of ink: the same for every picture, so that nothing flickers."""
    steps = np.linspace(0, 1, colours * 3 // 8)[:, None]
    ramps = [PAPER + (end - PAPER) * steps for end in (BLUE, ORANGE)]
    greys = np.repeat(np.linspace(20, 255, colours - 2 * len(steps))[:, None], 3, axis=1)
    table = np.vstack([*ramps, greys]).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(table.tobytes())
    return palette


def _picture(film: Film, position: float, side: int) -> Image.Image:
    low = min(int(position), len(film.about["values"]) - 1)
    high = min(low + 1, len(film.about["values"]) - 1)
    share = position - low
    height, width = film.about["shape"]
    filters = film.arrays["filters"]
    shown = min(side * side, filters.shape[1])
    weights = _blend(filters[low, :shown], filters[high, :shown], share) - 128
    faded = _blend(film.arrays["alive"][low, :shown], film.arrays["alive"][high, :shown], share) / 255
    mosaic = _mosaic(_coloured(weights / 127, 0.2 + 0.8 * faded[:, None]), side, height, width)
    digits = _digits(film, low, high, share)
    scale = mosaic.shape[1] / digits.shape[1]
    strip = Image.fromarray(digits).resize((mosaic.shape[1], round(digits.shape[0] * scale)), Image.Resampling.BILINEAR)
    words = 40
    picture = Image.new("RGB", (mosaic.shape[1], words + mosaic.shape[0] + strip.height + 4), (255, 255, 255))
    picture.paste(Image.fromarray(mosaic), (0, words))
    picture.paste(strip, (0, words + mosaic.shape[0] + 4))
    _write(picture, film, low, high, share)
    _dial(picture, position / max(1, len(film.about["values"]) - 1))
    return picture


def _dial(picture: Image.Image, share: float) -> None:
    """Where on the path this is: a track below the words, with its handle."""
    pen, left, right, y = ImageDraw.Draw(picture), 8, picture.width - 8, 34
    at = left + share * (right - left)
    pen.rectangle((left, y - 1, right, y), fill=PALE)
    pen.rectangle((left, y - 1, at, y), fill=tuple(BLUE))
    pen.ellipse((at - 4, y - 4, at + 4, y + 3), fill=tuple(BLUE))


def _blend(a: NDArray[np.uint8], b: NDArray[np.uint8], share: float) -> NDArray[np.float32]:
    return a.astype(np.float32) * np.float32(1 - share) + b.astype(np.float32) * np.float32(share)


def _coloured(weights: NDArray[Any], strength: NDArray[Any]) -> Pixels:
    """Signed weights (n, n_pixels) in [−1, 1] as colours (n, n_pixels, 3), white at 0."""
    deep = (np.abs(weights) ** 0.65 * strength)[..., None]
    ends = np.where(weights[..., None] < 0, BLUE, ORANGE)
    coloured: Pixels = np.clip(PAPER + (ends - PAPER) * np.clip(deep, 0, 1), 0, 255).astype(np.uint8)
    return coloured


def _mosaic(tiles: Pixels, side: int, height: int, width: int) -> Pixels:
    sheet = np.full((side * (height + 1) + 1, side * (width + 1) + 1, 3), 255, np.uint8)
    for at, tile in enumerate(tiles):
        top, left = at // side * (height + 1) + 1, at % side * (width + 1) + 1
        sheet[top : top + height, left : left + width] = tile.reshape(height, width, 3)
    return sheet


def _digits(film: Film, low: int, high: int, share: float) -> Pixels:
    """The digits, and below them what the model makes of them; dark ink on white."""
    height, width = film.about["shape"]
    x = film.arrays["x"].astype(np.float32)
    x_hat = _blend(film.arrays["x_hat"][low], film.arrays["x_hat"][high], share)
    rows = [np.hstack([row.reshape(height, width) for row in images]) for images in (x, x_hat)]
    return np.repeat((255 - np.vstack(rows)).astype(np.uint8)[..., None], 3, axis=2)


def _write(picture: Image.Image, film: Film, low: int, high: int, share: float) -> None:
    _, l0, fvu, *_ = (1 - share) * film.arrays["numbers"][low] + share * film.arrays["numbers"][high]
    pen = ImageDraw.Draw(picture)
    pen.text((4, 5), f"{l0:.0f} lit", fill=INK, font=ImageFont.load_default(20))
    words = f"{1 - fvu:.0%} explained"
    font = ImageFont.load_default(14)
    pen.text((picture.width - 4 - pen.textlength(words, font=font), 10), words, fill=SOFT, font=font)
