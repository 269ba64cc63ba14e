"""Every knob of a run, declared once.

The sidebar, the command line, the URL and ``config.json`` are all made from the fields of `Config`:
each carries its type, bounds, unit, plain name, help, and whether it acts on a running model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sae_core.knob import Knob, knob, read_knob
from sae_core.sparsity import METHODS, Method
from sae_core.zones import ZONES_OF_K, ZONES_OF_LIFETIME

__all__ = ["Config", "ConfigError", "Knob"]

MAX_LATENTS = 65_536
"""Largest width: 65,536 x 784 float32 weights, twice, with Adam's two moments are 1.2 GB."""


class ConfigError(ValueError):
    """A value a run cannot have: one sentence naming the knob, the value and what is allowed."""


class Config(BaseModel):
    """Everything that determines a run: with the images and the applied events, it replays it.

    Raises:
        ConfigError: a value is out of range, unknown, or does not go with the sparsity method.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = knob("mnist", "Data set", "The images to learn from; or the path of a file or folder of your own.")
    method: str = knob("l1", "Sparsity method", "What makes the code sparse.")
    activation: Literal["relu", "sigmoid"] = knob(
        "relu", "Activation", "Turns pre_codes into codes; KL needs the sigmoid, whose codes lie in (0, 1)."
    )
    n_latents: int = knob(
        256, "Hidden units (latents)", "Width of the hidden layer.", "latents", ge=1, le=MAX_LATENTS, dial=(16, 4096)
    )
    penalty_weight: float = knob(
        0.10,
        "Penalty weight",
        "How much sparsity counts against reconstruction; dimensionless, 0 is exactly off.",
        live=True,
        ge=0.0,
        le=100.0,
        dial=(0.003, 1.0),
        zones=((0.008, "no effect"), (0.35, "useful"), (1.0, "kills units")),
    )
    target_l0: float = knob(
        0.0,
        "Target L0",
        "Units that should be lit per image: a controller then finds the penalty weight; 0 is off.",
        "latents",
        live=True,
        ge=0.0,
        le=MAX_LATENTS,
        dial=(1, 256),
    )
    beta: float = knob(
        0.1,
        "KL weight β",
        "How much the KL divergence counts against reconstruction; 0 is exactly off.",
        live=True,
        ge=0.0,
        le=100.0,
        dial=(0.001, 1.0),
        zones=((0.003, "no effect"), (1.0, "useful")),
    )
    rho: float = knob(
        0.05,
        "Target activation ρ",
        "Mean activation each hidden unit is drawn towards.",
        live=True,
        gt=0.0,
        lt=1.0,
        dial=(0.005, 0.5),
    )
    target_rho: float = knob(
        0.0,
        "Target mean ρ̂",
        "Mean activation that the units should have on average: a controller then finds β; 0 is off.",
        live=True,
        ge=0.0,
        lt=1.0,
        dial=(0.01, 0.5),
    )
    k: int = knob(
        32,
        "Units kept k",
        "Codes kept per image.",
        "latents",
        live=True,
        ge=1,
        le=MAX_LATENTS,
        dial=(1, 256),
        zones=ZONES_OF_K,
    )
    lifetime: float = knob(
        0.05,
        "Lifetime share",
        "Share of a batch's images that each hidden unit keeps.",
        live=True,
        gt=0.0,
        le=1.0,
        dial=(0.005, 0.5),
        zones=ZONES_OF_LIFETIME,
    )
    batch_size: int = knob(256, "Batch size", "Images per step.", "images", ge=1, le=65_536, dial=(16, 4096))
    learning_rate: float = knob(
        1e-3, "Learning rate", "Adam's step size.", live=True, gt=0.0, le=10.0, dial=(1e-5, 1e-1)
    )
    weight_decay: float = knob(
        0.0,
        "Weight decay",
        "Coupled (part of J): weight_decay/2 times the squared norm of the weights.",
        live=True,
        ge=0.0,
        le=10.0,
        dial=(1e-7, 1e-1),
    )
    warmup_steps: int = knob(
        500, "Penalty warm-up", "Steps over which the penalty rises from 0 after a start.", "steps", ge=0, le=1_000_000
    )
    tied: bool = knob(False, "Tied weights", "Encoder and decoder are one matrix.")
    decoder_norm: Literal["unit", "bounded", "free"] = knob(
        "unit",
        "Filter norms",
        "Dictionary rows are held at norm 1, or at most 1, or free; a free row's norm counts in L1.",
    )
    project: bool = knob(
        True, "Project gradients", "Take from each unit-norm filter's gradient what would only lengthen it."
    )
    subtract_b_dec: bool = knob(True, "Centre inputs", "Subtract the decoder's bias before encoding (b_pre = b_dec).")
    start: Literal["random", "data"] = knob(
        "random", "Filters start at", "Random directions, or mostly images of the training set less their mean."
    )
    b_dec_start: Literal["mean", "zero"] = knob("mean", "Decoder bias starts at", "The mean training image, or 0.")
    noise: float = knob(
        0.0,
        "Input noise",
        "Denoising: standard deviation of the noise on what is encoded, in pixels' unit; clean images are asked back.",
        live=True,
        ge=0.0,
        le=10.0,
        dial=(0.01, 1.0),
    )
    schedule: Literal["constant", "linear", "cosine"] = knob(
        "constant",
        "Learning-rate schedule",
        "linear: to 0 over the last fifth of the run; cosine: to 0 over all of it. Both need an end.",
    )
    width_rule: bool = knob(
        False, "Scale rate by width", "Multiply the learning rate by √(256/latents), so that one suits every width."
    )
    clip_gradient: float = knob(
        0.0,
        "Longest gradient",
        "A longer gradient of J is scaled down to this norm, so that steep early steps count no more than later ones; "
        "0 is off.",
        live=True,
        ge=0.0,
        le=1e6,
        dial=(0.001, 1.0),
    )
    aux_k: int = knob(
        0,
        "Auxiliary units (aux-k)",
        "Dead units that try, for each image, to explain what the others left over; 0 is off.",
        "latents",
        ge=0,
        le=MAX_LATENTS,
        dial=(8, 512),
    )
    resample_every: int = knob(
        0,
        "Resample dead units every",
        "Dead units start again at images the model does badly on; 0 is never.",
        "images",
        ge=0,
        le=10**9,
        dial=(10_000, 10**6),
    )
    seed: int = knob(0, "Seed", "Start weights and order of the images.", ge=0, le=2**31 - 1)
    epochs: float | None = knob(None, "Epochs", "Passes over the data; empty: no end.", "epochs", gt=0.0, le=1e6)
    steps: int | None = knob(None, "Steps", "Optimisation steps; empty: no end.", "steps", ge=0, le=2**53)
    device: Literal["cpu", "cuda", "mps"] = knob("cpu", "Device", "Where the arithmetic runs.")
    precision: Literal["float32", "bfloat16"] = knob(
        "float32",
        "Precision",
        "Of the matrix products and their results; weights and Adam's means stay float32.",
    )
    threads: int | None = knob(None, "Threads", "Fixed for a run's life; empty: chosen at its start.", ge=1, le=1024)
    dead_window: int = knob(
        60_000, "Dead after", "A latent is dead when it fired on none of this many images.", "images", ge=1, le=10**9
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_sentence(error)) from None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_method_defaults(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        method = _method(values.get("method", cls.model_fields["method"].default))
        for name in values:
            if name in _METHOD_KNOBS and name not in method.knobs and values[name] != cls.model_fields[name].default:
                *others, last = (m.name for m in METHODS.values() if name in m.knobs)
                fitting = f"methods {', '.join(others)} and {last}" if others else f"method {last}"
                raise ConfigError(f"{name} belongs to the {fitting}; the method {method.name} does not use it.")
        return {**method.defaults, **values}

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        method = METHODS[self.method]
        if self.activation not in method.activations:
            raise ConfigError(
                f"The method {method.name} cannot use activation {self.activation!r}: {method.activation_reason}"
            )
        if self.epochs is not None and self.steps is not None:
            raise ConfigError("Give epochs or steps, not both: each says when the run ends.")
        for sentence in self._troubles(method):
            raise ConfigError(sentence)
        return self

    def _troubles(self, method: Method) -> Iterator[str]:
        """What cannot go together, and why, one sentence each."""
        n = self.n_latents
        defaults = self.defaults_of(method)
        for name in sorted(method.unused):
            if getattr(self, name) != defaults[name]:
                yield f"{name} has no place in the method {method.name}: leave it at {defaults[name]}."
        if "k" in method.knobs and self.k > n:
            yield f"k is {self.k}, but there are only {n} latents to keep codes of."
        if self.target_l0 > n:
            yield f"target_l0 is {self.target_l0:g}, but there are only {n} latents that could be lit."
        if 0.0 < self.target_rho <= self.rho:
            above = f"KL draws every unit towards rho {self.rho:g}, never below it"
            yield f"target_rho is {self.target_rho:g}, but {above}; ask for more, or lower rho."
        if self.schedule != "constant" and self.epochs is None and self.steps is None:
            yield f"schedule {self.schedule!r} falls to 0 at a run's end, and this run has none; give epochs or steps."
        if self.tied and self.decoder_norm == "unit" and self.weight_decay > 0.0:
            why = "tied filters held at norm 1 cannot decay"
            yield f"weight_decay is {self.weight_decay:g}, but {why}; free their norms, or leave it at 0."
        if self.aux_k > n:
            yield f"aux_k is {self.aux_k}, but there are only {n} latents."
        if self.activation == "sigmoid" and (self.aux_k or self.resample_every):
            why = "revive latents that are silent, and sigmoid codes never are"
            yield f"aux_k and resample_every {why}; leave them at 0 or use activation 'relu'."

    @classmethod
    def defaults_of(cls, method: Method) -> dict[str, Any]:
        """Every knob's default, as the method has it."""
        return {name: field.default for name, field in cls.model_fields.items()} | dict(method.defaults)

    def with_changes(self, **changes: Any) -> Config:
        """A copy with some knobs changed, checked like a new one."""
        return Config(**{**self.model_dump(), **changes})

    @classmethod
    def check_live(cls, name: str) -> None:
        """Whether a knob may change while a model trains.

        Raises:
            ConfigError: it needs a reset. That there is no such knob, `with_changes` says.
        """
        knob = cls.knobs().get(name)
        if knob is not None and not knob.live:
            raise ConfigError(f"{name} cannot change while a model trains; it applies at the next reset.")

    @property
    def dial(self) -> str | None:
        """The knob the big slider steers: `penalty_weight`, `beta`, `k`, `lifetime`, or none."""
        return METHODS[self.method].dial

    @property
    def target(self) -> float:
        """The outcome asked for instead of a weight (`target_l0`, `target_rho`); 0 where the weight is given."""
        name = METHODS[self.method].target
        return float(getattr(self, name)) if name else 0.0

    def total_steps(self, n_images: int) -> int | None:
        """How many steps the run has; None for a run without end."""
        if self.steps is not None:
            return self.steps
        if self.epochs is not None:
            return max(1, round(self.epochs * self.epoch_steps(n_images)))
        return None

    def epoch_steps(self, n_images: int) -> int:
        """Steps that see the training images once: ``n_images // batch_size``, and 1 where each sees them all."""
        return 1 if METHODS[self.method].whole else n_images // self.batch_size

    @classmethod
    def knobs(cls, method: str | None = None) -> dict[str, Knob]:
        """Every field's declaration, in order; as it reads for a method, where one is given."""
        knobs = {name: read_knob(name, field) for name, field in cls.model_fields.items()}
        looks = METHODS[method].looks if method in METHODS else {}
        looks = {"method": {"choices": tuple(METHODS)}, **looks}
        return {name: replace(one, **looks.get(name, {})) for name, one in knobs.items()}


_METHOD_KNOBS = frozenset().union(*(method.knobs for method in METHODS.values()))


def _method(name: object) -> Method:
    if not isinstance(name, str) or name not in METHODS:
        raise ConfigError(f"There is no sparsity method {name!r}; there are {', '.join(METHODS)}.")
    return METHODS[name]


def _sentence(error: ValidationError) -> str:
    """The first thing wrong, as one sentence: which knob, which value, what is allowed."""
    first = error.errors()[0]
    if isinstance(own := first.get("ctx", {}).get("error"), ConfigError):
        return str(own)
    name = str(first["loc"][0]) if first["loc"] else "config"
    if first["type"] == "extra_forbidden":
        return f"There is no knob {name!r}; there are {', '.join(Config.model_fields)}."
    problem = str(first["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return f"{name} is {first['input']!r}, but it {problem[0].lower()}{problem[1:]}."
