"""The peers, each through the calls that its own documentation shows, with its own defaults for what is not compared.

Compared alike are width, k, batch, learning rate (constant: no warm-up of it) and the images, in the same order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.bench.contestants.spec import Spec
from tests.bench.contestants.turns import Turns

__all__ = ["dictionary_learning", "overcomplete", "saelens", "saelens_autocast"]


def overcomplete(turns: Turns) -> None:
    """``overcomplete.sae.train_sae``, mean squared error, gradients clipped and losses monitored as by default."""
    from overcomplete.sae import SAE, BatchTopKSAE, TopKSAE, train_sae

    spec, width = turns.spec, turns.train.shape[1]
    sae = {
        "topk": lambda: TopKSAE(width, spec.width, top_k=spec.k, device=spec.device),
        "batch-topk": lambda: BatchTopKSAE(width, spec.width, top_k=spec.k * spec.batch, device=spec.device),
        "l1": lambda: SAE(width, spec.width, device=spec.device),
    }[spec.method]()

    def criterion(x: Tensor, x_hat: Tensor, _pre_codes: Tensor, codes: Tensor, _dictionary: Tensor) -> Tensor:
        loss = (x - x_hat).square().mean()
        return loss + spec.penalty * codes.abs().mean() if spec.method == "l1" else loss

    train_sae(
        sae,
        turns,
        criterion,
        torch.optim.Adam(sae.parameters(), lr=spec.learning_rate),
        nb_epochs=1,
        device=spec.device,
    )
    sae.eval()
    turns.judge(lambda x: sae.encode(x)[1], sae.decode)


def saelens(turns: Turns) -> None:
    """``SAETrainer.fit`` in float32."""
    _saelens(turns, autocast=False)


def saelens_autocast(turns: Turns) -> None:
    """``SAETrainer.fit`` under bfloat16 autocast."""
    _saelens(turns, autocast=True)


def _saelens(turns: Turns, *, autocast: bool) -> None:
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    spec = turns.spec
    sae = _saelens_model(spec, turns.train.shape[1])
    config = SAETrainerConfig(
        total_training_samples=spec.steps * spec.batch,
        train_batch_size_samples=spec.batch,
        lr=spec.learning_rate,
        lr_end=spec.learning_rate,
        device=spec.device,
        autocast=autocast,
        logger=LoggingConfig(log_to_wandb=False),
    )
    batches = iter(turns)
    SAETrainer(config, sae, batches).fit()
    next(batches, None)  # the last turn ends when its next batch is asked for
    turns.judge(sae.encode, sae.decode)


def _saelens_model(spec: Spec, d_in: int) -> Any:
    from sae_lens import (
        BatchTopKTrainingSAE,
        BatchTopKTrainingSAEConfig,
        StandardTrainingSAE,
        StandardTrainingSAEConfig,
        TopKTrainingSAE,
        TopKTrainingSAEConfig,
    )

    shape = {"d_in": d_in, "d_sae": spec.width, "device": spec.device}
    if spec.method == "topk":
        return TopKTrainingSAE(TopKTrainingSAEConfig(k=spec.k, **shape))
    if spec.method == "batch-topk":
        return BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(k=spec.k, **shape))
    return StandardTrainingSAE(StandardTrainingSAEConfig(l1_coefficient=spec.penalty, **shape))


def dictionary_learning(turns: Turns) -> None:
    """``Trainer.update`` in a loop; auxiliary loss and unit norms as by default, thresholds from the first step."""
    from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
    from dictionary_learning.trainers.standard import StandardTrainer
    from dictionary_learning.trainers.top_k import TopKTrainer

    spec = turns.spec
    common = {
        "steps": spec.steps,
        "activation_dim": turns.train.shape[1],
        "dict_size": spec.width,
        "lr": spec.learning_rate,
        "warmup_steps": 0,
        "layer": 0,
        "lm_name": "none",
        "device": spec.device,
        "seed": 0,
    }
    if spec.method == "l1":
        trainer = StandardTrainer(l1_penalty=spec.penalty, sparsity_warmup_steps=None, **common)
    else:
        kind = TopKTrainer if spec.method == "topk" else BatchTopKTrainer
        trainer = kind(k=spec.k, threshold_start_step=0, **common)
    for step, x in enumerate(turns):
        trainer.update(step, x)
    by_rank = {"use_threshold": False} if spec.method == "topk" else {}
    turns.judge(lambda x: trainer.ae.encode(x, **by_rank), trainer.ae.decode)
