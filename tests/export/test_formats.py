"""What a run is taken along as: each file read back by somebody else's reader where there is one."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sae_core.cli import main
from sae_core.config import Config
from sae_core.export import FORMATS, ExportError, export
from sae_core.export.tensorboard import crc32c, record
from sae_core.model import SparseAutoencoder
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.notes import Note, read_notes, write_note
from tests.lens.house import trained_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    root = tmp_path_factory.mktemp("runs")
    one = trained_run(root, Config(dataset="digits", n_latents=20, steps=8, threads=1))
    rows = [
        {"step": s, "images": 256 * s, "fvu": 1 / s, "l0": 5.0, "seconds": 0.1 * s, "attempt": 1} for s in (1, 2, 4)
    ]
    (one.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return one


def test_the_weights_are_a_model(run: RunDirectory, tmp_path: Path) -> None:
    """As `SparseAutoencoder.load` reads them."""
    model = SparseAutoencoder.load(export(run, "safetensors", tmp_path / "w.safetensors", step=4))
    snapshot = run.snapshot_at(4)
    assert snapshot is not None
    np.testing.assert_array_equal(model.dictionary.detach().numpy(), snapshot.filters)


def test_the_montage_holds_every_filter(run: RunDirectory, tmp_path: Path) -> None:
    """Twenty tiles of 8 × 8 with seams of 2, twice as large."""
    with Image.open(export(run, "png", tmp_path / "m.png")) as picture:
        columns = round(20**0.5)
        assert picture.size == (2 * (columns * 10 + 2), 2 * (-(-20 // columns) * 10 + 2))


def test_the_film_lasts_ten_seconds_and_stays_small(run: RunDirectory, tmp_path: Path) -> None:
    """At most 3 MB, in frames of one length."""
    path = export(run, "gif", tmp_path / "film.gif")
    assert path.stat().st_size <= 3_000_000
    with Image.open(path) as film:
        shown = 0
        for i in range(film.n_frames):
            film.seek(i)
            shown += film.info["duration"]
    assert shown == pytest.approx(10_000, rel=0.1)


def test_curves_and_latents_are_tables(run: RunDirectory, tmp_path: Path) -> None:
    """A line a point, a line a latent; a label that a spreadsheet would compute is disarmed."""
    write_note(run.path, 3, Note('=HYPERLINK("x")', favourite=True))
    curves = list(csv.DictReader(io.StringIO(export(run, "csv", tmp_path / "c.csv").read_text())))
    assert [(row["step"], row["fvu"]) for row in curves] == [("1", "1.0"), ("2", "0.5"), ("4", "0.25")]
    latents = list(csv.DictReader(io.StringIO(export(run, "latents", tmp_path / "l.csv").read_text())))
    assert len(latents) == 20
    assert latents[3]["label"] == '\'=HYPERLINK("x")'
    write_note(run.path, 3, Note())


def test_tensorboards_records_check_out(run: RunDirectory, tmp_path: Path) -> None:
    """RFC 3720's check value; every length and checksum of the file; the tags are in it."""
    assert crc32c(b"123456789") == 0xE3069283
    data = export(run, "tensorboard", tmp_path / "events").read_bytes()
    records = []
    while data:
        (length,) = struct.unpack_from("<Q", data)
        body = data[12 : 12 + length]
        assert record(body) == data[: 16 + length]
        records.append(body)
        data = data[16 + length :]
    assert len(records) == 1 + 3
    assert b"brain.Event:2" in records[0]
    assert b"fvu\x15" + struct.pack("<f", 0.25) in records[3]


def test_the_report_stands_alone_and_shows_text_as_text(run: RunDirectory, tmp_path: Path) -> None:
    """No address of another machine, no script; markup in a label is escaped."""
    snapshot = run.snapshot()
    assert snapshot is not None
    strongest = int(np.argmax(snapshot.census.mean))
    write_note(run.path, strongest, Note("<script>alert(1)</script>"))
    page = export(run, "html", tmp_path / "report.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "://" not in page
    write_note(run.path, strongest, Note())


def test_what_is_not_there_is_said(run: RunDirectory, tmp_path: Path) -> None:
    """Which format, which step, which run."""
    with pytest.raises(ExportError, match="no format 'docx'; there are html"):
        export(run, "docx", tmp_path / "x")
    with pytest.raises(ExportError, match="no snapshot of step 3; it keeps 0, 1, 2, 4, 8"):
        export(run, "png", tmp_path / "x", step=3)
    empty = Runs(tmp_path).create(Config(), name="empty")
    with pytest.raises(ExportError, match="no snapshot yet"):
        export(empty, "html", tmp_path / "x")


def test_the_command_writes_every_format(run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says where, as JSON where asked to."""
    for name in FORMATS:
        target = tmp_path / "out" / name
        options = ["--format", name, "--out", str(target), "--runs", str(run.path.parent), "--json"]
        assert main(["export", run.id, *options]) == 0
        assert target.exists()
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert said == {"run": run.id, "format": name, "path": str(target)}


def test_notes_survive_whatever_is_written_there(run: RunDirectory) -> None:
    """Labels and favourites come back; an empty note leaves; a damaged file reads as none."""
    write_note(run.path, 2, Note("loop", favourite=True))
    write_note(run.path, 5, Note("<b>bold</b>"))
    assert read_notes(run.path) == {2: Note("loop", favourite=True), 5: Note("<b>bold</b>")}
    write_note(run.path, 2, Note())
    assert read_notes(run.path) == {5: Note("<b>bold</b>")}
    for damage in ("[", "{}", '{"latents": {"x": {}, "1": 3, "2": {"label": 4}}}'):
        (run.path / "notes.json").write_text(damage)
        assert all(note == Note() for note in read_notes(run.path).values())
    with pytest.raises(ValueError, match="at most 200"):
        Note("x" * 201)
