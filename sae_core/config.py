"""Every knob of a run, declared once.

The sidebar, the command line, the URL and ``config.json`` are all made from the fields of `Config`:
each carries its type, bounds, unit, plain name, help, and whether it acts on a running model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sae_core.sparsity import METHODS, Method

__all__ = ["Config", "ConfigError", "Knob"]

MAX_LATENTS = 65_536
"""Largest width: 65,536 x 784 float32 weights, twice, with Adam's two moments are 1.2 GB."""


class ConfigError(ValueError):
    """A value a run cannot have: one sentence naming the knob, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Knob:
    """The declaration of one field of `Config`, as the screens and the command line read it."""

    name: str
    label: str
    help: str
    unit: str
    default: Any
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    live: bool
    """Whether a change acts on the running model; the others apply at the next reset."""
    dial: tuple[float, float] | None
    """The range a slider offers, where it is narrower than what is allowed."""
    zones: tuple[tuple[float, str], ...]
    """What stretches of the dial do, as (up to this value, in these words); measured on MNIST."""
    integer: bool
    off: bool
    """Whether 0 is allowed, and means exactly off: a slider's leftmost stop."""


def _knob(
    default: Any,
    label: str,
    help: str,
    unit: str = "",
    *,
    live: bool = False,
    dial: tuple[float, float] | None = None,
    zones: tuple[tuple[float, str], ...] = (),
    **bounds: Any,
) -> Any:
    extra: dict[str, Any] = {"label": label, "unit": unit, "live": live, "dial": dial, "zones": zones}
    return Field(default=default, description=help, json_schema_extra=extra, **bounds)


class Config(BaseModel):
    """Everything that determines a run: with the images and the applied events, it replays it.

    Raises:
        ConfigError: a value is out of range, unknown, or does not go with the sparsity method.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = _knob("mnist", "Data set", "The images to learn from.")
    method: str = _knob("l1", "Sparsity method", "What makes the code sparse.")
    activation: Literal["relu", "sigmoid"] = _knob(
        "relu", "Activation", "Turns pre_codes into codes; KL needs the sigmoid, whose codes lie in (0, 1)."
    )
    n_latents: int = _knob(
        256, "Hidden units (latents)", "Width of the hidden layer.", "latents", ge=1, le=MAX_LATENTS, dial=(16, 4096)
    )
    penalty_weight: float = _knob(
        0.10,
        "Penalty weight",
        "How much sparsity counts against reconstruction; dimensionless, 0 is exactly off.",
        live=True,
        ge=0.0,
        le=100.0,
        dial=(0.003, 1.0),
        zones=((0.008, "no effect"), (0.35, "useful"), (1.0, "kills units")),
    )
    beta: float = _knob(
        0.1,
        "KL weight β",
        "How much the KL divergence counts against reconstruction; 0 is exactly off.",
        live=True,
        ge=0.0,
        le=100.0,
        dial=(0.001, 1.0),
        zones=((0.003, "no effect"), (1.0, "useful")),
    )
    rho: float = _knob(
        0.05,
        "Target activation ρ",
        "Mean activation each hidden unit is drawn towards.",
        live=True,
        gt=0.0,
        lt=1.0,
        dial=(0.005, 0.5),
    )
    k: int = _knob(
        32, "Units kept k", "Codes kept per image.", "latents", live=True, ge=1, le=MAX_LATENTS, dial=(1, 256)
    )
    batch_size: int = _knob(256, "Batch size", "Images per step.", "images", ge=1, le=65_536, dial=(16, 4096))
    learning_rate: float = _knob(
        1e-3, "Learning rate", "Adam's step size.", live=True, gt=0.0, le=10.0, dial=(1e-5, 1e-1)
    )
    weight_decay: float = _knob(
        0.0,
        "Weight decay",
        "Coupled (part of J): weight_decay/2 times the squared norm of the weights.",
        live=True,
        ge=0.0,
        le=10.0,
        dial=(1e-7, 1e-1),
    )
    warmup_steps: int = _knob(
        500, "Penalty warm-up", "Steps over which the penalty rises from 0 after a start.", "steps", ge=0, le=1_000_000
    )
    seed: int = _knob(0, "Seed", "Start weights and order of the images.", ge=0, le=2**31 - 1)
    epochs: float | None = _knob(None, "Epochs", "Passes over the data; empty: no end.", "epochs", gt=0.0, le=1e6)
    steps: int | None = _knob(None, "Steps", "Optimisation steps; empty: no end.", "steps", ge=0, le=2**53)
    device: Literal["cpu", "cuda", "mps"] = _knob("cpu", "Device", "Where the arithmetic runs.")
    precision: Literal["float32", "bfloat16"] = _knob(
        "float32", "Precision", "Of the matrix products alone; weights and sums stay float32."
    )
    threads: int | None = _knob(None, "Threads", "Fixed for a run's life; empty: chosen at its start.", ge=1, le=1024)
    dead_window: int = _knob(
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
                fitting = " and ".join(sorted(m.name for m in METHODS.values() if name in m.knobs))
                raise ConfigError(f"{name} belongs to the method {fitting}; the method {method.name} does not use it.")
        return {**method.defaults, **values}

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        method = METHODS[self.method]
        if self.activation not in method.activations:
            raise ConfigError(
                f"The method {method.name} cannot use activation {self.activation!r}: {method.activation_reason}"
            )
        if "k" in method.knobs and self.k > self.n_latents:
            raise ConfigError(f"k is {self.k}, but there are only {self.n_latents} latents to keep codes of.")
        if self.epochs is not None and self.steps is not None:
            raise ConfigError("Give epochs or steps, not both: each says when the run ends.")
        return self

    def with_changes(self, **changes: Any) -> Config:
        """A copy with some knobs changed, checked like a new one."""
        return Config(**{**self.model_dump(), **changes})

    @property
    def dial(self) -> str | None:
        """The knob the big slider steers: `penalty_weight`, `beta`, `k`, or none."""
        return METHODS[self.method].dial

    @classmethod
    def knobs(cls) -> dict[str, Knob]:
        """Every field's declaration, in order."""
        return {name: _read_knob(name, field) for name, field in cls.model_fields.items()}


_METHOD_KNOBS = frozenset().union(*(method.knobs for method in METHODS.values()))


def _method(name: object) -> Method:
    if not isinstance(name, str) or name not in METHODS:
        raise ConfigError(f"There is no sparsity method {name!r}; there are {', '.join(METHODS)}.")
    return METHODS[name]


def _read_knob(name: str, field: Any) -> Knob:
    bounds: dict[str, float] = {}
    for rule in field.metadata:
        for key in ("ge", "gt", "le", "lt"):
            if (value := getattr(rule, key, None)) is not None:
                bounds[key] = value
    extra = field.json_schema_extra
    choices = getattr(field.annotation, "__args__", ())
    return Knob(
        name=name,
        label=extra["label"],
        help=field.description,
        unit=extra["unit"],
        default=field.default,
        low=bounds.get("ge", bounds.get("gt")),
        high=bounds.get("le", bounds.get("lt")),
        choices=tuple(METHODS) if name == "method" else tuple(c for c in choices if isinstance(c, str)),
        live=extra["live"],
        dial=extra["dial"],
        zones=extra["zones"],
        integer="int" in str(field.annotation),
        off="float" in str(field.annotation) and bounds.get("ge") == 0,
    )


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
