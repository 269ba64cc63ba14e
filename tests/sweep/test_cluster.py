"""The same sweep on a real Ray cluster of two nodes, of which one is lost in the middle."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sae_core import Config, load_images
from sae_core.cli import main
from sae_core.runs import Runs
from sae_core.runs.results import results
from sae_core.runs.worker import work
from sae_core.sweep import sweep
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SMALL = {"dataset": "digits", "n_latents": 64, "batch_size": 64, "steps": 20_000}
"""Some five seconds: long enough that two are seen under way at once, by what their status says once a second."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that trains nothing, and two nodes of one processor each."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])))
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        made.doomed = made.add_node(num_cpus=1)
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(600)
def test_a_lost_node_loses_no_trial_and_changes_no_bit(cluster: Any, tmp_path: Path):
    """Its trials go on elsewhere from their checkpoints: the table is that of runs trained here, alone."""
    seen: list[set[str]] = []

    def lose_a_node() -> None:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            runs = Runs(tmp_path).list()
            busy = {run.id for run in runs if run.status().state == "training" and run.status().step > 200}
            if len(busy) == 2:
                seen.append(busy)
                cluster.remove_node(cluster.doomed, allow_graceful=False)
                return
            time.sleep(0.02)

    killer = threading.Thread(target=lose_a_node)
    killer.start()
    table = sweep({"seed": [0, 1, 2, 3]}, ray=cluster.address, name="far", runs=tmp_path, **SMALL)
    killer.join()
    assert seen, "no node was lost in the middle"
    assert (table["state"] == "finished").all()
    assert table["seed"].tolist() == [0, 1, 2, 3]
    assert max(run.status().attempt for run in Runs(tmp_path).list()) > 1, "no trial went on elsewhere"
    images = load_images("digits")
    for seed, digest in zip(table["seed"], table["digest"], strict=True):
        run = Runs(tmp_path / "here").create(Config(**SMALL, threads=1, seed=seed), origin="cli")
        work(run, images=images)
        assert results(run, images)["digest"] == digest


@pytest.mark.filterwarnings("ignore")
def test_no_cluster_at_the_address_is_one_sentence(tmp_path: Path, capsys):
    pytest.importorskip("ray")
    assert main(["sweep", "--grid", "seed=0,1", "--runs", str(tmp_path), "--ray", "127.0.0.1:1"]) == 1
    assert "There is no Ray cluster to join at '127.0.0.1:1'" in capsys.readouterr().err.splitlines()[-1]
