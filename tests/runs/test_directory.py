"""Making, finding, reading and deleting runs, whatever state their files are in."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sae_core.config import Config
from sae_core.runs import RunDirectory, RunError, Runs, RunWriteError, runs_folder
from sae_core.runs.files import lock_of
from sae_core.runs.rows import drop_superseded

Make = Callable[..., RunDirectory]


def test_the_runs_folder_is_what_is_asked_for_then_the_environments_then_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An argument beats $PENSTROKE_RUNS, which beats the user's data folder."""
    monkeypatch.setenv("PENSTROKE_RUNS", str(tmp_path / "environment"))
    assert runs_folder(tmp_path / "argument") == tmp_path / "argument"
    assert runs_folder() == tmp_path / "environment"
    monkeypatch.delenv("PENSTROKE_RUNS")
    assert runs_folder().parts[-2:] == ("penstroke", "runs")


def test_a_run_is_found_again_as_it_was_made(runs: Runs) -> None:
    """Its config frozen, threads filled in, its origin and lineage kept."""
    made = runs.create(Config(n_latents=64), parent="mother", parent_step=7, origin="cli")
    found = runs.open(made.id)
    assert found.config == Config(n_latents=64, threads=os.cpu_count())
    assert (found.meta.parent, found.meta.parent_step, found.meta.origin) == ("mother", 7, "cli")
    assert not found.meta.named
    assert {"torch", "numpy", "python"} <= set(found.meta.versions)
    assert (found.status().state, found.status().step) == ("paused", 0)
    assert found.snapshot() is None
    assert found.history() == []
    assert found.frames().read() is None


def test_a_run_of_the_page_leaves_a_core_to_the_page(runs: Runs) -> None:
    """But takes at least one."""
    assert runs.create(Config(), origin="page").config.threads == max(1, (os.cpu_count() or 1) - 1)


def test_a_name_becomes_the_id_where_it_is_free(runs: Runs) -> None:
    """Else it gets a number; what an id cannot hold becomes dashes."""
    ids = [runs.create(Config(), name=name).id for name in ("strokes", "strokes", "My first run!", "../up")]
    assert ids == ["strokes", "strokes-2", "My-first-run", "up"]
    assert all(run.meta.named for run in runs.list())


@pytest.mark.parametrize("name", ["", "..", "///", "…", "con"])
def test_a_name_that_leaves_nothing_is_refused(runs: Runs, name: str) -> None:
    """In a sentence, and no folder is made."""
    with pytest.raises(RunError, match="leaves nothing for a run's id"):
        runs.create(Config(), name=name)
    assert runs.list() == []


@pytest.mark.parametrize("run_id", ["../..", "..", "", "a/b", "a\\b", ".slots", "nul", "x" * 65, "a\0b", "/etc"])
def test_an_id_that_is_none_is_refused(runs: Runs, run_id: str) -> None:
    """Nothing outside the runs folder is looked at, nor deleted."""
    for use in (runs.open, runs.delete):
        with pytest.raises(RunError, match="cannot be a run's id"):
            use(run_id)


def test_an_unknown_run_is_said_to_be_unknown(runs: Runs) -> None:
    """For opening as for deleting."""
    for use in (runs.open, runs.delete):
        with pytest.raises(RunError, match="There is no run 'nobody'"):
            use("nobody")


def test_a_run_of_a_newer_penstroke_is_left_alone(make: Make, runs: Runs) -> None:
    """Its schema is larger than what this one reads."""
    run = make()
    file = run.path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 2}))
    with pytest.raises(RunError, match=r"A newer Penstroke made the run .* \(schema 2, this one reads 1\)"):
        runs.open(run.id)
    assert list(runs.broken()) == [run.id]
    assert runs.list() == []


@pytest.mark.parametrize(
    "content", [b"", b'{"schema": 1, "con', b"[]", b'{"schema":1}', b'{"schema":1,"config":{"k":0}}']
)
def test_a_run_with_a_damaged_config_is_said_to_be_damaged(make: Make, runs: Runs, content: bytes) -> None:
    """The others are still listed."""
    broken, whole = make(), make()
    (broken.path / "config.json").write_bytes(content)
    with pytest.raises(RunError, match=r"config.json is damaged"):
        runs.open(broken.id)
    assert [run.id for run in runs.list()] == [whole.id]


@pytest.mark.parametrize("content", [b"", b'{"state": "trai', b'{"state":"asleep","step":1}', b"[]", None])
def test_a_damaged_status_is_said_to_be_damaged(make: Make, content: bytes | None) -> None:
    """Without a worker the run counts as lost, from which Resume leads on; with one, as starting."""
    run = make()
    file = run.path / "status.json"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert (run.status().state, run.status().reason[:11]) == ("lost", "status.json")
    with lock_of(run.path / "lock"):
        assert run.status().state == "starting"


def test_a_state_that_needs_a_worker_is_lost_without_one(make: Make) -> None:
    """Whether the lock is held decides, not a clock."""
    run = make()
    file = run.path / "status.json"
    for state in ("queued", "starting", "training"):
        file.write_text(json.dumps({"state": state, "step": 12}))
        assert run.status().state == "lost"
        assert "step 12" in run.status().reason
        with lock_of(run.path / "lock"):
            assert run.status().state == state
    for state in ("paused", "finished", "stopped", "failed"):
        file.write_text(json.dumps({"state": state, "step": 12}))
        assert run.status().state == state


def test_torn_logs_are_read_as_far_as_they_are_whole(make: Make) -> None:
    """Half lines, lines of garbage, and bytes that are no text."""
    run = make()
    (run.path / "applied.jsonl").write_bytes(b'{"step":1,"kind":"set","offset":5}\ngarbage\n\xff\n{"step":2,"ki')
    (run.path / "metrics.jsonl").write_bytes(b'{"step":1,"attempt":1}\n[1]\n{"step":"x"}\n{"step":2,"atte')
    assert [record.step for record in run.applied()[0]] == [1]
    assert [row["step"] for row in run.rows()[0]] == [1]


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}", b"\xff" * 100, b"\x10\0\0\0\0\0\0\0" + b"{" * 16])
def test_a_damaged_snapshot_is_said_to_be_damaged(make: Make, content: bytes) -> None:
    """Which file of which run."""
    run = make()
    (run.path / "snapshot.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=rf"snapshot.safetensors of {run.id} cannot be read: It is damaged"):
        run.snapshot()


def test_a_runs_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """Here because a file is in its place."""
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(RunWriteError, match=r"The runs folder .* (is not a folder|cannot be written)"):
            Runs(root).create(Config())


def test_a_run_is_deleted_unless_someone_works_on_it(make: Make, runs: Runs) -> None:
    """Nothing of it stays."""
    run = make(name="doomed")
    with lock_of(run.path / "lock"), pytest.raises(RunError, match="doomed has a worker; stop it"):
        runs.delete("doomed")
    runs.delete("doomed")
    assert not run.path.exists()
    assert runs.list() == []


def test_pruning_keeps_the_named_the_watched_the_living_and_the_newest(make: Make, runs: Runs) -> None:
    """Of seven runs of the page two go: unnamed, unwatched, without a worker, and not among the newest."""
    old = [make(origin="page") for _ in range(5)]
    for age, run in enumerate(old):
        file = run.path / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "created": f"2020-01-0{9 - age}"}))
    named, scripted = make(origin="page", name="kept"), make(origin="cli")
    old[1].renew_watch()
    with lock_of(old[2].path / "lock"):
        assert set(runs.prune(keep=1)) == {old[3].id, old[4].id}
    assert {run.id for run in runs.list()} == {named.id, scripted.id, *(run.id for run in old[:3])}


def test_a_later_attempt_supersedes_rows_from_its_first_step_on() -> None:
    """Killed at step 4, taken up again from step 2, once more from step 3."""

    def rows(attempt: int, *steps: int) -> list[dict[str, int]]:
        return [{"step": step, "attempt": attempt} for step in steps]

    kept = drop_superseded(rows(1, 0, 1, 2, 3, 4) + rows(2, 2, 3) + rows(3, 3, 4, 5))
    assert [(row["step"], row["attempt"]) for row in kept] == [(0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (5, 3)]


def test_a_watch_says_what_is_wanted_and_when(make: Make) -> None:
    """Renewing it changes its time; asking for other weights its content."""
    run = make()
    run.renew_watch()
    os.utime(run.path / "watch", (1, 1))
    run.renew_watch()
    assert (run.path / "watch").stat().st_mtime > 1
    run.renew_watch("encoder")
    assert (run.path / "watch").read_text() == "encoder"


def test_a_look_needs_no_disk_to_write_to(make: Make) -> None:
    """Unlike a watch, nothing waits for it."""
    run = make()
    run.renew_look()
    assert (run.path / "looked").exists()
    shutil.rmtree(run.path)
    run.renew_look()
