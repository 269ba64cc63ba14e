"""One optimisation step, and what a trainer shows of itself between steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from sae_core import kernels
from sae_core.checkpoint import Checkpoint
from sae_core.config import Config, ConfigError
from sae_core.kernels.pages import settle
from sae_core.kernels.team import as_team
from sae_core.model import SparseAutoencoder, array
from sae_core.snapshot import Frame, Row, Terms
from sae_core.tensorfile import TensorFileError
from sae_core.training.adam import Adam
from sae_core.training.batches import Batches
from sae_core.training.device import device_of, product_dtype
from sae_core.training.picture import Firing, some_codes
from sae_core.training.rates import Rates
from sae_core.training.recent import Clock, Recent
from sae_core.training.revival import AuxK, resample_
from sae_core.training.sketch import Sketch
from sae_core.training.target import Controller, largest_weight
from sae_core.training.wide import objective_of

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["LARGEST_FVU", "Diverged", "Trainer", "check_images"]

LARGEST_FVU = 1e4
"""A reconstruction term beyond this counts as diverged: the mean image scores 1."""


class Diverged(ValueError):
    """The objective ran away; raised before the update, so the weights are still those of ``step``."""

    def __init__(self, step: int, objective: float) -> None:
        self.step = step
        self.sentence = (
            f"The objective is {objective:g} at step {step}: training diverged and stopped before the weights were "
            "touched; try a smaller learning rate."
        )
        super().__init__(self.sentence)


class Trainer:
    """Trains one model; nobody else holds its live parameters.

    J = reconstruction + weight · ramp · sparsity + decay + auxiliary, ramp = min(1, (step + 1)/warmup_steps).
    Each `step` takes the next batch of the epoch's permutation (the last, partial batch is dropped), computes
    the gradient in closed form, lets Adam (Kingma & Ba 2015, torch's fused kernel) move the weights, and brings
    the dictionary's rows back to norm 1 where the method holds them there.

    Raises:
        ConfigError: the batch is larger than the data set, its images are all alike or hold values that are no
            numbers, or the device is not there.
    """

    _dtype = torch.float32

    def __init__(self, config: Config, images: Images, start: Checkpoint | None = None) -> None:
        check_images(images)
        self.config = config
        self.images_seen = 0
        self.steps = 0
        self.images = images
        self.device = device_of(config)
        self._batches = Batches(images.train, config, self.device, self._dtype)
        self.model = SparseAutoencoder.from_config(config, images).to(self.device, self._dtype)
        products = product_dtype(config) or self._dtype
        self.objective = objective_of(self.model, images.variance, config.batch_size, products)
        if self.objective.wide:
            kernels.prepare(low=products == torch.bfloat16)
        self._optimizer = Adam(
            self.model.trained,
            config.learning_rate,
            wide=self.objective.wide,
            lower=self.objective.lower,
            least=self.objective.least,
        )
        self._recent = Recent(config.n_latents, config.batch_size, self.objective.codes, wide=self.objective.wide)
        self._rates = Rates(config, len(images.train))
        self._aux = AuxK(self.objective, config.aux_k) if config.aux_k else None
        self._controller: Controller | None = None
        self._clock = Clock()
        self._sketch: Sketch | None = None
        if self.objective.wide:
            settle([*self._tensors().values(), *self.objective.large])
        self._adopt({})
        if start is None:
            self._look_ahead()
        else:
            self.restore(start)

    @torch.no_grad()
    def step(self) -> None:
        """One optimisation step.

        Raises:
            Diverged: the objective is not finite or the FVU beyond `LARGEST_FVU`; the weights are untouched.
        """
        self._clock.begin()
        with as_team() if self.objective.wide else nullcontext():
            self._step()
        self._clock.end(self.config.batch_size)

    def _step(self) -> None:
        images = self.images_seen + self.config.batch_size
        terms = self._forward(images)
        self.objective.backward(terms.weight, self.config)
        if self._aux is not None:
            self._aux.backward_()
        if not self._rates.constant:
            self._set_rate()
        self._optimizer.step(self.config.clip_gradient, self.objective.squares)
        self.objective.constrain_()
        self._recent.observe_(self.objective.counts, terms, images)
        if self._controller is not None:
            self._controller.observe(self.objective.measure(), self.config, images, self.steps)
        self.steps += 1
        self.images_seen = images
        if self.config.resample_every:
            self._resample()

    def set(self, name: str, value: float) -> None:
        """Change a live knob of the running model, from the next step on.

        Raises:
            ConfigError: there is no such knob, it needs a reset, or the value is not allowed.
        """
        Config.check_live(name)
        self._adopt({name: value})

    @property
    def dial(self) -> float:
        """The big slider's value, or what a controller made of it; 0 for a method without one."""
        if self._controller is not None:
            return self._controller.weight
        return float(getattr(self.config, self.config.dial)) if self.config.dial else 0.0

    def row(self) -> Row:
        """The numbers of the moment: means over recent batches, at step 0 over the batch to come."""
        terms = self._recent.terms
        dead = self._dead(self.images_seen)
        return Row(
            step=self.steps,
            images=self.images_seen,
            epoch=self.steps / self._batches.per_epoch,
            seconds=self._clock.seconds,
            images_per_second=self._clock.images_per_second,
            terms=terms,
            fvu=terms.reconstruction,
            l0=self._recent.l0,
            dead_fraction=float(dead.sum()) / self.config.n_latents,
            penalty_weight=self.dial,
            largest_weight=self.largest_weight,
        )

    def sketch(self) -> Sketch:
        """The moment, copied to be drawn from; it holds until the next is taken."""
        self._sketch = self._sketch or Sketch(self.model, self.images)
        return self._sketch.take_(self.model, self.row(), self.firing())

    def frame(self, weights: Literal["decoder", "encoder"] = "decoder") -> Frame:
        """The moving picture, drawn at once."""
        return self.sketch().frame(weights)

    def firing(self) -> Firing:
        """Who fired of late, copied."""
        dead = self._dead(self.images_seen)
        return Firing(array(self._recent.density), array(dead).astype("uint8"), some_codes(self.objective.codes))

    def checkpoint(self) -> Checkpoint:
        """Everything to continue from here bit for bit, copied."""
        return Checkpoint(
            config=self.config,
            step=self.steps,
            images=self.images_seen,
            seconds=self._clock.seconds,
            numbers=self._recent.numbers() | (self._controller.numbers() if self._controller else {}),
            tensors={name: array(tensor) for name, tensor in self._tensors().items()},
        )

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back, or forward, to a checkpoint; its live knobs are taken up, the others stay.

        Raises:
            TensorFileError: it is of another model.
        """
        tensors = self._tensors()
        for name, tensor in tensors.items():
            saved = checkpoint.tensors.get(name)
            if saved is None or saved.shape != tensor.shape:
                raise TensorFileError(f"The checkpoint is of another model: {name} is missing or of another shape.")
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(checkpoint.tensors[name]))
        self.steps, self.images_seen = checkpoint.step, checkpoint.images
        self._clock.seconds = checkpoint.seconds
        self._recent.restore_(checkpoint.numbers)
        self._adopt({name: getattr(checkpoint.config, name) for name, knob in Config.knobs().items() if knob.live})
        if self._controller is not None:
            self._controller.restore_(checkpoint.numbers)
        self._look_ahead()

    @cached_property
    def largest_weight(self) -> float | None:
        """The weight from which on everything is dead, where the method has one."""
        return largest_weight(self.config, self.images)

    def _adopt(self, changes: Mapping[str, float]) -> None:
        before = self.config
        self.config = self.model.config = before.with_changes(**changes)
        self._set_rate()
        if not self.config.target:
            self._controller = None
        elif self._controller is None or self.model.method.weight(before) != self.model.method.weight(self.config):
            self._controller = Controller(self.config, self.largest_weight)

    def _set_rate(self) -> None:
        self._optimizer.rate = self._rates.at(self.steps, self.config.learning_rate)

    def _dead(self, images: int) -> Tensor:
        return self._recent.dead(images, self.config.dead_window)

    def _resample(self) -> None:
        """Whenever ``resample_every`` more images have been seen."""
        every, before = self.config.resample_every, self.images_seen - self.config.batch_size
        if self.images_seen // every > before // every:
            moments = {name: (m["exp_avg"], m["exp_avg_sq"]) for name, m in self._optimizer.state.items()}
            rows = resample_(self.model, self._dead(self.images_seen), self.images, moments, self.steps)
            self._recent.last_fired[rows] = self.images_seen

    @torch.no_grad()
    def _look_ahead(self) -> None:
        """Fill the buffers from the batch to come, for pictures; at step 0 its numbers are the only ones there are.

        The first step sees that batch again, and a mean over one batch forgets what was there: looking changes nothing.
        """
        if self.steps:
            self._see()
        else:
            terms = self._forward(self.config.batch_size)
            self._recent.observe_(self.objective.counts, terms, self.config.batch_size)
            self._recent.last_fired.zero_()

    def _forward(self, images: int) -> Terms:
        """The terms on the next batch; ``images`` seen once it is done."""
        reconstruction = self._see()
        if not reconstruction <= LARGEST_FVU:
            raise Diverged(self.steps, reconstruction)
        sparsity, decay, auxiliary = self.objective.penalties(self.config, images)
        if self._aux is not None:
            auxiliary += self._aux.forward(lambda: self._dead(self.images_seen), self.steps)
        terms = Terms(reconstruction, sparsity, self._weight(), decay, auxiliary)
        if not math.isfinite(terms.objective):
            raise Diverged(self.steps, terms.objective)
        return terms

    def _see(self) -> float:
        """The reconstruction term of the next batch."""
        drawn, noise = self._batches.draw(self.steps), self.config.noise
        if noise:
            drawn.take_(self.objective.x)
        self.objective.blur_(noise, self.steps)
        return self.objective.forward(self.config, None if noise else drawn)

    def _weight(self) -> float:
        """The method's weight, or the controller's, with the warm-up: a linear ramp, and nothing after it."""
        weight = self._controller.weight if self._controller else self.model.method.weight(self.config)
        if self.steps < self.config.warmup_steps:
            weight *= (self.steps + 1) / self.config.warmup_steps
        return weight

    def _tensors(self) -> dict[str, Tensor]:
        """Every tensor a checkpoint holds, live, by name."""
        tensors = self.model.tensors
        for name, moments in self._optimizer.state.items():
            tensors |= {f"adam.{name}.{key}": moment for key, moment in moments.items()}
        return tensors | {"recent.density": self._recent.density, "recent.last_fired": self._recent.last_fired}


def check_images(images: Images) -> None:
    """Whether there is anything to learn.

    Raises:
        ConfigError: the images are all alike, or hold values that are no numbers.
    """
    if not math.isfinite(images.variance):
        raise ConfigError(
            f"{images.name} holds values that are no finite numbers (NaN or infinite); take them out first."
        )
    if images.variance <= 0.0:
        raise ConfigError(f"All training images of {images.name} are alike (variance 0), so there is nothing to learn.")
