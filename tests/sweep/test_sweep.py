"""Sweeps with real worker processes, killed and taken up again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from sae_core import Config, load_images
from sae_core.cli import main
from sae_core.runs import Runs
from sae_core.runs.files import RunError
from sae_core.runs.worker import work
from sae_core.sweep import SweepFolder, sweep, sweeps
from sae_core.sweep.folder import RESULTS
from tests.conftest import ROOT

SMALL = {"dataset": "digits", "n_latents": 16, "batch_size": 64, "steps": 30}
OPTIONS = [f"--{name.replace('n_', '').replace('_', '-')}={value}" for name, value in SMALL.items()]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A runs folder with a finished sweep of four trials, and its table."""
    root = tmp_path_factory.mktemp("sweep")
    grid = {"penalty_weight": [0.03, 0.3], "seed": [0, 1]}
    return root, sweep(grid, workers=2, name="four", runs=root, **SMALL)


def digest_of(root: Path, **knobs: object) -> str:
    """What training by itself, without a sweep, comes to."""
    config = Config(**{**SMALL, "threads": 1, **knobs})
    run = Runs(root).create(config, origin="cli")
    work(run, images=load_images("digits"))
    from sae_core.runs.results import results

    return str(results(run, load_images("digits"))["digest"])


def test_a_sweep_is_a_table_of_ordinary_runs(done: tuple[Path, pd.DataFrame]):
    root, table = done
    assert table[["penalty_weight", "seed"]].values.tolist() == [[0.03, 0], [0.03, 1], [0.3, 0], [0.3, 1]]
    assert (table["state"] == "finished").all()
    assert sorted(run.id for run in Runs(root).list()) == sorted(table["run"])
    written = SweepFolder(Runs(root), "four").path
    pd.testing.assert_frame_equal(pd.read_parquet(written / "table.parquet"), table)
    assert pd.read_csv(written / "table.csv")["digest"].tolist() == table["digest"].tolist()


def test_a_trial_is_the_run_it_would_be_alone_bit_for_bit(done: tuple[Path, pd.DataFrame], tmp_path: Path):
    _, table = done
    assert digest_of(tmp_path, penalty_weight=0.3, seed=1) == table["digest"][3]


def test_the_same_sweep_again_trains_nothing_and_answers_at_once(done: tuple[Path, pd.DataFrame], capsys):
    root, table = done
    written = [(root / run / RESULTS).stat().st_mtime_ns for run in table["run"]]
    grid = ["--grid", "penalty_weight=0.03,0.3", "--grid", "seed=0,1"]
    assert main(["sweep", *grid, *OPTIONS, "--name", "four", "--runs", str(root), "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [trial["digest"] for trial in record["trials"]] == table["digest"].tolist()
    assert [(root / run / RESULTS).stat().st_mtime_ns for run in table["run"]] == written


def test_another_plan_cannot_have_the_name(done: tuple[Path, pd.DataFrame]):
    root, _ = done
    with pytest.raises(RunError, match="another sweep 'four', with another plan"):
        sweep({"seed": [7]}, name="four", runs=root, **SMALL)


def test_one_sweep_is_driven_by_one_at_a_time(done: tuple[Path, pd.DataFrame]):
    root, _ = done
    folder = SweepFolder(Runs(root), "four")
    folder.hold()
    try:
        with pytest.raises(RunError, match="already under way"):
            sweep({"penalty_weight": [0.03, 0.3], "seed": [0, 1]}, name="four", runs=root, **SMALL)
        assert sweeps(Runs(root))[0].under_way
    finally:
        folder.release()


def test_a_deleted_run_is_trained_again_and_a_half_made_one_does_no_harm(done: tuple[Path, pd.DataFrame]):
    """The fourth trial's run is deleted; in its place lies a folder without a config.json."""
    root, table = done
    Runs(root).delete(table["run"][3])
    (root / table["run"][3]).mkdir()
    again = sweep({"penalty_weight": [0.03, 0.3], "seed": [0, 1]}, workers=1, name="four", runs=root, **SMALL)
    assert again["digest"].tolist() == table["digest"].tolist()
    assert again["run"].tolist() == [*table["run"][:3], f"{table['run'][3]}-2"]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_killed_in_the_middle_it_goes_on_repeating_and_losing_nothing(tmp_path: Path):
    """kill -9 of whoever drives; the workers save what they are at, and end by themselves."""
    steps = [f"--{option}" for option in ("dataset=digits", "latents=64", "batch-size=64", "steps=1500")]
    command = ["sweep", "--grid", "seed=0,1,2,3", *steps, "--runs", str(tmp_path), "--name", "killed", "--workers", "2"]
    driver = subprocess.Popen([sys.executable, "-m", "sae_core.cli", *command], cwd=ROOT, stderr=subprocess.DEVNULL)
    finished = _wait_for_results(tmp_path, 1)
    driver.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    driver.wait()
    folder = SweepFolder(Runs(tmp_path), "killed")
    _wait_until(lambda: not any(run.alive() for run in Runs(tmp_path).list()))
    before = {path.parent.name: path.read_bytes() for path in finished}
    assert 1 <= len(folder.results()) < 4
    assert main([*command, "--json"]) == 0
    table = folder.table()
    assert table["seed"].tolist() == [0, 1, 2, 3]
    assert all((tmp_path / run / RESULTS).read_bytes() == data for run, data in before.items())
    assert len(Runs(tmp_path).list()) == 4
    resumed = table["run"][3]
    knobs = {"n_latents": 64, "steps": 1500, "seed": 3}
    assert digest_of(tmp_path / "alone", **knobs) == table["digest"][3], resumed


def _wait_for_results(root: Path, count: int) -> list[Path]:
    found: list[Path] = []

    def enough() -> bool:
        found[:] = root.glob(f"*/{RESULTS}")
        return len(found) >= count

    _wait_until(enough)
    return found


def _wait_until(condition, timeout: float = 90.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


@pytest.mark.long
def test_a_search_tells_its_objectives_apart_and_goes_on_from_its_results(tmp_path: Path):
    """Interrupted after its first trials and taken up again, it proposes as many as were asked for, once."""
    pytest.importorskip("optuna")
    ranges = {"penalty_weight": (0.003, 1.0), "learning_rate": (1e-4, 1e-2)}
    asked = {"search": 4, "objectives": ("fvu", "accuracy"), "workers": 1, "name": "searched", "runs": tmp_path}
    table = sweep(None, ranges=ranges, **asked, **SMALL)
    assert len(table) == 4 == table["penalty_weight"].nunique()
    assert table["accuracy"].between(0.1, 1.0).all()
    Runs(tmp_path).delete(table["run"][3])
    again = sweep(None, ranges=ranges, **asked, **SMALL)
    assert again["penalty_weight"].tolist() == table["penalty_weight"].tolist()


def test_a_trial_that_cannot_be_trained_is_named_and_the_others_go_on(tmp_path: Path, capsys):
    """A batch larger than the data set is found out only beside the images."""
    arguments = ["--grid", "batch_size=64,4096", "--dataset", "digits", "--latents", "16", "--steps", "5"]
    assert main(["sweep", *arguments, "--workers", "1", "--runs", str(tmp_path), "--json"]) == 1
    said = capsys.readouterr()
    assert len(json.loads(said.out.splitlines()[-1])["trials"]) == 1
    assert "batch_size is 4096, but digits has only" in said.err


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys):
    (tmp_path / "runs").write_text("no folder")
    assert main(["sweep", "--grid", "seed=0,1", "--runs", str(tmp_path / "runs")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_ray_there_is_a_sentence_with_the_command(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["sweep", "--grid", "seed=0,1", "--runs", str(tmp_path), "--ray", "auto"]) == 1
    assert "pip install 'penstroke[cluster]'" in capsys.readouterr().err
