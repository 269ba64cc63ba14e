"""Bringing latents back that have fallen silent: a task of their own (aux-k), or a new start (resampling)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sae_core.kernels.team import share
from sae_core.model import SparseAutoencoder, seeded, unit_
from sae_core.training.lit import project_

if TYPE_CHECKING:
    from sae_core.data import Images
    from sae_core.training.objective import Objective

__all__ = ["AUX_EVERY", "AUX_SHARE", "RESAMPLE_IMAGES", "AuxK", "resample_"]

AUX_SHARE = 1 / 32
"""α, the weight of the auxiliary term (Gao et al. 2024, appendix A.2)."""

AUX_EVERY = 4
"""Steps from one auxiliary term to the next: Adam, to which a gradient's size is nothing, brings the dead back all the
same, at a quarter of the price and with less of a pull on what the others left over."""

RESAMPLE_IMAGES = 8_192
"""Training images among which those are looked for that the model does badly on."""

RESAMPLE_SCALE = 0.2
"""Norm of a resampled encoder row, in units of the living ones' mean norm, under a penalty (Bricken et al. 2023).

Where the strongest win, a fifth of the others' strength never does, so there it is 1.
"""


class AuxK:
    """auxiliary = α · ‖r − z @ dictionary[dead]‖² / Σ‖r − r̄‖², r = x − x_hat what the others left over, a constant.

    z (batch, n_dead): W_enc[dead] x₀ + b_enc[dead], for each image its k largest, the others 0. The gradient reaches
    the dead latents' rows alone: neither b_dec, which is part of r, nor anybody alive. No ReLU, unlike Gao et al.
    (2024, appendix A.2), whose dead latents are positive but never among the k best: those of an L1 penalty are
    negative on every image, and a ReLU would pass them nothing (SAELens leaves it out, too). Every `AUX_EVERY` steps.
    """

    def __init__(self, objective: Objective, k: int) -> None:
        self._objective, self._k = objective, k
        self._rows: Tensor | None = None

    def forward(self, dead: Callable[[], Tensor], step: int) -> float:
        """The term, for the batch that `Objective.forward` has just seen; ``dead`` says who is, (n_latents,) bool."""
        self._rows = None
        if step % AUX_EVERY:
            return 0.0
        rows = dead().nonzero().squeeze(1)
        if not len(rows):
            return 0.0
        self._rows = rows
        objective, model = self._objective, self._objective.model
        encoder, b_enc, self._filters = model.W_enc[rows], model.b_enc[rows], model.dictionary[rows]
        error, n_images, self._centred = objective.error, len(objective.x), objective.exactly_centred()
        self._codes, self._left = objective.x.new_empty(n_images, len(rows)), torch.empty_like(error)
        squares, sums = error.new_empty(n_images), torch.empty_like(error[0])

        def see(first: int, end: int) -> None:
            some = slice(first, end)
            codes = torch.addmm(b_enc, self._centred[some], encoder.T, out=self._codes[some])
            if self._k < len(rows):
                kept, where = codes.topk(self._k, dim=1, sorted=False)
                codes.zero_().scatter_(1, where, kept)
            left = torch.addmm(error[some], codes, self._filters, out=self._left[some])
            torch.linalg.vecdot(left, left, out=squares[some])
            a, z = len(sums) * first // n_images, len(sums) * end // n_images
            torch.sum(error[:, a:z], 0, out=sums[a:z])

        share(see, n_images)
        spread = objective.missed - _square(sums) / n_images
        self._share = AUX_SHARE / max(spread, 1e-12)
        return self._share * float(squares.sum())

    def backward_(self) -> None:
        """Add its gradient to that of `Objective.backward`."""
        if self._rows is None:
            return
        objective, model, rows = self._objective, self._objective.model, self._rows
        slope = 2.0 * self._share
        for_codes, for_filters = torch.empty_like(self._codes), torch.empty_like(self._filters)
        for_encoder = torch.empty_like(self._filters)

        def back(first: int, end: int) -> None:
            some = slice(first, end)
            grads = torch.mm(self._left, self._filters[some].T).mul_(slope)
            if self._k < len(rows):
                grads.mul_(self._codes[:, some] != 0)
            for_codes[:, some] = grads
            torch.mm(self._codes[:, some].T, self._left, out=for_filters[some]).mul_(slope)
            torch.mm(grads.T, self._centred, out=for_encoder[some])

        share(back, len(rows))
        if model.config.tied:
            for_filters.add_(for_encoder)
        else:
            self._add("W_enc", for_encoder)
        if objective.projects:
            project_(for_filters, self._filters)
        self._add("dictionary", for_filters)
        self._add("b_enc", for_codes.sum(0))

    def _add(self, name: str, grads: Tensor) -> None:
        """To the dead rows of that parameter's."""
        rows, squares = self._rows, self._objective.squares
        total = getattr(self._objective.model, name).grad
        assert total is not None
        assert rows is not None
        before = total[rows].to(grads.dtype)
        after = before + grads
        total[rows] = after.to(total.dtype)
        if name in squares:
            squares[name] += _square(after) - _square(before)


def _square(tensor: Tensor) -> float:
    flat = tensor.reshape(-1)
    return float(torch.dot(flat, flat))


def resample_(
    model: SparseAutoencoder, dead: Tensor, images: Images, moments: Mapping[str, Sequence[Tensor]], step: int
) -> Tensor:
    """Start the ``dead`` (n_latents,) latents again at images the model does badly on; their indices.

    Of `RESAMPLE_IMAGES` training images drawn from (seed, step), each dead latent gets one with probability
    ∝ squared error²: its filter becomes the image's direction from b_dec, its encoder row the same direction at
    `RESAMPLE_SCALE` of the living rows' mean norm, its other parameters what they start at, its Adam ``moments`` 0
    (Bricken et al. 2023, appendix "Neuron resampling").
    """
    rows = dead.nonzero().squeeze(1)
    if not len(rows):
        return rows
    config = model.config
    random = seeded(config.seed, "resample", step)
    n = len(images.train)
    drawn = torch.randint(n, (min(RESAMPLE_IMAGES, n),), generator=random).sort().values
    some = torch.from_numpy(images.train[drawn.numpy()]).to(dead.device, model.b_dec.dtype)
    losses = (model(some) - some).double().square().sum(1).square().cpu()
    chosen = torch.multinomial(losses.clamp_min(1e-30), len(rows), replacement=True, generator=random)
    directions = unit_(some[chosen.to(dead.device)] - model.b_dec)
    living = ~dead if bool((~dead).any()) else dead
    if config.decoder_norm == "free":
        model.dictionary[rows] = directions * model.dictionary[living].norm(dim=1).mean()
    else:
        model.dictionary[rows] = directions
    if not config.tied:
        scale = RESAMPLE_SCALE if model.method.penalty else 1.0
        model.W_enc[rows] = directions * (scale * model.W_enc[living].norm(dim=1).mean())
    model.b_enc[rows] = model.method.bias_start(config)
    for extra in model.method.extras:
        if extra.per_latent:
            getattr(model, extra.name)[rows] = extra.value(images.variance)
    for name in model.trained:
        if name != "b_dec":
            for moment in moments[name]:
                moment[rows] = 0.0
    return rows
