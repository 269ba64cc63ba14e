"""The page "Check my gradient", without a browser: an example with a mistake, the notation, the charts."""

from __future__ import annotations

import numpy as np
from streamlit.testing.v1 import AppTest

from dashboard.figures.textbook import block_figure, filter_figure
from sae_core.textbook.notation import COST, SYMBOLS, symbol


def page() -> None:
    from dashboard.views import check

    check.show()


def opened() -> AppTest:
    app = AppTest.from_function(page, default_timeout=60).run()
    assert not app.exception
    return app


def test_an_empty_page_says_what_to_do():
    said = opened().info[0].value
    assert "Choose **an example**" in said


def test_an_example_with_a_mistake_is_named():
    """And the same example without it is right."""
    app = opened()
    next(group for group in app.button_group if "an example" in group.options).set_value("an example").run()
    assert not app.exception
    assert app.error[0].value.startswith("Probably sign of the sparsity term")
    app.selectbox(key="check-mistake").select("none: the gradient is right").run()
    assert not app.error
    assert app.success[0].value.startswith("The gradient is right")
    assert [metric.label for metric in app.metric] == ["squared error", "weight decay", "sparsity", "cost J"]


def test_a_knob_that_makes_no_sense_gets_a_sentence():
    app = opened()
    app.number_input(key="check-rho").set_value(1.5).run()
    assert "ρ is 1.5" in app.error[0].value


def test_both_notations_fill_every_place():
    """No braces of the template are left, and the letters differ."""
    course, modern = symbol(COST, "course"), symbol(COST, "modern")
    assert r"W^{(1)}" in course
    assert r"W_\mathrm{enc}" in modern
    assert all(entry.meaning for entry in SYMBOLS.values())


def test_the_blocks_are_bars_from_the_smallest_number():
    """1e-4 ends at 1e-4 on the axis of logarithms."""
    figure = block_figure({"W1": 1e-4, "b1": 0.0})
    bar = figure.data[0]
    assert bar.base + bar.x[0] == -4
    assert bar.text[0] == "1.0e-04"


def test_filters_are_read_down_their_columns():
    """A weight at place 1 of 4 is in the second row; what is no square has no picture."""
    W1 = np.array([[0.0, 2.0, 0.0, 0.0]])
    assert filter_figure(W1).data[0].z.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert filter_figure(np.ones((2, 5))) is None
