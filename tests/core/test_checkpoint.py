"""N + N steps with a checkpoint between them are 2N steps, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sae_core.checkpoint import Checkpoint
from sae_core.config import Config
from sae_core.data import Images
from sae_core.sparsity import METHODS
from sae_core.tensorfile import TensorFileError, pack, unpack
from sae_core.training.step import Trainer
from tests.core.methods import ROWS, STEPPED, config_of


def small(method: str, **values: object) -> Config:
    decay = {} if METHODS[method].defaults.get("tied") else {"weight_decay": 1e-3}
    return config_of(method, **{"warmup_steps": 25, **decay, **values})


def run(trainer: Trainer, to: int) -> None:
    while trainer.steps < to:
        if trainer.steps == 9:
            trainer.set(*ROWS[trainer.config.method].live)
        if trainer.steps == 31:
            trainer.set("learning_rate", 0.01)
        trainer.step()


def assert_identical(one: Checkpoint, other: Checkpoint) -> None:
    assert one.tensors.keys() == other.tensors.keys()
    for name, array in one.tensors.items():
        assert array.dtype == other.tensors[name].dtype, name
        assert array.tobytes() == other.tensors[name].tobytes(), name
    assert (one.numbers, one.step, one.images, one.config) == (other.numbers, other.step, other.images, other.config)


@pytest.mark.parametrize("method", STEPPED)
@pytest.mark.parametrize("at", [0, 1, 9, 17, 40])
def test_continuing_is_not_having_stopped(method: str, at: int, images: Images, tmp_path: Path) -> None:
    """Stopped at the start, after a step, at a change, mid-epoch in the warm-up, and in the fourth epoch."""
    whole = Trainer(small(method), images)
    run(whole, 50)
    first = Trainer(small(method), images)
    run(first, at)
    first.checkpoint().save(tmp_path / "checkpoint.safetensors")
    second = Trainer(small(method), images, Checkpoint.load(tmp_path / "checkpoint.safetensors"))
    run(second, 50)
    assert_identical(second.checkpoint(), whole.checkpoint())


@pytest.mark.parametrize("method", STEPPED)
def test_going_back_in_the_same_trainer_is_the_same_run_again(method: str, images: Images) -> None:
    """As after a divergence: nothing of what came after the checkpoint is left."""
    trainer = Trainer(small(method), images)
    run(trainer, 20)
    checkpoint = trainer.checkpoint()
    run(trainer, 45)
    after = trainer.checkpoint()
    trainer.restore(checkpoint)
    assert_identical(trainer.checkpoint(), checkpoint)
    run(trainer, 45)
    assert_identical(trainer.checkpoint(), after)


def test_a_file_gives_back_what_went_in(images: Images) -> None:
    trainer = Trainer(small("kl"), images)
    run(trainer, 12)
    checkpoint = trainer.checkpoint()
    again = Checkpoint.from_bytes(checkpoint.to_bytes())
    assert_identical(again, checkpoint)
    assert again.seconds == checkpoint.seconds
    assert again.digest() == checkpoint.digest()


def test_a_checkpoint_does_not_move_with_the_model(images: Images) -> None:
    trainer = Trainer(small("l1"), images)
    checkpoint = trainer.checkpoint()
    before = checkpoint.digest()
    run(trainer, 5)
    assert checkpoint.digest() == before != trainer.checkpoint().digest()


def test_truncated_files_are_said_to_be_damaged_in_one_sentence(images: Images, tmp_path: Path) -> None:
    """Every length, and bytes overwritten in the header."""
    whole = Trainer(small("l1"), images).checkpoint().to_bytes()
    path = tmp_path / "c.safetensors"
    for length in [*range(40), 400, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(TensorFileError, match=r"c\.safetensors is damaged"):
            Checkpoint.load(path)
    path.write_bytes(b"\xff" * 12 + whole[12:])
    with pytest.raises(TensorFileError, match="damaged"):
        Checkpoint.load(path)


def test_a_missing_file_is_said_to_be_unreadable(tmp_path: Path) -> None:
    with pytest.raises(TensorFileError, match=r"nothing\.safetensors cannot be read \(No such file"):
        Checkpoint.load(tmp_path / "nothing.safetensors")


def test_a_newer_schema_is_refused(images: Images) -> None:
    checkpoint = Trainer(small("l1"), images).checkpoint()
    tensors, header = unpack(checkpoint.to_bytes())
    with pytest.raises(TensorFileError, match="schema 7, newer than this version's 1"):
        Checkpoint.from_bytes(pack(tensors, {**header, "schema": 7}))


def test_another_models_checkpoint_is_refused_and_changes_nothing(images: Images) -> None:
    trainer = Trainer(small("l1"), images)
    wider = Trainer(Config(n_latents=25, batch_size=16), images).checkpoint()
    before = trainer.checkpoint()
    with pytest.raises(TensorFileError, match="of another model: W_enc"):
        trainer.restore(wider)
    assert_identical(trainer.checkpoint(), before)


def test_headers_hold_no_numbers_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack({"a": np.zeros(1)}, {"seconds": float("nan")})
