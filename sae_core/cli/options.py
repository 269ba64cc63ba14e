"""The options of ``train``, made from the declarations on `Config`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from sae_core.config import Config, Knob
from sae_core.data import DATASETS

__all__ = ["takes_knobs"]

SHORT = {"n_latents": "latents", "learning_rate": "lr"}
"""Where a knob's full name is longer than anyone types."""

DEFAULT_EPOCHS = 3.0
"""Passes over the data where neither epochs nor steps are given: a run begun in a terminal ends."""


def takes_knobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command(given, **own)`` one option for each knob; those that were given arrive as the mapping ``given``.

    They arrive as text: `Config` knows types and bounds, and says what is wrong in one sentence.
    """
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    def with_knobs(**values: Any) -> Any:
        given = {name: values.pop(name) for name in Config.knobs()}
        return command({name: text for name, text in given.items() if text is not None}, **values)

    options = [_option(knob) for knob in Config.knobs().values()]
    with_knobs.__name__ = command.__name__
    with_knobs.__doc__ = command.__doc__
    with_knobs.__signature__ = inspect.Signature([*options, *own])  # type: ignore[attr-defined]  # functions have one; their type does not say so
    return with_knobs


def _option(knob: Knob) -> inspect.Parameter:
    long = f"--{SHORT.get(knob.name, knob.name).replace('_', '-')}"
    panel = "Knobs that also act on a running model (penstroke set)" if knob.live else "Knobs fixed for the run"
    option = typer.Option(long, help=_help(knob), metavar=_metavar(knob), rich_help_panel=panel)
    return inspect.Parameter(
        knob.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


def _help(knob: Knob) -> str:
    if knob.name == "epochs":
        return f"Passes over the data. (default: {DEFAULT_EPOCHS:g}, unless steps are given)"
    if knob.name == "steps":
        return "Optimisation steps, instead of epochs."
    if knob.name == "threads":
        return f"{knob.help.partition(';')[0]}. (default: all cores)"
    default = f"{knob.default:g}" if isinstance(knob.default, float) else knob.default
    if knob.switch:
        default = "on" if knob.default else "off"
    return f"{knob.help} (default: {default})"


def _metavar(knob: Knob) -> str:
    if choices := (*DATASETS, "PATH") if knob.name == "dataset" else knob.choices:
        return "|".join(choices)
    return "on|off" if knob.switch else knob.unit.upper() or "NUMBER"
