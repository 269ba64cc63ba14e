"""Files that outlive a torn line, a kill and a full disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sae_core.runs import files
from sae_core.runs.files import LineWriter, append_lines, from_json, is_locked, lock_of, read_lines, write_atomically


def test_readers_take_whole_lines_only_and_read_on_where_they_stopped(tmp_path: Path) -> None:
    """A line without its newline is not there yet."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")
    lines, following = read_lines(path)
    assert lines == [(0, b"one"), (4, b"two")]
    assert following == 8
    with path.open("ab") as file:
        file.write(b"ee\n")
    assert read_lines(path, following) == ([(8, b"three")], 14)


def test_reading_mends_nothing(tmp_path: Path) -> None:
    """Whoever reads a torn file leaves it as it is."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")
    read_lines(path)
    assert path.read_bytes() == b"one\ntw"


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    """A run that has not been controlled yet."""
    assert read_lines(tmp_path / "log", 7) == ([], 0)


def test_a_log_that_shrank_is_read_on_from_its_end(tmp_path: Path) -> None:
    """The offset of a reader may lie beyond what is left."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")
    assert read_lines(path, 100) == ([], 4)


@pytest.mark.parametrize(("torn", "mended"), [(b"one\ntw", b"one\n"), (b"tw", b""), (b"", b""), (b"one\n", b"one\n")])
def test_a_writer_cuts_off_a_torn_tail_before_it_appends(tmp_path: Path, torn: bytes, mended: bytes) -> None:
    """So two halves never become one line."""
    path = tmp_path / "log"
    path.write_bytes(torn)
    with path.open("r+b") as file:
        assert append_lines(file, b"new\n") == len(mended)
    assert path.read_bytes() == mended + b"new\n"


def test_a_torn_tail_longer_than_a_page_is_cut_off_too(tmp_path: Path) -> None:
    """The last newline is looked for as far back as it lies."""
    path = tmp_path / "log"
    path.write_bytes(b"one\n" + b"x" * 10_000)
    with path.open("r+b") as file:
        assert append_lines(file, b"new\n") == 4


def test_a_disk_that_fills_up_in_the_middle_of_a_line_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All records of an append, or none."""

    def half(file: object, data: bytes) -> None:
        file.write(data[: len(data) // 2])  # type: ignore[attr-defined]  # an open file
        raise OSError(errno.ENOSPC, "No space left on device")

    with LineWriter(tmp_path / "log") as log:
        log.append([{"a": 1}])
        monkeypatch.setattr(files, "write_all", half)
        with pytest.raises(OSError, match="No space"):
            log.append([{"b": 2}, {"c": 3}])
        monkeypatch.undo()
        assert (tmp_path / "log").read_bytes() == b'{"a":1}\n'
        log.append([{"d": 4}])
    assert (tmp_path / "log").read_bytes() == b'{"a":1}\n{"d":4}\n'


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old file, and nothing half written beside it."""
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr(files, "write_all", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_file_replaced_is_kept_where_that_is_asked(tmp_path: Path) -> None:
    """checkpoint.safetensors becomes .previous."""
    path, previous = tmp_path / "file", tmp_path / "file.previous"
    for content in (b"1", b"2", b"3"):
        write_atomically(path, content, sync=True, keep=previous)
    assert (path.read_bytes(), previous.read_bytes()) == (b"3", b"2")


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b'"text"', b"[" * 100_000])
def test_what_is_no_json_object_is_none(data: bytes) -> None:
    """Nothing that lies in a file can break a reader."""
    assert from_json(data) is None


def test_a_lock_is_seen_as_held_and_as_free(tmp_path: Path) -> None:
    """Probing leaves it as it was; a lock that was never made is free."""
    path = tmp_path / "lock"
    assert not is_locked(path)
    with lock_of(path):
        assert is_locked(path)
        assert is_locked(path)
    assert not is_locked(path)
