"""The knobs of the sidebar and of the URL, both made from the declarations on `Config`; no Streamlit here.

Everything that shapes a view is in the URL: ``run``, ``digit``, ``weights``, ``latent``, ``lecture``, ``notation``,
and each knob that differs from what it would be anyway.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sae_core.config import Config, ConfigError, Knob
from sae_core.data import DataError, check_dataset
from sae_core.sparsity import METHODS, Method
from sae_core.textbook.notation import TERMS

__all__ = [
    "AT_RESET",
    "LIVE",
    "MORE",
    "NOTATIONS",
    "OWN_DATA",
    "View",
    "differing",
    "knobs_from_url",
    "knobs_json",
    "knobs_to_url",
    "methods_json",
    "page_threads",
    "pending_config",
    "stops",
]

AT_RESET = ("dataset", "method", "n_latents", "batch_size", "seed")
MORE = (
    *("warmup_steps", "tied", "decoder_norm", "project", "subtract_b_dec", "start", "b_dec_start", "noise"),
    *("schedule", "steps", "width_rule", "aux_k", "resample_every", "dead_window", "precision", "threads"),
)
"""What is asked for rarely; folded away."""
LIVE = ("learning_rate", "weight_decay", "noise")
SIDEBAR = tuple(dict.fromkeys((*AT_RESET, *MORE, *LIVE)))
DIALS = ("penalty_weight", "target_l0", "beta", "rho", "target_rho", "k", "lifetime")
"""Their sliders are in the live view; a link may set where they begin."""

NOTATIONS = ("words", "course", "modern")

OWN_DATA = "own"
"""What the data-set menu stands at until the path of one's own data is written."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What one looks at, and how."""

    run: str | None = None
    digit: int | None = None
    weights: str = "decoder"
    latent: int | None = None
    lecture: bool = False
    notation: str = "words"
    """What the formula is written in: words, or the letters of the course or of this program."""

    @classmethod
    def from_url(cls, params: Mapping[str, str], openable: Callable[[str], object]) -> tuple[View, list[str]]:
        """The view in a URL, and a sentence for whatever in it is nonsense.

        ``openable`` raises ValueError with a sentence for a run that cannot be shown.
        """
        sentences: list[str] = []

        def run(text: str) -> str:
            openable(text)
            return text

        readers: dict[str, Callable[[str], Any]] = {
            "run": run,
            "digit": _index("digit"),
            "weights": _weights,
            "latent": _index("latent"),
            "lecture": _switch,
            "notation": _notation,
        }
        found: Values = {}
        for name, read in readers.items():
            if params.get(name):
                try:
                    found[name] = read(params[name])
                except ValueError as error:
                    sentences.append(str(error))
        return cls(**found), sentences

    def to_url(self) -> dict[str, str]:
        """The parameters that bring the view back; what is usual is left out."""
        params = {
            "run": self.run,
            "digit": self.digit,
            "weights": self.weights if self.weights != "decoder" else None,
            "latent": self.latent,
            "lecture": 1 if self.lecture else None,
            "notation": self.notation if self.notation != "words" else None,
        }
        return {name: str(value) for name, value in params.items() if value is not None}


def _index(name: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 6:
            raise ValueError(f"{name} is {_quoted(text)}, but it is a number from 0. None is chosen.")
        return int(text)

    return read


def _weights(text: str) -> str:
    if text not in {"decoder", "encoder"}:
        raise ValueError(f"weights is {_quoted(text)}, but it is decoder or encoder. Decoder is shown.")
    return text


def _notation(text: str) -> str:
    if text not in NOTATIONS:
        raise ValueError(f"notation is {_quoted(text)}, but it is one of {', '.join(NOTATIONS)}. Words are shown.")
    return text


def _switch(text: str, name: str = "lecture") -> bool:
    if text.lower() not in {"0", "1", "true", "false"}:
        raise ValueError(f"{name} is {_quoted(text)}, but it is 1 or 0. It stays as it is.")
    return text.lower() in {"1", "true"}


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def knobs_from_url(params: Mapping[str, str]) -> tuple[Values, list[str]]:
    """The knobs a URL sets, and a sentence for each it cannot set; those keep their default."""
    knobs = Config.knobs()
    values: Values = {}
    sentences: list[str] = []
    for name in sorted({*SIDEBAR, *DIALS} & set(params), key=lambda name: (name != "method", name)):
        try:
            value = _read(knobs[name], params[name])
            _check(name, value)
            pending_config({**values, name: value})
        except (ConfigError, ValueError) as error:
            sentences.append(f"{str(error).rstrip('.')}. The default is used.")
        else:
            values[name] = value
    return values, sentences


def _read(knob: Knob, text: str) -> Any:
    if isinstance(knob.default, str):
        return text
    if knob.switch:
        return _switch(text, knob.name)
    try:
        return int(text) if knob.integer else float(text)
    except ValueError:
        what = "a whole number" if knob.integer else "a number"
        raise ValueError(f"{knob.name} is {_quoted(text)}, but it is {what}") from None


def _check(name: str, value: Any) -> None:
    if name == "dataset" and value != OWN_DATA:
        try:
            check_dataset(value)
        except DataError as error:
            raise ConfigError(str(error)) from None


def pending_config(values: Mapping[str, Any]) -> Config:
    """The config these values would make; k is kept below the width, its slider follows by itself.

    Raises:
        ConfigError: they cannot be had, or not together.
    """
    chosen = dict(values)
    method = METHODS.get(chosen.get("method", "l1"))
    if method and "k" in method.knobs and "k" not in chosen:
        width = chosen.get("n_latents", Config.knobs()["n_latents"].default)
        if isinstance(width, int) and width >= 1:
            chosen["k"] = min(Config.knobs()["k"].default, width)
    return Config(**chosen)


def knobs_to_url(values: Mapping[str, Any], base: Config) -> dict[str, str]:
    """The knobs that differ from ``base``, as they stand in a URL."""
    differ = {name: values[name] for name in differing(values, base)}
    return {name: _in_url(value) for name, value in differ.items()}


def _in_url(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def differing(values: Mapping[str, Any], base: Config) -> list[str]:
    """The names of the values that are not those of ``base``."""
    return [name for name, value in values.items() if value is not None and value != getattr(base, name)]


def stops(knob: Knob, value: float) -> list[float]:
    """The stops of a logarithmic slider, 1-2-5 in each decade, exactly off where that is allowed, and ``value``."""
    low, high = knob.dial or (knob.low or 1e-6, knob.high or 1.0)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    grid = {float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)}
    found = {stop for stop in grid if low <= stop <= high} | {value}
    return sorted(found | {0.0} if knob.off else found)


def page_threads(cores: int | None = None) -> int:
    """Threads of a run begun on the page: one core is left to the page that watches it."""
    if cores is None:
        has_affinity = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, cores - 1)


def knobs_json() -> dict[str, Values]:
    """The declarations as the live view reads them."""
    return {name: asdict(knob) for name, knob in Config.knobs().items()}


def methods_json() -> dict[str, Values]:
    """The sparsity methods as the live view reads them."""
    return {
        name: {
            "label": method.label,
            "summary": method.summary,
            "penalty": method.penalty,
            "reconstruction": method.reconstruction,
            "letters": _letters(method),
            "structure": method.structure,
            "dial": method.dial,
            "target": method.target,
            "looks": {knob: dict(look) for knob, look in method.looks.items()},
            "knobs": sorted(method.knobs),
            "defaults": dict(method.defaults),
        }
        for name, method in METHODS.items()
    }


def _letters(method: Method) -> dict[str, dict[str, str]]:
    """The formula's terms in both notations: {course, modern} of {term: letters}."""
    own = {"reconstruction": method.reconstruction_letters, "sparsity": method.penalty_letters}
    return {
        "course": {name: term.course for name, term in TERMS.items()} | {name: a for name, (a, _) in own.items()},
        "modern": {name: term.modern for name, term in TERMS.items()} | {name: b for name, (_, b) in own.items()},
    }
