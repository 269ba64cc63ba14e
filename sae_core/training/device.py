"""Where the arithmetic runs, and how precisely."""

from __future__ import annotations

from typing import Any

import torch

from sae_core.config import Config, ConfigError

__all__ = ["device_of", "product_dtype"]


def device_of(config: Config) -> torch.device:
    """The device a run asks for.

    Raises:
        ConfigError: this machine has none.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[config.device]:
        raise ConfigError(f"device is {config.device!r}, but this machine has none that torch can use; use 'cpu'.")
    return torch.device(config.device)


def product_dtype(config: Config) -> torch.dtype | None:
    """Precision of the matrix products where it differs from the weights'.

    On processors without bfloat16 instructions torch would emulate them, seven times slower than float32: there
    float32 is used.
    """
    if config.precision == "float32" or (config.device == "cpu" and not cpu_has_bfloat16()):
        return None
    return torch.bfloat16


def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX-512 BF16, AMX, or Arm's)."""
    flags: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(flags.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
