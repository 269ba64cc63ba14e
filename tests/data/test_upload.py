"""Uploads: an image, or one sentence; never a traceback, never something that runs."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sae_core import load_images
from sae_core.data.upload import UploadError, image_from_bytes

SHAPE = (28, 28)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The picture's bytes as a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)  # type: ignore[arg-type]  # Pillow's own options
    return file.getvalue()


def seen(data: bytes) -> np.ndarray:
    """What the model sees of it."""
    return image_from_bytes(data, "mnist", SHAPE)


def test_an_image_of_mnist_comes_out_as_it_went_in():
    """White on black as a PNG, black on white too: the same pixels."""
    for x in load_images("mnist").test[:30]:
        pixels = np.rint(255 * x).astype(np.uint8).reshape(SHAPE)
        for turned in (pixels, 255 - pixels):
            found = seen(saved(Image.fromarray(turned)))
            assert np.abs(found - x).max() < 0.01


def test_a_photograph_on_grey_paper_keeps_its_stroke_and_loses_its_paper():
    """Uneven paper around .7, a dark bar: only the bar is ink, 20 pixels high."""
    random = np.random.default_rng(0)
    photo = 0.7 + 0.04 * random.standard_normal((300, 200))
    photo[60:240, 90:120] = 0.15
    found = seen(saved(Image.fromarray(np.uint8(255 * photo.clip(0, 1))), "JPEG")).reshape(SHAPE)
    rows, columns = np.flatnonzero((found > 0.5).any(axis=1)), np.flatnonzero((found > 0.5).any(axis=0))
    assert 19 <= len(rows) <= 20
    assert 2 <= len(columns) <= 4


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no picture that can be read"),
        (b"not a picture", "no picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture that can be read"),
        (saved(Image.new("L", (30, 30), 255)), "one colour everywhere"),
        (saved(Image.new("RGBA", (9, 9), (0, 0, 0, 0))), "one colour everywhere"),
        (saved(Image.effect_noise((40, 40), 50))[:300], "damaged"),
        (saved(Image.new("1", (8000, 6000)), compress_level=9), "8,000×6,000 pixels; at most 40 million"),
    ],
)
def test_what_is_no_picture_of_something_is_refused_with_one_sentence(data: bytes, sentence: str):
    """Empty, text, PostScript (for which another program would be started), blank, torn, huge."""
    with pytest.raises(UploadError, match=sentence) as caught:
        seen(data)
    assert str(caught.value).count("\n") == 0


def test_a_pickle_is_not_opened(tmp_path: pytest.TempPathFactory):
    """What would run on unpickling does not run."""

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    with pytest.raises(UploadError):
        seen(pickle.dumps(Trap()))
    assert not (tmp_path / "ran").exists()


def test_a_colour_picture_keeps_its_colours_and_loses_its_margins():
    """Of 60 × 20 pixels in three stripes the middle one is 8 × 8; vectors are no pictures."""
    stripes = np.repeat(np.array([[[255, 0, 0], [0, 0, 255], [0, 255, 0]]], np.uint8), 20, axis=1).repeat(20, axis=0)
    image = image_from_bytes(saved(Image.fromarray(stripes)), "colours", (8, 8, 3))
    assert image.shape == (192,)
    assert image.reshape(8, 8, 3).tolist() == [[[0.0, 0.0, 1.0]] * 8] * 8
    with pytest.raises(UploadError, match="damaged|no picture"):
        image_from_bytes(b"junk", "colours", (8, 8, 3))
    with pytest.raises(UploadError, match="vectors of 40 numbers"):
        image_from_bytes(b"", "vectors", (40,))


def sized(data: st.DataObject) -> tuple[int, int]:
    return data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_an_image_or_one_sentence(data: bytes):
    """Random bytes, some behind the first bytes of a real format."""
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBPVP8 "):
        check(start + data)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_any_size_and_mode_give_an_image_or_one_sentence(data: st.DataObject):
    """Every mode that the formats can hold, random pixels, now and then a byte changed afterwards."""
    mode, kind = data.draw(
        st.sampled_from(
            [(mode, "PNG") for mode in ("1", "L", "LA", "RGB", "RGBA", "I;16")]
            + [("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "JPEG"), ("P", "GIF"), ("RGB", "BMP"), ("RGBA", "WEBP")]
        )
    )
    width, height = sized(data)
    depth = {"1": 1, "I;16": 2}.get(mode, len(Image.new(mode, (1, 1)).getbands()) if mode != "I;16" else 2)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size = -(-width // 8) * height if mode == "1" else width * height * depth
    picture = Image.frombytes(mode, (width, height), random.bytes(size))
    file = bytearray(saved(picture, kind))
    for _ in range(data.draw(st.integers(0, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    check(bytes(file))


def check(data: bytes) -> None:
    """An image in [0, 1] with something on it, or `UploadError`."""
    try:
        image, sentence = seen(data), ""
    except UploadError as refusal:
        image, sentence = np.full(784, 0.5), str(refusal)
    assert sentence == "" or sentence.endswith(".")
    assert "\n" not in sentence
    assert image.shape == (784,)
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert 0 < image.max() <= 1
