"""Everything a run needs to continue bit for bit, in one safetensors file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sae_core import tensorfile
from sae_core.config import Config
from sae_core.tensorfile import Arrays, TensorFileError

__all__ = ["SCHEMA", "Checkpoint"]

SCHEMA = 1
"""Version of the checkpoint's layout."""

WEIGHTS = ("W_enc", "b_enc", "dictionary", "b_dec")


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A run after ``step`` steps: copied, on the processor, never aliasing live weights.

    The data order needs no state of its own: an epoch's permutation follows from (seed, epoch), so the
    position in the data is the step. ``tensors`` holds the weights (``W_enc``, ``b_enc``, ``dictionary``,
    ``b_dec``), the method's own tensors by their names, Adam's moments (``adam.<weight>.<moment>``) and the
    running statistics of the latents (``recent.density``, ``recent.last_fired``).
    """

    config: Config
    """With the live knobs as they stand."""
    step: int
    images: int
    seconds: float
    """Training time so far, pauses left out."""
    numbers: dict[str, float]
    """Running means of the objective's terms."""
    tensors: Arrays
    extra: dict[str, Any] = field(default_factory=dict)
    """JSON data of whoever keeps the checkpoint, carried along."""

    @property
    def dial(self) -> float | None:
        """The big slider's value, or what a controller made of it for the target; None without a dial."""
        if self.config.dial is None:
            return None
        value = float(getattr(self.config, self.config.dial))
        return self.numbers.get("controller.weight", value) if self.config.target else value

    def digest(self) -> str:
        """A fingerprint of the weights alone: equal exactly when every bit of them is."""
        hasher = hashlib.sha256()
        for name in (*WEIGHTS, *sorted(name for name in self.tensors if "." not in name and name not in WEIGHTS)):
            hasher.update(self.tensors[name].tobytes())
        return hasher.hexdigest()

    def to_bytes(self) -> bytes:
        """The file's content."""
        header = {
            "schema": SCHEMA,
            "config": self.config.model_dump(),
            "step": self.step,
            "images": self.images,
            "seconds": self.seconds,
            "numbers": self.numbers,
            "extra": self.extra,
        }
        return tensorfile.pack(self.tensors, header)

    @classmethod
    def from_bytes(cls, data: bytes, what: str = "The checkpoint") -> Checkpoint:
        """What `to_bytes` made.

        Raises:
            TensorFileError: torn, truncated, of a newer schema, or something else entirely.
        """
        tensors, header = tensorfile.unpack(data, what)
        schema = header.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise TensorFileError(f"{what} has schema {schema}, newer than this version's {SCHEMA}: update Penstroke.")
        try:
            return cls(
                config=Config(**header["config"]),
                step=int(header["step"]),
                images=int(header["images"]),
                seconds=float(header["seconds"]),
                numbers={str(name): float(value) for name, value in header["numbers"].items()},
                tensors={name.removeprefix("method."): array for name, array in tensors.items()},
                extra=dict(header.get("extra", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise TensorFileError(f"{what} is no checkpoint ({problem}).") from None

    def save(self, path: Path | str) -> None:
        """Write the file whole or not at all, and to the disk."""
        target = Path(path)
        draft = target.with_name(target.name + ".part")
        with draft.open("wb") as file:
            file.write(self.to_bytes())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)

    @classmethod
    def load(cls, path: Path | str) -> Checkpoint:
        """The checkpoint in a file.

        Raises:
            TensorFileError: missing, unreadable, damaged, or of a newer schema.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as problem:
            raise TensorFileError(f"{path} cannot be read ({problem.strerror or problem}).") from None
        return cls.from_bytes(data, str(path))
