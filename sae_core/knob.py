"""What is declared of a knob, once: type, bounds, unit, plain name, help, and whether it acts on a running model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

__all__ = ["Knob", "knob", "read_knob"]


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
    switch: bool
    """Whether it is only on or off."""
    off: bool
    """Whether 0 is allowed, and means exactly off: a slider's leftmost stop."""


def knob(
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
    """A field of `Config`, declared; ``bounds`` are pydantic's (ge, gt, le, lt)."""
    extra: dict[str, Any] = {"label": label, "unit": unit, "live": live, "dial": dial, "zones": zones}
    return Field(default=default, description=help, json_schema_extra=extra, **bounds)


def read_knob(name: str, field: Any) -> Knob:
    """The declaration that `knob` left on a field of a pydantic model."""
    bounds: dict[str, float] = {}
    for rule in field.metadata:
        for key in ("ge", "gt", "le", "lt"):
            if (value := getattr(rule, key, None)) is not None:
                bounds[key] = value
    extra = field.json_schema_extra
    choices = getattr(field.annotation, "__args__", ())
    types = choices or (field.annotation,)
    return Knob(
        name=name,
        label=extra["label"],
        help=field.description,
        unit=extra["unit"],
        default=field.default,
        low=bounds.get("ge", bounds.get("gt")),
        high=bounds.get("le", bounds.get("lt")),
        choices=tuple(c for c in choices if isinstance(c, str)),
        live=extra["live"],
        dial=extra["dial"],
        zones=extra["zones"],
        integer=int in types,
        switch=bool in types,
        off=float in types and bounds.get("ge") == 0,
    )
