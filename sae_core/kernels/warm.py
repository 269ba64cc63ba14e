"""Everything compiled, called once with next to nothing."""

from __future__ import annotations

import numpy as np
import torch

from sae_core.kernels import Given, Gradients
from sae_core.kernels.adam import CompiledAdam
from sae_core.kernels.dense import CompiledDense, count_lit, light_
from sae_core.kernels.largest import keep_largest_in_rows_
from sae_core.kernels.lit import CompiledLit
from sae_core.kernels.recent import observe_
from sae_core.kernels.rows import BLOCKS
from sae_core.kernels.strongest import Strongest
from sae_core.kernels.take import take_

__all__ = ["warm"]


def warm(*, low: bool) -> None:
    """Compile for weights in float32, or load what was; ``low``: with products in bfloat16."""
    dtype = torch.bfloat16 if low else torch.float32
    codes, rows, images = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 4.0]]), torch.ones(3, 2), torch.ones(2, 2)
    b_enc, b_dec, error = torch.ones(3), torch.zeros(2), torch.empty(2, 2)
    rounded, matrix = torch.empty(2, 2, dtype=dtype) if low else None, torch.empty(3, 2, dtype=dtype)
    out = Gradients(matrix, torch.empty(3), matrix.clone(), torch.empty(2))
    codes_, rows_, images_ = codes.to(dtype), rows.to(dtype), images.to(dtype)
    take_(images, torch.tensor([0, 1]), b_dec, error, images_.clone(), slice(None))
    strongest = Strongest(codes, 1, b_enc, rows_, b_dec, images, error, rounded)
    strongest.see_(codes_, slice(None))
    light_(codes_, b_enc, codes, np.empty(2, np.int64), slice(None))
    lit = CompiledLit(codes, count_lit(codes))
    dense = CompiledDense(codes, codes_, torch.empty_like(codes_), rows_, b_dec, images, error, rounded)
    strongest.seen()
    lit.error_(rows_, b_dec, images, error, rounded)
    dense.miss_(0, BLOCKS)
    for products in (strongest, lit, dense):
        products.weigh_(Given(1.0, 1.0, images_, error.to(dtype), rows_, rows), out)
        products.count_(b_enc)
    observe_(b_enc, torch.zeros(3), torch.zeros(3, dtype=torch.int64), 2, 0.5, 2)
    keep_largest_in_rows_(codes.numpy(), 1)
    state = (torch.zeros(3, 2), torch.ones(3, 2), torch.zeros(()))
    CompiledAdam([rows], [state], [rows.bfloat16()], [1.0]).step([out.W_enc], 1e-3, 1.0, [None])
    assert np.isfinite(rows.numpy()).all()
