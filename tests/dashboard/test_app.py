"""The page as Streamlit runs it, without a browser: the sidebar, the address, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sae_core.config import Config
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


def opened(**params: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=30)
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def address(app: AppTest) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}


@pytest.fixture
def run() -> RunDirectory:
    return Runs().create(Config(n_latents=64, batch_size=128, learning_rate=0.002))


def test_the_page_opens_with_the_defaults() -> None:
    """Nothing is said, and nothing is in the address."""
    app = opened()
    assert app.number_input(key="knob-n_latents").value == 256
    assert app.selectbox(key="knob-method").value == "l1"
    assert app.select_slider(key="knob-learning_rate").value == 0.001
    assert not app.toast
    assert address(app) == {}


def test_nonsense_in_the_address_is_said_and_the_page_opens() -> None:
    """One sentence each, never a traceback; the address is put right."""
    app = opened(
        run="../..", n_latents="0", method="banana", digit="x", learning_rate="nan", batch_size="64", lecture="?"
    )
    said = [toast.value for toast in app.toast]
    assert len(said) == 6
    assert any("'../..'" in sentence for sentence in said)
    assert app.number_input(key="knob-n_latents").value == 256
    assert app.number_input(key="knob-batch_size").value == 64
    assert address(app) == {"batch_size": "64"}
    app.run()
    assert not app.toast


def test_a_knob_is_in_the_address_once_it_differs() -> None:
    """And leaves it again with the default."""
    app = opened()
    app.number_input(key="knob-n_latents").set_value(512).run()
    assert address(app) == {"n_latents": "512"}
    app.number_input(key="knob-n_latents").set_value(256).run()
    assert address(app) == {}


def test_another_method_brings_its_own_defaults() -> None:
    """TopK with 16 units is no trouble: k has a slider of its own."""
    app = opened(n_latents="16")
    app.selectbox(key="knob-method").set_value("topk").run()
    assert not app.error
    assert address(app) == {"method": "topk", "n_latents": "16"}


def test_a_run_brings_its_knobs_along(run: RunDirectory) -> None:
    """Opened by its address, what the sidebar shows is what the run has."""
    app = opened(run=run.id)
    assert app.number_input(key="knob-n_latents").value == 64
    assert app.select_slider(key="knob-learning_rate").value == 0.002
    assert address(app) == {"run": run.id}


def test_what_waits_for_the_reset_is_marked(run: RunDirectory) -> None:
    """With what the run has now, and it is in the address beside the run."""
    app = opened(run=run.id, seed="3")
    assert address(app) == {"run": run.id, "seed": "3"}
    assert app.number_input(key="knob-seed").label == "Seed :orange[· now 0]"
    app.number_input(key="knob-seed").set_value(0).run()
    assert app.number_input(key="knob-seed").label == "Seed"


def test_the_learning_rate_acts_now(run: RunDirectory) -> None:
    """It is an event of the run, and does not wait in the address."""
    app = opened(run=run.id)
    app.select_slider(key="knob-learning_rate").set_value(0.005).run()
    (event,) = run.events()[0]
    assert (event.kind, event.name, event.value) == ("set", "learning_rate", 0.005)
    assert address(app) == {"run": run.id}


def test_what_waits_for_the_reset_is_no_event(run: RunDirectory) -> None:
    """The running model does not hear of it."""
    app = opened(run=run.id)
    app.number_input(key="knob-batch_size").set_value(64).run()
    assert run.events()[0] == []


def test_a_run_is_picked_from_all_there_are(run: RunDirectory) -> None:
    """And let go of again."""
    other = Runs().create(Config(n_latents=32))
    app = opened()
    assert set(app.selectbox(key="run").options) >= {f"{one.id} · {one.meta.created[11:16]}" for one in (run, other)}
    app.selectbox(key="run").set_value(other.id).run()
    assert address(app) == {"run": other.id}
    assert app.number_input(key="knob-n_latents").value == 32
    app.selectbox(key="run").set_value(None).run()
    assert address(app) == {}


def test_a_run_that_cannot_be_read_is_said() -> None:
    """Damaged, or made by a newer Penstroke: one sentence, and the page opens."""
    run = Runs().create(Config())
    data = json.loads((run.path / "config.json").read_bytes())
    (run.path / "config.json").write_text(json.dumps({**data, "schema": 99}))
    (said,) = opened(run=run.id).toast
    assert "newer Penstroke" in said.value
    (run.path / "config.json").write_text("{")
    (said,) = opened(run=run.id).toast
    assert "damaged" in said.value


def test_lecture_mode_has_no_sidebar() -> None:
    """Nothing but the live view."""
    app = opened(lecture="1")
    assert not app.sidebar.selectbox
    assert not app.sidebar.number_input
    assert address(app) == {"lecture": "1"}
