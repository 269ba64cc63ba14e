"""The sparse autoencoder: one hidden layer, symmetric, with one shared bias on the pixels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from sae_core import tensorfile
from sae_core.config import Config
from sae_core.sparsity import METHODS

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["PARAMETERS", "SparseAutoencoder", "array", "seeded", "unit_"]

PARAMETERS = ("W_enc", "b_enc", "dictionary", "b_dec")
"""What every model has; its method may add more: `SparseAutoencoder.tensors`."""

DATA_SHARE = 0.8
"""Of an image in a row that starts at it; the rest is noise, so that two rows at one image are not one."""


class SparseAutoencoder(nn.Module):
    """codes = act(W_enc (x − b_pre) + b_enc),  x_hat = codes @ dictionary + b_dec.

    b_pre is b_dec, or 0 where the config does not subtract it. Shapes: ``W_enc`` and ``dictionary``
    (n_latents, n_pixels), the dictionary's rows being the filters; ``b_enc`` (n_latents,); ``b_dec`` (n_pixels,).
    With tied weights ``W_enc`` *is* ``dictionary``. The method's own tensors (`Method.extras`) are attributes, too.
    Pixels are in [0, 1]. Reads never write: encoding counts and normalises nothing.
    """

    W_enc: nn.Parameter

    def __init__(self, config: Config, n_pixels: int) -> None:
        super().__init__()
        self.config = config
        self.method = METHODS[config.method]
        self.b_enc = nn.Parameter(torch.zeros(config.n_latents))
        self.dictionary = nn.Parameter(torch.zeros(config.n_latents, n_pixels))
        self.W_enc = self.dictionary if config.tied else nn.Parameter(torch.zeros(config.n_latents, n_pixels))
        self.b_dec = nn.Parameter(torch.zeros(n_pixels))
        for extra in self.method.extras:
            tensor = torch.zeros(config.n_latents) if extra.per_latent else torch.zeros(())
            if extra.trained:
                self.register_parameter(extra.name, nn.Parameter(tensor))
            else:
                self.register_buffer(extra.name, tensor)

    @classmethod
    @torch.no_grad()
    def from_config(cls, config: Config, images: "Images") -> "SparseAutoencoder":
        """The untrained model of step 0, on the processor.

        Dictionary rows random normal at norm 1, ``W_enc = dictionary`` (tied only at the start), ``b_enc`` = 0,
        ``b_dec`` the training mean (Bricken et al. 2023; Gao et al. 2024, A.1), unless the config or the method says
        otherwise. Rows that start at data are .8 of an image's direction from the mean and .2 of a random one, as in
        saev (Stevens et al. 2025).
        """
        model = cls(config, images.mean.shape[0])
        model.dictionary.normal_(generator=seeded(config.seed, "weights"))
        unit_(model.dictionary)
        if config.start == "data":
            chosen = torch.randint(len(images.train), (config.n_latents,), generator=seeded(config.seed, "start"))
            rows = torch.from_numpy(images.train[chosen.numpy()] - images.mean)
            unit_(model.dictionary.mul_(1.0 - DATA_SHARE).add_(unit_(rows), alpha=DATA_SHARE))
        model.W_enc.copy_(model.dictionary)
        if config.b_dec_start == "mean":
            model.b_dec.copy_(torch.tensor(images.mean))
        model.b_enc.fill_(model.method.bias_start(config))
        for extra in model.method.extras:
            getattr(model, extra.name).fill_(extra.value(images.variance))
        return model

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that a file has to hold, live, by name; a tied ``W_enc`` is there twice."""
        return {name: getattr(self, name) for name in (*PARAMETERS, *(extra.name for extra in self.method.extras))}

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """What the optimiser moves, each once, in its order."""
        return {
            name: tensor
            for name, tensor in self.tensors.items()
            if isinstance(tensor, nn.Parameter) and not (name == "W_enc" and self.config.tied)
        }

    @property
    def extras(self) -> dict[str, Tensor]:
        """What the method's arithmetic needs: its own tensors, and ``b_enc``."""
        return {"b_enc": self.b_enc, **{extra.name: getattr(self, extra.name) for extra in self.method.extras}}

    def twin(self) -> "SparseAutoencoder":
        """A model of the same kind with weights of its own and no gradients; `follow_` fills it."""
        twin = SparseAutoencoder(self.config, self.b_dec.shape[0])
        twin.to(self.b_dec.device, self.b_dec.dtype).requires_grad_(False)
        return twin.follow_(self)

    @torch.no_grad()
    def follow_(self, other: "SparseAutoencoder") -> "SparseAutoencoder":
        """Become what ``other`` is at this moment."""
        self.config = other.config
        for mine, theirs in zip(self.tensors.values(), other.tensors.values(), strict=True):
            mine.copy_(theirs)
        return self

    def encode(self, x: Float[Tensor, "batch n_pixels"]) -> Float[Tensor, "batch n_latents"]:
        """Codes of images: act(W_enc (x − b_pre) + b_enc)."""
        codes = torch.addmm(self.b_enc, x - self.b_dec if self.config.subtract_b_dec else x, self.W_enc.T)
        self.method.activate_(codes, self.config, self.extras)
        return codes

    def decode(self, codes: Float[Tensor, "batch n_latents"]) -> Float[Tensor, "batch n_pixels"]:
        """Reconstructions from codes, unclipped: codes @ dictionary + b_dec, through a sigmoid in the textbook's."""
        x_hat = torch.addmm(self.b_dec, codes, self.dictionary)
        return x_hat.sigmoid() if self.method.output == "sigmoid" else x_hat

    def forward(self, x: Float[Tensor, "batch n_pixels"]) -> Float[Tensor, "batch n_pixels"]:
        """x_hat = decode(encode(x))."""
        return self.decode(self.encode(x))

    def save(self, path: Path | str) -> None:
        """Write the weights and the config into one safetensors file, whole or not at all."""
        arrays = {name: array(tensor) for name, tensor in self.tensors.items()}
        target = Path(path)
        draft = target.with_name(target.name + ".part")
        draft.write_bytes(tensorfile.pack(arrays, {"schema": 1, "config": self.config.model_dump()}))
        draft.replace(target)

    @classmethod
    @torch.no_grad()
    def load(cls, path: Path | str) -> "SparseAutoencoder":
        """The model `save` wrote.

        Raises:
            TensorFileError: the file is missing, damaged or holds something else.
        """
        arrays, header = tensorfile.read(path)
        try:
            model = cls(Config(**header["config"]), arrays["b_dec"].shape[0])
            for name, parameter in model.tensors.items():
                if parameter.shape != arrays[name].shape:
                    raise ValueError(f"{name} has shape {arrays[name].shape}, not {tuple(parameter.shape)}")
                parameter.copy_(torch.from_numpy(arrays[name]))
        except (KeyError, ValueError, TypeError) as problem:
            raise tensorfile.TensorFileError(f"{path} holds no model ({problem}).") from None
        return model


def array(tensor: Tensor) -> NDArray[Any]:
    """A tensor's values as an array of its own: on the processor ``.numpy()`` alone would alias live weights."""
    return tensor.detach().cpu().numpy().copy()


PURPOSES = ("weights", "order", "start", "noise", "resample")


def seeded(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """A generator for one purpose of one run.

    torch's generator takes 32 bits of seed, so (seed, purpose, index) is mixed down to them by numpy's
    SeedSequence: neighbouring seeds and epochs share nothing.
    """
    mixed = np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose), index)).generate_state(1)
    return torch.Generator().manual_seed(int(mixed[0]))


def unit_(rows: Tensor) -> Tensor:
    """Scale each row of (n, n_pixels) to norm 1, in place; a row of zeros stays."""
    return rows.div_(torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min_(1e-12))
