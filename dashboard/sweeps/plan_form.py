"""The form of a new sweep: a table in which every line is a knob and what to try of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.figures.compared import label_of
from sae_core.config import Config, ConfigError
from sae_core.sweep.drive import make_plan
from sae_core.sweep.plan import OBJECTIVES, Plan, read_choices, read_range
from sae_core.sweep.search import missing

__all__ = ["Asked", "ask", "plan_of"]

KINDS = {"grid": "Grid: every combination", "random": "Random draws", "search": "Search (Optuna)"}

FIRST = {
    "grid": (("penalty_weight", "0.01, 0.03, 0.1, 0.3"), ("seed", "0, 1"), ("epochs", "1"), ("dataset", "mnist")),
    "random": (("penalty_weight", "0.003..1"), ("n_latents", "64..512"), ("epochs", "1"), ("dataset", "mnist")),
}
"""What stands in the table at first; a search begins like random draws."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks for."""

    plan: Plan
    name: str | None
    workers: int
    stop_hopeless: bool


def ask(cores: int, *, disabled: bool) -> Asked | None:
    """The form; what it says when its button is pressed."""
    left, right = st.columns((3, 2))
    with right:
        kind = st.selectbox("What kind", list(KINDS), format_func=KINDS.__getitem__, key="sweeps-kind")
        count, objectives = 1, ()
        if kind != "grid":
            count = st.number_input("Draws", 1, 1000, 20, key="sweeps-count")
        if kind == "search":
            objectives = st.multiselect(
                "It looks for", list(OBJECTIVES), ["fvu", "l0"], key="sweeps-objectives", format_func=label_of
            )
        with st.container(horizontal=True):
            workers = st.number_input("Trials at once", 1, 64, cores, key="sweeps-workers", width=140)
            name = st.text_input("Name", placeholder="made from the plan", key="sweeps-name", width=240)
        hopeless = st.checkbox("Stop trials that are clearly worse half way", key="sweeps-hopeless")
    with left:
        lines = _table(kind)
    try:
        plan = plan_of(kind, lines, count=int(count), objectives=tuple(objectives))
        plan.check()
        if kind == "search" and (sentence := missing()):
            raise ConfigError(sentence)
    except (ConfigError, ValueError) as error:
        st.error(str(error))
        st.button("Begin", type="primary", disabled=True)
        return None
    trials = f"{len(plan)} trial{'s' if len(plan) > 1 else ''}"
    pressed = st.button(f"Begin {trials}", type="primary", disabled=disabled, key="sweeps-begin")
    return Asked(plan, name.strip() or None, int(workers), hopeless) if pressed else None


def _table(kind: str) -> list[tuple[str, str]]:
    """Lines of knob and values, as they are written."""
    first = FIRST.get(kind, FIRST["random"])
    said = st.data_editor(
        pd.DataFrame(first, columns=["knob", "values"]),
        key=f"sweeps-knobs-{kind}",
        num_rows="dynamic",
        hide_index=True,
        column_config={
            "knob": st.column_config.SelectboxColumn(
                "Knob", options=list(Config.knobs()), required=True, width="small"
            ),
            "values": st.column_config.TextColumn("What to try", width="large"),
        },
    )
    st.caption(
        "One value: the same for all trials. Several with commas: every combination of them."
        + ("" if kind == "grid" else " Two with dots between, 0.003..1: drawn from there.")
        + " A line more is added at the foot of the table."
    )
    return [
        (str(line["knob"]), str(line["values"]).strip())
        for line in said.to_dict("records")
        if line["knob"] and line["values"] and str(line["values"]).strip()
    ]


def plan_of(kind: str, lines: list[tuple[str, str]], *, count: int = 1, objectives: tuple[str, ...] = ()) -> Plan:
    """The plan that lines of knobs and values say: one value is the same for all, several are combined, a range drawn.

    Raises:
        ConfigError: they name no knob, or do not go together.
    """
    base: dict[str, Any] = {}
    grid: dict[str, tuple[Any, ...]] = {}
    ranges: dict[str, Any] = {}
    for knob, values in lines:
        if knob in base or knob in grid or knob in ranges:
            raise ConfigError(f"{knob} has two lines: put its values into one, with commas.")
        if ".." in values:
            if kind == "grid":
                raise ConfigError(
                    f"{knob} is {values!r}, but a grid has no ranges: list its values, or draw at random."
                )
            ranges[knob] = read_range(f"{knob}={values}")[1]
            continue
        choices = read_choices(f"{knob}={values}")[1]
        if len(choices) == 1:
            base[knob] = choices[0]
        else:
            grid[knob] = choices
    if not grid and not ranges:
        raise ConfigError("Nothing varies yet: give at least one knob several values, with commas between.")
    return make_plan(
        grid,
        ranges,
        random=count if kind == "random" else None,
        search=count if kind == "search" else None,
        objectives=objectives,
        seed=0,
        base=base,
    )
