"""What a worker publishes of its run."""

from __future__ import annotations

from pathlib import Path

from sae_core import Config, load_images, train
from sae_core.runs import Runs
from sae_core.runs.files import LineWriter
from sae_core.runs.worker.archive import Archive
from sae_core.runs.worker.budget import Budget
from sae_core.snapshot import Snapshot

SMALL = Config(dataset="digits", n_latents=8, batch_size=64, steps=6, threads=1)


def test_a_census_that_a_glance_has_overtaken_is_not_published(tmp_path: Path) -> None:
    """Begun at step 2, it is complete when the glance of step 4 is there; that of step 4 takes the glance's place."""
    run = Runs(tmp_path).create(SMALL, origin="cli")
    at = {snapshot.row.step: snapshot for snapshot in train(SMALL, load_images("digits"), every=2)}
    with LineWriter(run.path / "applied.jsonl") as log:
        archive = Archive(run.path, log, Budget(0.1))

        def published() -> Snapshot:
            archive.try_again()
            newest = run.snapshot()
            assert newest is not None
            return newest

        archive.keep_glance(at[0])
        archive.keep_glance(at[4])
        archive.keep_snapshot(at[2])
        assert published().row.step == 4
        archive.keep_snapshot(at[4])
        assert published().row.step == 4
        archive.forget_after(2)
        archive.keep_snapshot(at[2])
        assert published().row.step == 2
        archive.close()
    assert run.history() == [0, 2]
