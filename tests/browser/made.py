"""Runs that have learned a little, written in a second or two without a worker, for pages that look at runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from sae_core import Config, load_images, train
from sae_core.probe import Classifier, ProbeResult, Score, confusion_of
from sae_core.runs import Runs
from sae_core.runs.directory import RunDirectory
from sae_core.runs.snapshots import snapshot_to_bytes
from sae_core.snapshot import Snapshot

__all__ = ["made_run", "with_probe"]


def made_run(root: Path, name: str, *, steps: int = 80, **knobs: Any) -> tuple[RunDirectory, Snapshot]:
    """A paused run with a snapshot of its last step."""
    torch.set_num_threads(1)
    config = Config(steps=steps, threads=1, warmup_steps=10, **knobs)
    images = load_images(config.dataset)
    *_, last = train(config, images, every=steps)
    run = Runs(root).create(config, name=name)
    (run.path / "snapshot.safetensors").write_bytes(snapshot_to_bytes(last))
    return run, last


def with_probe(run: RunDirectory, snapshot: Snapshot) -> ProbeResult:
    """A probe kept with the run: each class by its mean code, as good as that is."""
    census = snapshot.census
    weights = (census.class_mean - census.class_mean.mean(axis=1, keepdims=True)).T.astype(np.float32)
    bias = (-0.5 * (weights @ census.class_mean)).diagonal().astype(np.float32)
    images = load_images(snapshot.config.dataset)
    assert images.test_labels is not None
    classifier = Classifier(weights, bias, np.ones(weights.shape[1], np.float32))
    labels = images.test_labels
    scores = tuple(
        Score(kind, count, 0.5 + 0.1 * i + 0.2 * (count is None), 0.01, 1, count or 60_000, True)  # type: ignore[arg-type]  # kinds are literals
        for i, kind in enumerate(("codes", "pixels", "pca", "random"))
        for count in (10, None)
    )
    probe = ProbeResult(
        scores=scores,
        classifier=classifier,
        confusion=confusion_of(labels, labels, len(images.class_names)),
        class_names=images.class_names,
        dataset=images.name,
        step=snapshot.row.step,
        n_train=len(images.train),
        n_available=len(images.train),
        n_test=len(images.test),
        seed=0,
    )
    probe.save(run.path)
    return probe
