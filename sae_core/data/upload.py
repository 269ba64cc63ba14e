"""Bytes from a stranger: an image of the right size, or one sentence. Nothing in them is run or unpickled."""

from __future__ import annotations

import io
import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sae_core.data.centre import Floats, centred, framing_of

__all__ = ["UploadError", "image_from_bytes"]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
"""What is read. Not EPS, for which Pillow starts another program, nor what can hold anything at all, as TIFF can."""

MOST_PIXELS = 40_000_000
"""A photograph of 40 megapixels; beyond it a few bytes could ask for gigabytes."""

WORKING_SIDE = 160
"""Pixels of the longer side that are worked on, five or more for each of the model's: the rest is averaged away."""

FAINT = 0.2
"""On a background that is not one even grey, ink below this share of the darkest is taken for paper."""

SPECK = 5.0
"""So is what lies within this many standard deviations of the paper's grain."""

EVEN = 0.7
"""Share of the border that has exactly one grey where the paper is even: ink may touch the border."""


class UploadError(ValueError):
    """Why some bytes cannot be shown to the model: one sentence."""


def image_from_bytes(data: bytes, dataset: str, image_shape: tuple[int, ...]) -> Floats:
    """The flattened image (n_pixels,) in [0, 1] that the model sees of an uploaded picture.

    Grey, ink bright on black whichever way round it came, then framed as the data set's images are (`centred`).
    For MNIST an image of MNIST itself comes out as it went in. A colour picture keeps its colours: its middle is
    scaled to (height, width, 3).

    Raises:
        UploadError: the bytes are no picture of a kind that is read, too large, or show nothing.
    """
    if len(image_shape) == 3 and image_shape[2] == 3:
        return _coloured(data, image_shape[0], image_shape[1])
    if len(image_shape) != 2:
        raise UploadError(f"The model sees vectors of {image_shape[0]:,} numbers: no picture can be one of them.")
    ink = _ink(_read(data, "L"))
    if ink.max(initial=0.0) <= 0.0:
        raise UploadError("The picture has one colour everywhere: there is no ink in it.")
    return centred(ink, image_shape, framing_of(dataset, image_shape))


def _coloured(data: bytes, height: int, width: int) -> Floats:
    from PIL import Image, ImageOps

    levels = np.rint(255.0 * _read(data, "RGB")).astype(np.uint8)
    fitted = ImageOps.fit(Image.fromarray(levels), (width, height), Image.Resampling.BOX)
    return (np.asarray(fitted, np.float32) / 255.0).ravel()


def _read(data: bytes, mode: Literal["L", "RGB"]) -> NDArray[np.float64]:
    """(height, width) brightness or (height, width, 3) colours in [0, 1], transparent places white."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what it then reads anyway
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > MOST_PIXELS:
                    raise UploadError(f"The picture has {width:,}×{height:,} pixels; at most 40 million are read.")
                picture.draft(mode, (WORKING_SIDE, WORKING_SIDE))
                upright = ImageOps.exif_transpose(picture)
                upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.BOX)
                paper = Image.new("RGBA", upright.size, "white")
                flat = Image.alpha_composite(paper, upright.convert("RGBA")).convert(mode)
    except UploadError:
        raise
    except UnidentifiedImageError:
        raise UploadError("This is no picture that can be read: give a PNG, JPEG, GIF, BMP or WebP file.") from None
    except Exception as problem:  # noqa: BLE001 - decoders raise whatever they like on damaged files
        raise UploadError(f"The picture is damaged ({type(problem).__name__}): save it again as PNG.") from None
    return np.asarray(flat, np.float64) / 255.0


def _ink(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the pen was, 0 on paper. Paper is what the border mostly shows; clean pictures keep every grey."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    sign = 1.0 if np.abs(np.clip(grey - paper, 0, None)).sum() > np.abs(np.clip(paper - grey, 0, None)).sum() else -1.0
    ink = np.clip(sign * (grey - paper), 0.0, None)
    strongest = float(ink.max(initial=0.0))
    if strongest <= 0.0:
        return np.zeros_like(ink)
    if (np.abs(border - paper) < 1e-9).mean() > EVEN:
        return ink / max(strongest, 1.0 - paper if sign > 0 else paper)
    grain = 1.4826 * float(np.median(np.abs(border - paper)))  # a standard deviation, whatever ink the border has
    ink[ink < max(FAINT * strongest, SPECK * grain)] = 0.0
    return ink / strongest
