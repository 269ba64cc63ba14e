"""The Compare page's table: read from files alone, a thousand runs at a time."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from dashboard.compare.summaries import family, lineage, read_summaries, unusual
from sae_core import Config
from sae_core.runs import RunError, Runs
from sae_core.runs.rows import COLUMNS


def with_rows(root: Path, name: str, **about: object) -> Path:
    """A run with forty rows, whose FVU falls from 1 to .025."""
    run = Runs(root).create(Config(threads=1), name=name, **about)
    rows = [{**dict.fromkeys(COLUMNS, 1.0), "step": n, "fvu": (40 - n) / 40, "attempt": 1} for n in range(40)]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run.path


def test_a_summary_is_the_run_in_a_line(tmp_path: Path):
    with_rows(tmp_path, "one")
    with_rows(tmp_path, "two", parent="one", parent_step=1500)
    two, one = sorted(read_summaries(tmp_path), key=lambda summary: summary.id, reverse=True)
    assert (one.id, one.fvu, one.l0, one.state, one.dial) == ("one", 0.025, 1.0, "paused", "penalty_weight")
    assert one.knobs["n_latents"] == 256
    assert one.curve[0] == 1.0
    assert one.curve[-1] == 0.025
    assert list(one.curve) == sorted(one.curve, reverse=True)
    assert two.parent == "one @ 1,500"


def test_a_deleted_parent_is_called_that_and_half_written_runs_are_left_out(tmp_path: Path):
    with_rows(tmp_path, "child", parent="gone", parent_step=7)
    (tmp_path / "half").mkdir()
    torn = with_rows(tmp_path, "torn")
    (torn / "config.json").write_bytes(b'{"schema": 1, "con')
    only = read_summaries(tmp_path)
    assert [(summary.id, summary.parent) for summary in only] == [("child", "gone @ 7 (deleted)")]


def test_lineage_goes_back_to_the_first_and_family_is_who_stands_beside_it(tmp_path: Path):
    """Of a fork of a fork whose grandparent has been deleted."""
    with_rows(tmp_path, "a", parent="gone", parent_step=7)
    with_rows(tmp_path, "b", parent="a", parent_step=1500)
    with_rows(tmp_path, "c", parent="b", parent_step=20)
    with_rows(tmp_path, "other")
    by_id = {summary.id: summary for summary in read_summaries(tmp_path)}
    assert lineage(by_id["c"], by_id) == ["b @ 20", "a @ 1,500", "gone @ 7 (deleted)"]
    assert lineage(by_id["other"], by_id) == []
    assert family("b", by_id) == ["a", "b", "c"]
    assert family("a", by_id) == ["a", "b"]


def test_runs_that_name_each_other_as_parents_end_somewhere(tmp_path: Path):
    with_rows(tmp_path, "a", parent="b", parent_step=1)
    with_rows(tmp_path, "b", parent="a", parent_step=1)
    by_id = {summary.id: summary for summary in read_summaries(tmp_path)}
    assert len(lineage(by_id["a"], by_id)) < 50


def test_a_knob_that_is_not_as_in_most_runs_is_told(tmp_path: Path):
    for name, seed in (("a", 0), ("b", 0), ("c", 7)):
        Runs(tmp_path).create(Config(threads=1, seed=seed), name=name)
    found = read_summaries(tmp_path)
    assert {s.id: odd for s, odd in zip(found, unusual(found), strict=True)} == {"a": {}, "b": {}, "c": {"seed": 7}}
    assert unusual([]) == []


def test_what_a_run_came_to_on_test_images_is_read_where_it_is_written_down(tmp_path: Path):
    with_rows(tmp_path, "a")
    (with_rows(tmp_path, "b") / "results.json").write_text('{"l0": 12.5, "fvu": 0.25}')
    (with_rows(tmp_path, "c") / "results.json").write_text('{"l0": null, "fvu": 0.25}')
    assert {s.id: s.measured for s in read_summaries(tmp_path)} == {"a": None, "b": (12.5, 0.25), "c": None}


def test_what_has_changed_is_read_again(tmp_path: Path):
    path = with_rows(tmp_path, "one")
    assert read_summaries(tmp_path)[0].fvu == 0.025
    with (path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({**dict.fromkeys(COLUMNS, 1.0), "fvu": 0.5, "step": 41, "attempt": 1}) + "\n")
    os.utime(path / "metrics.jsonl", (time.time() + 5, time.time() + 5))
    assert read_summaries(tmp_path)[0].fvu == 0.5


def test_a_missing_folder_has_no_runs_and_an_unreadable_one_is_a_sentence(tmp_path: Path):
    assert read_summaries(tmp_path / "none") == []
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be read"):
        read_summaries(tmp_path / "file")


@pytest.mark.skipif(sys.platform == "win32", reason="copying takes its time there")
def test_a_thousand_runs_are_read_in_a_second(tmp_path: Path):
    """Of processor time, so that others' work does not count; a second look takes a tenth of it."""
    path = with_rows(tmp_path, "run-0")
    for number in range(1, 1000):
        shutil.copytree(path, tmp_path / f"run-{number}")
    began = time.process_time()
    assert len(read_summaries(tmp_path)) == 1000
    first = time.process_time() - began
    assert read_summaries(tmp_path)[0].fvu == 0.025
    again = time.process_time() - began - first
    assert first < 1.5
    assert again < 0.5 * first
