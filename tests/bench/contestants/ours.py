"""Penstroke's own trainer."""

from __future__ import annotations

from typing import Any

from sae_core.config import Config
from sae_core.training.step import Trainer
from tests.bench.contestants.spec import Spec
from tests.bench.contestants.turns import Turns

__all__ = ["bfloat16", "config_of", "float32"]

STRONGEST = {"decoder_norm": "free", "clip_gradient": 0.04, "aux_k": 32, "dead_window": 15_360}
"""What suits the methods that keep the strongest; the peers have such defaults of their own: free rows (SAELens),
clipped gradients and an auxiliary loss (dictionary_learning)."""


def config_of(spec: Spec, precision: str) -> Config:
    """The run that a specification asks for."""
    options: dict[str, Any] = {"k": spec.k, **STRONGEST} if spec.method in {"topk", "batch-topk"} else {}
    if spec.method == "l1":
        options = {"penalty_weight": spec.penalty}
    return Config(
        dataset=spec.dataset,
        method=spec.method,
        n_latents=spec.width,
        batch_size=spec.batch,
        learning_rate=spec.learning_rate,
        steps=spec.steps,
        device=spec.device,
        precision=precision,
        threads=spec.threads,
        **options,
    )


def float32(turns: Turns) -> None:
    """Everything in float32."""
    _train(turns, "float32")


def bfloat16(turns: Turns) -> None:
    """Matrix products in bfloat16, all else in float32."""
    _train(turns, "bfloat16")


def _train(turns: Turns, precision: str) -> None:
    trainer = Trainer(config_of(turns.spec, precision), turns.images)
    for _ in turns.steps():
        trainer.step()
    turns.judge(trainer.model.encode, trainer.model.decode)
