"""The URL and the knobs, read both ways; nonsense costs a sentence and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.controls import View, knobs_from_url, knobs_json, knobs_to_url, methods_json, pending_config, stops
from sae_core.config import Config


def nothing_there(run: str) -> None:
    raise ValueError(f"There is no run {run!r}.")


def test_a_view_comes_back_from_its_own_address() -> None:
    """What is usual is left out; what is not, returns."""
    view = View(run="a", digit=8, weights="encoder", latent=17, lecture=True, notation="course")
    address = {"run": "a", "digit": "8", "weights": "encoder", "latent": "17", "lecture": "1", "notation": "course"}
    assert view.to_url() == address
    assert View.from_url(view.to_url(), lambda run: run) == (view, [])
    assert View().to_url() == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("digit", "-1"),
        ("digit", "७"),
        ("latent", "1e9"),
        ("weights", "both"),
        ("lecture", "yes"),
        ("notation", "λ"),
        ("run", "../.."),
    ],
)
def test_nonsense_in_a_view_is_one_sentence_and_the_usual_view(name: str, text: str) -> None:
    """Of everything in the address, only what is wrong is left out."""
    view, sentences = View.from_url({name: text, "tracking": "1"}, nothing_there)
    assert view == (View(digit=7) if text == "७" and view.digit == 7 else View())
    assert len(sentences) == (0 if view.digit == 7 else 1)


def test_knobs_come_back_from_their_own_address() -> None:
    """Only what differs from what would be anyway is in it."""
    values = {"n_latents": 512, "batch_size": 256, "learning_rate": 0.0003, "method": "l1", "threads": None}
    url = knobs_to_url(values, Config())
    assert url == {"n_latents": "512", "learning_rate": "0.0003"}
    assert knobs_from_url(url) == ({"n_latents": 512, "learning_rate": 0.0003}, [])


def test_a_link_may_set_where_the_dials_begin() -> None:
    """The method comes first, whatever the order: k means nothing without it."""
    assert knobs_from_url({"k": "10", "method": "topk"}) == ({"method": "topk", "k": 10}, [])
    values, (sentence,) = knobs_from_url({"k": "10"})
    assert values == {}
    assert "topk" in sentence


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_latents", "0"),
        ("n_latents", "1000000000"),
        ("n_latents", "many"),
        ("n_latents", ""),
        ("learning_rate", "nan"),
        ("learning_rate", "-1"),
        ("method", "banana"),
        ("dataset", "no-such-set"),
        ("seed", "1.5"),
        ("threads", "9" * 5000),
    ],
)
def test_a_nonsensical_knob_is_one_sentence_and_the_default(name: str, text: str) -> None:
    """And a good knob beside it is kept."""
    values, sentences = knobs_from_url({name: text, "batch_size": "64"})
    assert values == {"batch_size": 64}
    assert len(sentences) == 1
    assert sentences[0].endswith("The default is used.")
    assert len(sentences[0]) < 400


@given(st.dictionaries(st.sampled_from(["run", "digit", "method", "n_latents", "k", "rho", "seed", "x"]), st.text()))
def test_no_address_at_all_raises(params: dict[str, str]) -> None:
    """Whatever is typed there."""
    view, sentences = View.from_url(params, nothing_there)
    values, more = knobs_from_url(params)
    assert view.run is None
    assert all(isinstance(sentence, str) for sentence in sentences + more)
    pending_config(values)


def test_k_follows_a_narrow_width() -> None:
    """16 units cannot keep 32: until its own dial says otherwise, k is as large as it may be."""
    assert pending_config({"method": "topk", "n_latents": 16}).k == 16
    assert pending_config({"method": "topk"}).k == 32


def test_a_slider_has_round_stops_and_the_value_itself() -> None:
    """1-2-5 in each decade of the dial's range, exactly off where that is allowed."""
    knobs = Config.knobs()
    found = stops(knobs["learning_rate"], 0.0003)
    assert found == [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1]
    assert stops(knobs["weight_decay"], 0.0)[:3] == [0.0, 1e-7, 2e-7]


def test_the_declarations_are_json() -> None:
    """The live view reads them as they are, without NaN."""
    json.dumps([knobs_json(), methods_json()], allow_nan=False)
    assert knobs_json()["penalty_weight"]["dial"] == (0.003, 1.0)
    assert methods_json()["kl"]["defaults"]["activation"] == "sigmoid"
