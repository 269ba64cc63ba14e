"""The pages of many runs without a browser: folders that are empty, gone, read-only or half written; two at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.path.start import go_on, stands
from sae_core import Config, load_images
from sae_core.runs import RunDirectory, RunError, Runs
from sae_core.runs.launch import Launcher
from sae_core.runs.worker import work
from sae_core.sweep import sweep
from sae_core.sweep.path import begin_path
from sae_core.sweep.whole import WholePath

GO_ON = "Go on with this path"
SMALL = {"dataset": "digits", "n_latents": 16, "batch_size": 64, "steps": 30, "threads": 1}


def compare_page() -> None:
    from dashboard.views import compare

    compare.show()


def path_page() -> None:
    from dashboard.views import path

    path.show()


def sweeps_page() -> None:
    from dashboard.views import sweeps

    sweeps.show()


PAGES = [compare_page, path_page, sweeps_page]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own runs folder."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("PENSTROKE_RUNS", str(folder))
    return folder


def opened(page, **params: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=60)
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def trained(root: Path, name: str, **about: object) -> RunDirectory:
    """A short finished run."""
    run = Runs(root).create(Config(**SMALL), name=name, **about)  # type: ignore[arg-type]
    work(run, images=load_images("digits"))
    return run


@pytest.mark.parametrize("page", PAGES)
def test_with_no_run_a_page_says_what_to_do(page, root: Path):
    app = opened(page)
    assert not app.error
    assert len(app.info) == 1


@pytest.mark.parametrize("page", PAGES)
def test_where_the_folder_cannot_be_read_a_page_says_so_or_stands_empty(page, root: Path):
    root.write_text("a file in the folder's place")
    app = opened(page)
    assert len(app.error) + len(app.info) == 1


@pytest.mark.parametrize("page", PAGES)
def test_a_folder_that_vanishes_under_an_open_page_is_an_empty_one(page, root: Path):
    """Its disk was pulled out; once it is back, so are the runs."""
    trained(root, "one")
    begin_path(Runs(root), Config(**SMALL), values=(0.1, 0.3), name="path")
    app = opened(page)
    root.rename(root.with_name("away"))
    app.run()
    assert not app.exception
    assert len(app.error) + len(app.info) >= 1
    root.with_name("away").rename(root)
    app.run()
    assert not app.exception
    assert not app.error


def test_half_written_runs_are_left_out_and_the_others_compared(root: Path):
    run = trained(root, "whole")
    (root / "half").mkdir()
    shutil.copytree(run.path, root / "torn")
    (root / "torn" / "config.json").write_bytes(b'{"schema": 1, "con')
    bare = Runs(root).create(Config(**SMALL), name="bare")
    (bare.path / "snapshot.safetensors").write_bytes(b"torn")
    app = opened(compare_page, **{"with": "whole"})
    assert not app.error
    assert sorted(app.dataframe[0].value["run"]) == ["bare", "whole"]
    broken = opened(compare_page, **{"with": "whole,bare"})
    assert [error.value for error in broken.error] == ["The snapshot snapshot.safetensors of bare is damaged."] or any(
        "damaged" in error.value for error in broken.error
    )


def test_a_run_that_has_no_figures_yet_has_empty_cells_and_a_deleted_parent_is_named(root: Path):
    Runs(root).create(Config(**SMALL), name="child", parent="gone", parent_step=7)
    table = opened(compare_page).dataframe[0].value
    assert table["forked from"].tolist() == ["gone @ 7 (deleted)"]
    assert table["FVU"].isna().all()
    assert not (table["run"] == "None").any()


def test_a_run_named_in_the_address_that_is_no_more_is_said(root: Path):
    trained(root, "whole")
    app = opened(compare_page, **{"with": "whole,never"})
    assert any("no run 'never'" in toast.value for toast in app.toast)
    assert not app.error


def test_a_knob_that_is_not_as_in_most_runs_is_named_in_the_table(root: Path):
    for name, momentum in (("a", 0.0), ("b", 0.0), ("c", 0.25)):
        Runs(root).create(Config(**SMALL, noise=momentum), name=name)
    table = opened(compare_page).dataframe[0].value
    assert dict(zip(table["run"], table["also differs" if "also differs" in table else "other"], strict=True)) == {
        "a": "",
        "b": "",
        "c": "noise 0.25",
    }


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten(root: Path):
    first = begin_path(Runs(root), Config(**SMALL), values=(0.01, 0.03, 0.1, 0.3), workers=2, name="path")
    again = begin_path(Runs(root), Config(**SMALL), values=(0.01, 0.03, 0.1, 0.3), workers=2, name="path")
    assert [run.id for run in WholePath.open(first).runs] == ["path", "path-dense"]
    assert [run.id for run in WholePath.open(again).runs] == ["path-2", "path-2-dense"]


@pytest.fixture
def read_only(root: Path) -> Iterator[Path]:
    """A runs folder with a run and a sweep in it, on a disk that has become read-only."""
    trained(root, "whole")
    sweep({"seed": [0, 1]}, workers=1, name="pair", runs=root, **{k: v for k, v in SMALL.items() if k != "threads"})
    if os.name != "posix" or sys.platform == "darwin":
        pytest.skip("no read-only mounts here")
    for command in (["mount", "--bind", str(root), str(root)], ["mount", "-o", "remount,ro,bind", str(root)]):
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not allowed here")
    yield root
    subprocess.run(["umount", str(root)], check=True, capture_output=True)


def test_on_a_read_only_disk_everything_can_be_looked_at_and_nothing_begun_in_a_sentence(read_only: Path):
    for page, params in ((compare_page, {"with": "whole"}), (sweeps_page, {"sweep": "pair"}), (path_page, {})):
        app = opened(page, **params)
        assert not app.error
    app = opened(path_page)
    next(button for button in app.button if button.label == "Train the path").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert "cannot be written" in app.error[0].value or "Read-only" in app.error[0].value
    with pytest.raises(RunError, match="(?i)read-only"):
        sweep({"seed": [5, 6]}, workers=1, name="more", runs=read_only, dataset="digits", steps=5)


def test_two_who_start_one_path_at_once_train_it_once(root: Path):
    """Two servers on one runs folder: each run has one worker, and every point is there once."""
    from threading import Thread

    from sae_core.runs.launch import Launcher
    from sae_core.sweep.path import follow, set_going

    run = begin_path(Runs(root), Config(**SMALL), values=(0.01, 0.03, 0.1, 0.3), workers=2, name="path")
    problems: list[BaseException] = []

    def start(launcher: Launcher) -> None:
        try:
            set_going(launcher, WholePath.open(run), by="page")
        except RunError as error:
            problems.append(error)

    with Launcher(root, spare=False) as one, Launcher(root, spare=False) as other:
        threads = [Thread(target=start, args=(launcher,)) for launcher in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(follow(run))) == 4
    assert problems == []
    for half in WholePath.open(run).runs:
        lines = (half.path / "points.jsonl").read_text().splitlines()
        assert len(lines) == len({json.loads(line)["step"] for line in lines}) == 2
        assert half.status().attempt == 1


def test_a_path_that_stands_is_taken_up_at_a_button_that_then_goes(root: Path, monkeypatch: pytest.MonkeyPatch):
    """Both halves are woken; while their workers are on their way nobody is asked to start them again."""
    run = begin_path(Runs(root), Config(**SMALL), values=(0.003, 0.01, 0.03, 0.1, 0.3, 0.6), workers=2, name="path")
    begun: list[str] = []
    monkeypatch.setattr(Launcher, "start", lambda _, run_id, **__: begun.append(run_id))
    app = opened(path_page)
    (button,) = [button for button in app.button if button.label == GO_ON]
    button.click().run()
    assert not app.exception
    assert GO_ON not in [button.label for button in app.button]
    deadline = time.monotonic() + 10
    while len(begun) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(begun) == ["path", "path-dense"]
    assert not stands(WholePath.open(run))


def test_a_path_whose_workers_cannot_start_stands_on(root: Path, monkeypatch: pytest.MonkeyPatch):
    """So that the button is there again."""
    run = begin_path(Runs(root), Config(**SMALL), values=(0.01, 0.1), workers=1, name="path")

    def fail(*_: object, **__: object) -> None:
        raise RunError("no worker")

    monkeypatch.setattr(Launcher, "start", fail)
    go_on(Runs(root), run)
    deadline = time.monotonic() + 10
    while not stands(WholePath.open(run)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stands(WholePath.open(run))
