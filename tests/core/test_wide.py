"""Runs of wide models, whose arithmetic is compiled: they go the way all others go."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from sae_core import Config, load_images
from sae_core.kernels import CHOOSING, WIDE, compiled
from sae_core.training.step import Trainer

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("prepared")]  # the first time, it is compiled


def test_wide_models_on_the_processor_use_it() -> None:
    assert compiled(WIDE, torch.empty(1))
    assert not compiled(WIDE - 1, torch.empty(1))
    assert compiled(CHOOSING, torch.empty(1), choosing=True)
    assert not compiled(CHOOSING - 1, torch.empty(1), choosing=True)
    assert compiled(8, torch.empty(1), low=True)
    assert not compiled(WIDE, torch.empty(1, dtype=torch.float64))
    assert not compiled(WIDE, torch.empty(1, device="meta"))


@pytest.mark.parametrize(("method", "width"), [("l1", WIDE), ("topk", CHOOSING), ("batch-topk", CHOOSING)])
def test_a_method_that_chooses_among_codes_uses_it_earlier(method: str, width: int) -> None:
    assert wide(method, width=width).objective.wide
    assert not wide(method, width=width - 1).objective.wide


def wide(method: str, precision: str = "float32", width: int = WIDE) -> Trainer:
    options = {"k": 8, "aux_k": 8, "clip_gradient": 0.1} if "topk" in method else {}
    config = Config(dataset="digits", method=method, n_latents=width, batch_size=32, precision=precision, **options)
    return Trainer(config, load_images("digits"))


def weights_after(steps: int, trainer: Trainer) -> list[Tensor]:
    for _ in range(steps):
        trainer.step()
    return [tensor.detach().clone() for tensor in trainer.model.tensors.values()]


@pytest.mark.parametrize("method", ["l1", "topk", "batch-topk", "wta"])
def test_a_wide_run_goes_the_way_it_goes_without(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps; what differs is the order of sums."""
    fast = wide(method)
    for_compiled = weights_after(10, fast)
    for module in ("sae_core.kernels.compiled", "sae_core.sparsity.largest.compiled"):
        monkeypatch.setattr(module, never)
    slow = wide(method)
    for ours, torchs in zip(for_compiled, weights_after(10, slow), strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-3, atol=2e-5)
    assert fast.row().fvu == pytest.approx(slow.row().fvu, rel=1e-4)
    assert fast.row().l0 == pytest.approx(slow.row().l0, rel=1e-3)


def never(*_: object, **__: object) -> bool:
    """What stands in for `compiled`."""
    return False


@pytest.mark.parametrize("method", ["l1", "topk", "batch-topk", "wta"])
def test_in_bfloat16_it_learns_what_it_learns_in_float32(method: str) -> None:
    """Thirty steps; factors have eight bits, of which a sum of hundreds loses little."""
    exact, rounded = wide(method), wide(method, "bfloat16")
    for trainer in (exact, rounded):
        weights_after(30, trainer)
    assert rounded.row().fvu == pytest.approx(exact.row().fvu, rel=0.02)
    assert rounded.row().l0 == pytest.approx(exact.row().l0, rel=0.02)


def test_a_batch_taken_for_a_dense_one_ends_as_what_it_is() -> None:
    """An L1 run on its way from half to a few codes lit, bit for bit the one that never guesses."""
    guessing, careful = (wide("l1", "bfloat16") for _ in range(2))
    few = guessing.objective._few
    lit = []
    for _ in range(80):
        guessing.step()
        lit.append(guessing.objective._lit_lately)
        careful.objective._lit_lately = 0
        careful.step()
    assert lit[0] > few > lit[-1]
    assert guessing.checkpoint().digest() == careful.checkpoint().digest()


@pytest.mark.parametrize("method", ["l1", "topk"])
def test_a_wide_run_resumed_is_the_run_uninterrupted(method: str) -> None:
    whole, half = wide(method, "bfloat16"), wide(method, "bfloat16")
    weights_after(6, half)
    resumed = Trainer(half.config, load_images("digits"), start=half.checkpoint())
    for a, b in zip(weights_after(12, whole), weights_after(6, resumed), strict=True):
        assert torch.equal(a, b)


def test_a_narrow_models_batch_does_not_make_it_wide() -> None:
    """BatchTopK looks at all codes of a batch in one row, which is long; the model is what is asked for its width."""
    program = """
import sys
from sae_core import Config, load_images, train
config = Config(dataset="digits", method="batch-topk", k=4, n_latents=64, batch_size=64, steps=3, threads=1)
*_, last = train(config, load_images("digits"))
assert last.row.step == 3
sys.exit("numba was loaded" if "numba" in sys.modules else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["l1", "topk"])
def test_weights_changed_between_steps_are_the_ones_multiplied(method: str) -> None:
    """Rounded copies are kept from step to step, but only for as long as nobody changes what they are of."""
    trainer = wide(method, "bfloat16")
    weights_after(3, trainer)
    with torch.no_grad():
        trainer.model.W_enc.zero_()
        trainer.model.b_enc.fill_(0.5)
        trainer.model.dictionary.zero_()
        trainer.objective.forward(trainer.config)
    assert set(trainer.objective.codes.unique().tolist()) <= {0.0, 0.5}
    torch.testing.assert_close(trainer.objective.error, trainer.model.b_dec - trainer.objective.x)
