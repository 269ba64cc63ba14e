"""Runs made in a moment: trained here, written as a worker would write them."""

from __future__ import annotations

from pathlib import Path

from sae_core.config import Config
from sae_core.data import Images, load_images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.runs.snapshots import snapshot_to_bytes
from sae_core.train import train


def trained_run(root: Path, config: Config, name: str = "taught", images: Images | None = None) -> RunDirectory:
    """A run with a snapshot of every power of two, of a config that ends."""
    run = Runs(root).create(config, name=name, origin="cli")
    for snapshot in train(config, images or load_images(config.dataset)):
        data = snapshot_to_bytes(snapshot)
        (run.path / "snapshot.safetensors").write_bytes(data)
        (run.path / "history" / f"snapshot-{snapshot.row.step:012d}.safetensors").write_bytes(data)
    return run
