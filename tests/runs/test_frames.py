"""The live picture: its bytes, and the shared memory it passes through."""

from __future__ import annotations

import errno
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sae_core.runs import RunWriteError
from sae_core.runs.frame_file import FrameReader, FrameWriter
from sae_core.runs.frames import ARRAYS, MAGIC, decode_frame, encode_frame, max_payload
from sae_core.snapshot import Frame, Histogram, Row, Terms

ROW = Row(
    step=3, images=96, epoch=0.5, seconds=1.25, images_per_second=100.0,
    terms=Terms(0.2, 0.5, 0.1, 0.0), fvu=0.2, l0=7.5, dead_fraction=0.0, penalty_weight=0.1,
)  # fmt: skip


def frame(n_latents: int = 5, n_pixels: int = 6, n_digits: int = 2) -> Frame:
    """A picture of numbers that count up."""

    def count(*shape: int) -> np.ndarray:
        return np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)

    bins = Histogram(np.linspace(0, 1, 4, dtype=np.float32), np.array([1, 2, 3], dtype=np.float32))
    return Frame(
        row=ROW, image_shape=(2, 3), filters=count(n_latents, n_pixels), encoder=None,
        lit=count(n_digits, n_latents), x=count(n_digits, n_pixels), x_hat=count(n_digits, n_pixels),
        digit_names=("7", "centred static"), digit_fvu=(0.1, math.inf), digit_l0=(3, 4),
        density=np.linspace(0, 1, n_latents, dtype=np.float32), dead=np.zeros(n_latents, np.uint8),
        activations=bins, densities=bins,
    )  # fmt: skip


def test_a_payload_says_what_the_picture_says() -> None:
    """Header and arrays come back, and J = .2 + .1 x .5 with them."""
    header, arrays = decode_frame(encode_frame(frame(), 9, {"state": "training", "steps_per_picture": 4}))
    assert (header["seq"], header["step"], header["state"], header["steps_per_picture"]) == (9, 3, "training", 4)
    assert header["objective"] == pytest.approx(0.25)
    assert header["weights"] == "decoder"
    assert header["digit_names"] == ["7", "centred static"]
    assert tuple(arrays) == ARRAYS
    assert np.array_equal(arrays["filters"], frame().filters)
    assert np.array_equal(arrays["density"], frame().density)
    assert arrays["lit"].shape == (2, 5)


def test_the_layout_is_what_the_browser_reads() -> None:
    """PSF1, the header's length, the header, then every array at a multiple of 8 bytes of the message."""
    payload = encode_frame(frame(), 1, {})
    assert payload[:4] == MAGIC
    length = int.from_bytes(payload[4:8], "little")
    header = json.loads(payload[8 : 8 + length])
    start = 8 + length + -length % 8
    assert start % 8 == 0
    assert all(array["offset"] % 8 == 0 for array in header["arrays"])
    dead = header["arrays"][ARRAYS.index("dead")]
    assert payload[start + dead["offset"] : start + dead["offset"] + 5] == bytes(5)


def test_what_is_not_finite_is_null() -> None:
    """JavaScript's JSON knows neither NaN nor Infinity."""
    broken = replace(frame(), row=replace(ROW, fvu=math.nan, terms=Terms(math.inf, 0.0, 0.0, 0.0)))
    header, _ = decode_frame(encode_frame(broken, 1, {"rho": math.nan}))
    assert [header[name] for name in ("fvu", "reconstruction", "objective", "rho")] == [None] * 4
    assert header["digit_fvu"] == [0.1, None]


def test_encoder_weights_are_called_that() -> None:
    """Either matrix may be what the filters show."""
    other = replace(frame(), encoder=frame().filters, filters=None)
    assert decode_frame(encode_frame(other, 1, {}))[0]["weights"] == "encoder"


@pytest.mark.parametrize("damage", [b"", b"PSF1", b"PSF2" + bytes(20), b"PSF1\x05\x00\x00\x00{'a'}"])
def test_bytes_that_are_no_picture_are_refused(damage: bytes) -> None:
    """In a sentence."""
    with pytest.raises(ValueError, match="picture"):
        decode_frame(damage)


def test_a_torn_payload_is_refused() -> None:
    """Arrays that reach beyond the end are not made up."""
    with pytest.raises(ValueError, match="damaged picture"):
        decode_frame(encode_frame(frame(), 1, {})[:-40])


def test_no_payload_is_larger_than_what_was_allowed_for() -> None:
    """The file's size is worked out before the first picture."""
    for shape in ((1, 1, 0), (5, 6, 2), (200, 70, 10)):
        assert len(encode_frame(frame(*shape), 1, {})) <= max_payload(*shape)


def test_the_newest_picture_is_read_and_numbers_go_on(tmp_path: Path) -> None:
    """Also when another worker takes the file over."""
    path = tmp_path / "frame.bin"
    reader = FrameReader(path)
    assert (reader.sequence(), reader.read()) == (0, None)
    for content in (b"one", b"three"):
        writer = FrameWriter(path, 100)
        writer.write(content)
        writer.write(content * 2)
        writer.close()
    assert reader.sequence() == 4
    assert reader.read() == b"threethree"
    reader.close()


def test_the_file_keeps_its_size(tmp_path: Path) -> None:
    """It is made once, for the largest payload, every block of it allotted."""
    path = tmp_path / "frame.bin"
    writer = FrameWriter(path, 1000)
    size = path.stat().st_size
    assert size >= 2 * 1000
    writer.write(bytes(1000))
    assert path.stat().st_size == size
    with pytest.raises(RunWriteError, match="does not fit"):
        writer.write(bytes(2000))
    writer.close()


def test_a_disk_without_room_for_the_file_is_said_and_not_filled_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What had been written of it is given back."""

    def half(file: object, data: bytes) -> None:
        file.write(data[: len(data) // 2])  # type: ignore[attr-defined]  # an open file
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sae_core.runs.frame_file.write_all", half)
    with pytest.raises(RunWriteError, match=r"The disk is full: frame.bin could not be written"):
        FrameWriter(tmp_path / "frame.bin", 100_000)
    assert (tmp_path / "frame.bin").stat().st_size == 0


@pytest.mark.parametrize("length", [0, 10, 64, 500])
def test_a_truncated_file_has_no_picture_and_the_next_writer_makes_it_anew(tmp_path: Path, length: int) -> None:
    """A reader that had it mapped does not touch what is gone: that would kill its process."""
    path = tmp_path / "frame.bin"
    writer = FrameWriter(path, 1000)
    writer.write(b"x" * 1000)
    reader = FrameReader(path)
    assert reader.read() == b"x" * 1000
    with path.open("r+b") as file:
        file.truncate(length)
    assert (reader.sequence(), reader.read()) == (0, None)
    with pytest.raises(RunWriteError, match="cut short"):
        writer.write(b"y")
    writer.close()
    again = FrameWriter(path, 1000)
    again.write(b"z")
    assert reader.read() == b"z"
    again.close()
    reader.close()


def test_a_file_of_garbage_has_no_picture(tmp_path: Path) -> None:
    """Whatever lies there."""
    path = tmp_path / "frame.bin"
    path.write_bytes(b"garbage" * 100)
    reader = FrameReader(path)
    assert reader.read() is None
    reader.close()


def test_a_torn_slot_is_told_by_its_checksum(tmp_path: Path) -> None:
    """One byte of the newest payload is another: no picture rather than a wrong one."""
    path = tmp_path / "frame.bin"
    writer = FrameWriter(path, 100)
    writer.write(b"a" * 50)
    reader = FrameReader(path)
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"a" * 50) + 20)
        file.write(b"b")
    assert reader.read() is None
    writer.write(b"c" * 50)
    assert reader.read() == b"c" * 50
    writer.close()
    reader.close()


HAMMER = """
import sys, time
from pathlib import Path
from sae_core.runs.frame_file import FrameWriter
writer = FrameWriter(Path(sys.argv[1]), 400_000)
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    writer.write(writer.seq.to_bytes(8, "little") * 50_000)
"""


def test_a_reader_never_sees_a_mix_while_a_writer_hammers(tmp_path: Path) -> None:
    """Every payload is one number, fifty thousand times over; every one read is, and numbers never go back."""
    path = tmp_path / "frame.bin"
    writer = subprocess.Popen([sys.executable, "-c", HAMMER, str(path), "2.0"])
    reader = FrameReader(path)
    seen: list[int] = []
    while writer.poll() is None:
        payload = reader.read()
        if payload is not None:
            numbers = np.frombuffer(payload, np.uint64)
            assert len(numbers) == 50_000
            assert (numbers == numbers[0]).all()
            seen.append(int(numbers[0]))
        time.sleep(0.0005)
    assert writer.returncode == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 20
    reader.close()
