"""The optimiser is torch's Adam, without what comes along with it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.nn import Parameter

from sae_core.training.adam import Adam


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_torchs_adam_bit_for_bit(dtype: torch.dtype) -> None:
    """Weights and moments, under a rate that changes and a gradient that is sometimes 0 or very large."""
    random = torch.Generator().manual_seed(0)
    shapes = {"W_enc": (7, 5), "b_enc": (7,), "dictionary": (7, 5)}
    ours = {name: Parameter(torch.randn(shape, generator=random, dtype=dtype)) for name, shape in shapes.items()}
    theirs = {name: Parameter(parameter.detach().clone()) for name, parameter in ours.items()}
    adam, reference = Adam(ours, 1e-3), torch.optim.Adam(theirs.values(), lr=1e-3, fused=True)
    for step in range(30):
        rate = 1e-3 / (1 + step)
        adam.rate = reference.param_groups[0]["lr"] = rate
        for name, shape in shapes.items():
            grad = torch.randn(shape, generator=random, dtype=dtype) * 10.0 ** (step % 9 - 4)
            grad[step % 7] = 0.0
            ours[name].grad, theirs[name].grad = grad, grad.clone()
        adam.step()
        reference.step()
    for name, parameter in theirs.items():
        assert torch.equal(ours[name], parameter)
        for key in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(adam.state[name][key], reference.state[parameter][key])


def test_training_does_not_import_torchs_compiler() -> None:
    """It takes about as long as torch itself, and every worker would wait for it."""
    program = """
import sys
from sae_core import Config, load_images, train
*_, last = train(Config(dataset="digits", n_latents=16, batch_size=64, steps=3, threads=1), load_images("digits"))
assert last.row.step == 3
sys.exit(f"loaded: {loaded}" if (loaded := {"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)) else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
