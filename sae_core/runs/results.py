"""What a run came to, in the words of ``penstroke train --json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sae_core.census import evaluate
from sae_core.runs.directory import RunDirectory
from sae_core.runs.run import Run
from sae_core.runs.worker.archive import newest_checkpoint

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["results"]


def results(run: RunDirectory, images: Images) -> dict[str, Any]:
    """Its configuration as it stands, its length and speed, and its quality on the test set.

    Raises:
        RunError: it has no checkpoint yet.
    """
    quality = evaluate(Run(run).model(), images)
    checkpoint, _ = newest_checkpoint(run.path)
    assert checkpoint, "there is a model, so there is one"
    config = checkpoint.config
    return {
        "run": run.id,
        "dataset": config.dataset,
        "method": config.method,
        "latents": config.n_latents,
        "penalty_weight": checkpoint.dial if config.dial == "penalty_weight" else 0.0,
        **({config.dial: checkpoint.dial} if config.dial else {}),
        **({"target": config.target} if config.target else {}),
        "steps": checkpoint.step,
        "images": checkpoint.images,
        "seconds": checkpoint.seconds,
        "images_per_second": checkpoint.images / checkpoint.seconds if checkpoint.seconds else 0.0,
        "mse": quality.mse,
        "fvu": quality.fvu,
        "l0": quality.l0,
        "l1": quality.l1,
        "dead_fraction": quality.dead_fraction,
        "seed": config.seed,
        "batch_size": config.batch_size,
        "threads": config.threads,
        "device": config.device,
        "precision": config.precision,
        "digest": checkpoint.digest(),
        "path": str(run.path),
    }
