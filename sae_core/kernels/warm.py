"""Everything compiled, called once with next to nothing."""

from __future__ import annotations

import numpy as np
import torch

from sae_core.kernels import Gradients
from sae_core.kernels.adam import CompiledAdam
from sae_core.kernels.largest import keep_largest_in_rows_, positive
from sae_core.kernels.lit import CompiledLit
from sae_core.kernels.rows import hold_rows_

__all__ = ["warm"]


def warm() -> None:
    """Compile for float32, or load what was."""
    codes = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 4.0]])
    keep_largest_in_rows_(codes.numpy(), 1)
    lit = CompiledLit(codes, positive(codes.numpy()))
    rows, images, b_dec = torch.ones(3, 2), torch.ones(2, 2), torch.zeros(2)
    error, grad, of_each = torch.empty(2, 2), torch.empty(3, 2), torch.empty(3)
    _, pulled = lit.error_(rows, b_dec, images, error)
    lit.weigh_(pulled, images, error, 1.0, Gradients(grad, of_each, torch.empty(3, 2), b_dec), rows)
    lit.count_(of_each)
    rounded = torch.empty(3, 2, dtype=torch.bfloat16)
    hold_rows_(rows, 1.0, rounded)
    CompiledAdam([rows], [(torch.zeros(3, 2), torch.ones(3, 2))], [rounded]).step([grad], 1.0, 1e-3, 1.0, [None])
    assert np.isfinite(rows.numpy()).all()
