"""Training on everything at once: the course's cost, a step being one iteration of L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from sae_core.checkpoint import Checkpoint
from sae_core.config import Config
from sae_core.model import SparseAutoencoder, array
from sae_core.snapshot import Frame, Row, Terms
from sae_core.tensorfile import TensorFileError
from sae_core.textbook.cost import Knobs, start
from sae_core.textbook.training import CourseCost, Descent, Look
from sae_core.training.picture import Firing, some_codes
from sae_core.training.recent import Clock
from sae_core.training.sketch import Sketch
from sae_core.training.step import Diverged, check_images

if TYPE_CHECKING:
    from sae_core.data import Images

__all__ = ["EXACT_UP_TO", "WholeTrainer"]

EXACT_UP_TO = 2**22
"""Numbers in the examples that are worked on in float64, as the course does: 65,536 patches of 8×8.

Beyond it float32: 10,000 images of MNIST take half the time, and nobody checks their gradient by differences.
"""


class WholeTrainer:
    """`Trainer` for the course's own autoencoder: the same calls, the same pictures.

    The examples are the first ``batch_size`` training images, or all there are. What a step counts as is
    ``batch_size`` images, and an epoch; its line search may look at them several times. Pages and files see float32
    copies of the weights; θ itself goes on in its own precision.

    Raises:
        ConfigError: images are all alike, or hold values that are no numbers.
    """

    def __init__(self, config: Config, images: Images, start_from: Checkpoint | None = None) -> None:
        check_images(images)
        self.config, self.images = config, images
        self.steps = self.images_seen = 0
        self.device = torch.device("cpu")
        self.largest_weight = None
        some = images.train[: config.batch_size]
        x = torch.from_numpy(some.astype(np.float64 if some.size <= EXACT_UP_TO else np.float32))
        first = start(x.shape[1], config.n_latents, config.seed)
        theta = torch.from_numpy(first.flat("C")).to(x.dtype)
        self._descent = Descent(CourseCost(x, config.n_latents), theta, _knobs(config))
        self._model = SparseAutoencoder.from_config(config, images)
        self._some = some_codes(torch.from_numpy(some.astype(np.float32)))
        self._copied: Look | None = None
        self._clock = Clock()
        self._sketch: Sketch | None = None
        if start_from is not None:
            self.restore(start_from)

    def step(self) -> None:
        """One iteration of L-BFGS; where it is at its end, it begins again from the gradient.

        Raises:
            Diverged: J is no longer finite; the weights are those of before.
        """
        self._clock.begin()
        descent = self._descent
        before = descent.theta.detach().clone()
        moved = descent.step()
        found = descent.look()
        if not math.isfinite(found.terms.cost):
            descent.theta.detach().copy_(before)
            descent.restart()
            raise Diverged(self.steps, found.terms.cost)
        if not moved:
            descent.restart()
        self.steps += 1
        self.images_seen += self.config.batch_size
        self._clock.end(self.config.batch_size)

    def set(self, name: str, value: float) -> None:
        """Change a live knob, from the next step on.

        Raises:
            ConfigError: there is no such knob, it needs a reset, or the value is not allowed.
        """
        Config.check_live(name)
        self._adopt({name: value})

    @property
    def dial(self) -> float:
        """β."""
        return self.config.beta

    @property
    def model(self) -> SparseAutoencoder:
        """The weights of this moment, in float32."""
        self._look()
        return self._model

    def row(self) -> Row:
        """The numbers of the moment, all over the examples; J and its terms are the course's."""
        found = self._look()
        terms = Terms(found.terms.reconstruction, found.divergence, self._descent.knobs.beta, found.terms.decay)
        return Row(
            step=self.steps,
            images=self.images_seen,
            epoch=float(self.steps),
            seconds=self._clock.seconds,
            images_per_second=self._clock.images_per_second,
            terms=terms,
            fvu=2.0 * terms.reconstruction / self.images.variance,
            l0=float(found.density.sum()),
            dead_fraction=float((found.density == 0).double().mean()),
            penalty_weight=self.dial,
        )

    def sketch(self) -> Sketch:
        """The moment, copied to be drawn from; it holds until the next is taken."""
        self._sketch = self._sketch or Sketch(self._model, self.images)
        return self._sketch.take_(self.model, self.row(), self.firing())

    def frame(self, weights: Literal["decoder", "encoder"] = "decoder") -> Frame:
        """The moving picture, drawn at once."""
        return self.sketch().frame(weights)

    def firing(self) -> Firing:
        """Who fires, over the examples; dead is who fires for none of them."""
        found = self._look()
        with torch.no_grad():
            codes = self._model.encode(self._some)
        dead = found.density == 0
        return Firing(array(found.density.float()), array(dead).astype("uint8"), codes)

    def checkpoint(self) -> Checkpoint:
        """Everything to continue from here bit for bit, copied."""
        descent, knobs = self._descent, self._descent.knobs
        memory = {f"lbfgs.{name}": array(tensor) for name, tensor in descent.tensors().items()}
        tried = {"rho": knobs.rho, "decay": knobs.decay, "beta": knobs.beta}
        return Checkpoint(
            config=self.config,
            step=self.steps,
            images=self.images_seen,
            seconds=self._clock.seconds,
            numbers={f"lbfgs.{name}": value for name, value in {**descent.numbers(), **tried}.items()},
            tensors={
                **{name: array(tensor) for name, tensor in self.model.tensors.items()},
                **memory,
            },
        )

    @torch.no_grad()
    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back, or forward, to a checkpoint; its live knobs are taken up, the others stay.

        Raises:
            TensorFileError: it is of another model.
        """
        found = {n.removeprefix("lbfgs."): a for n, a in checkpoint.tensors.items() if n.startswith("lbfgs.")}
        theta = self._descent.theta
        if "theta" not in found or found["theta"].shape != theta.shape or array(theta).dtype != found["theta"].dtype:
            raise TensorFileError("The checkpoint is of another model: lbfgs.theta is missing or of another shape.")
        numbers = {n.removeprefix("lbfgs."): v for n, v in checkpoint.numbers.items() if n.startswith("lbfgs.")}
        self._descent.knobs = Knobs(*(numbers[name] for name in ("rho", "decay", "beta")))
        self._descent.load({name: torch.from_numpy(a.copy()) for name, a in found.items()}, numbers)
        self.steps, self.images_seen = checkpoint.step, checkpoint.images
        self._clock.seconds = checkpoint.seconds
        self._adopt({name: getattr(checkpoint.config, name) for name, knob in Config.knobs().items() if knob.live})

    def _adopt(self, changes: Mapping[str, float]) -> None:
        """Take up live knobs; another cost is another way down."""
        self.config = self._model.config = self.config.with_changes(**changes)
        if (knobs := _knobs(self.config)) != self._descent.knobs:
            self._descent.knobs = knobs
            self._descent.restart()

    @torch.no_grad()
    def _look(self) -> Look:
        """What θ comes to now; the float32 copy of it is brought up to date."""
        descent, model = self._descent, self._model
        found = descent.look()
        if found is not self._copied:
            W1, W2, b1, b2 = descent.cost.split(descent.theta.detach())
            for mine, theirs in ((model.W_enc, W1), (model.dictionary, W2.T), (model.b_enc, b1), (model.b_dec, b2)):
                mine.copy_(theirs)
            model.extras["rho_hat"].copy_(found.rho_hat)
            self._copied = found
        return found


def _knobs(config: Config) -> Knobs:
    return Knobs(rho=config.rho, decay=config.weight_decay, beta=config.beta)
