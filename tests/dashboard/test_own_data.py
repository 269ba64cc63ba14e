"""Data of one's own on the page: what the server lets a browser name, and what the address may say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.controls import OWN_DATA, knobs_from_url
from dashboard.live.hub import page_config
from dashboard.session import Session
from sae_core.config import ConfigError
from sae_core.runs import Runs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.save(tmp_path / "mine.npy", np.zeros((4, 2, 2), np.uint8))
    return tmp_path / "mine.npy"


def test_a_run_keeps_the_whole_path(file: Path, monkeypatch: pytest.MonkeyPatch):
    """Its worker runs in another folder."""
    monkeypatch.chdir(file.parent)
    assert page_config({"dataset": "./mine.npy"}).dataset == str(file.resolve())
    assert page_config({"dataset": f"{file}:2x2"}).dataset == f"{file.resolve()}:2x2"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("/nowhere/at/all.npy", "There is no file or folder"),
        ("\\\\elsewhere\\share\\x.npy", "is on another machine: copy it to this one"),
        ("//elsewhere/share/x.npy", "is on another machine: copy it to this one"),
        ("./x\0.npy", "no zero bytes"),
        (OWN_DATA, "There is no data set 'own'"),
        (7, "There is no data set '7'"),
    ],
)
def test_what_the_server_does_not_open(name: object, sentence: str):
    """A sentence before a run is made; a path to another machine is not even looked at."""
    with pytest.raises(ConfigError, match=sentence):
        page_config({"dataset": name})


def test_an_address_may_name_a_path_without_its_being_looked_at():
    """Who opens a link has not chosen to have a file opened: only starting a run does that."""
    values, sentences = knobs_from_url({"dataset": "//elsewhere/share/x.npy"})
    assert (values, sentences) == ({"dataset": "//elsewhere/share/x.npy"}, [])
    values, sentences = knobs_from_url({"dataset": "letters"})
    assert values == {}
    assert sentences[0].startswith("There is no data set 'letters'; there are mnist, ")


def test_the_menu_waits_for_a_path(tmp_path: Path):
    """Chosen, but not yet said where."""
    session = Session(Runs(tmp_path))
    session.choose("dataset", OWN_DATA)
    assert session.pending_trouble() == "Say below where your own data is."
    session.choose("dataset", str(tmp_path))
    assert session.pending_trouble() is None
