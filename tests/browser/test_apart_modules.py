"""What the browser works out on the page "Take apart", beside what Python makes of the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from sae_core import Config, tensorfile
from sae_core.anatomy import Edit, edited, interpolated, sum_of
from sae_core.data.centre import centred, framing_of
from sae_core.model import SparseAutoencoder, array
from sae_core.sparsity import METHODS
from tests.browser.house import Dashboard

N_LATENTS, N_PIXELS = 12, 16


@pytest.fixture(scope="module")
def page(browser: Browser, dashboard: Dashboard) -> Iterator[Page]:
    """A page of the server's origin that shows nothing: modules can be imported there."""
    page = browser.new_page()
    page.goto(f"{dashboard.url}penstroke/components/apart/network.js")
    yield page
    page.close()


def ask(page: Page, module: str, expression: str, argument: Any = None) -> Any:
    """An expression of a module's exports `m` and the argument `a`."""
    script = (
        f"async (a) => {{ const m = await import('/penstroke/components/apart/{module}.js'); return {expression}; }}"
    )
    return page.evaluate(script, argument)


@pytest.mark.parametrize(
    ("dataset", "shape"), [("mnist", (28, 28)), ("digits", (8, 8)), ("emnist", (28, 28)), ("planted", (16, 16))]
)
def test_a_drawing_is_framed_in_the_browser_as_an_upload_is_in_python(
    page: Page, dataset: str, shape: tuple[int, int]
) -> None:
    """Random strokes of every proportion: the same image to a part in a million."""
    random = np.random.default_rng(0)
    framing = framing_of(dataset, shape)
    about = {"box": framing.box, "by_mass": framing.by_mass}
    for height, width in ((280, 280), (31, 90), (7, 7), (60, 3)):
        ink = np.where(random.random((height, width)) < 0.02, random.random((height, width)), 0.0)
        ink[random.integers(height), random.integers(width)] = 1.0
        given = {"ink": ink.ravel().tolist(), "size": [height, width], "shape": list(shape), "framing": about}
        found = ask(page, "centre", "Array.from(m.centred(a.ink, a.size[0], a.size[1], a.shape, a.framing))", given)
        np.testing.assert_allclose(found, centred(ink, shape, framing), atol=1e-6)


def test_bare_paper_is_no_drawing(page: Page) -> None:
    """Nothing to show to the model."""
    given = {"box": 20, "by_mass": True}
    assert ask(page, "centre", "m.centred(new Float32Array(100), 10, 10, [28, 28], a)", given) is None


def model_of(config: Config) -> SparseAutoencoder:
    """A model with random weights everywhere, the method's own tensors included."""
    random = torch.Generator().manual_seed(1)
    model = SparseAutoencoder(config, N_PIXELS).requires_grad_(False)
    for name, tensor in model.tensors.items():
        tensor.copy_(torch.randn(tensor.shape, generator=random) * (1.0 if name in {"W_enc", "dictionary"} else 0.3))
    return model


def packed(model: SparseAutoencoder, x: np.ndarray, **spec: Any) -> dict[str, Any]:
    """What the server would hand out for the model, and an image."""
    names = {"W_enc": "encoder", "dictionary": "filters"}
    arrays = {names.get(name, name): array(tensor) for name, tensor in model.tensors.items()}
    arrays |= {"check.x": x, "check.codes": array(model.encode(torch.from_numpy(x)))}
    config = model.config
    about = {name: getattr(config, name) for name in ("method", "activation", "k", "subtract_b_dec")}
    threshold = 0.1 if config.activation == "sigmoid" else 0.0
    about["output"] = model.method.output
    data = tensorfile.pack(arrays, {**about, "threshold": threshold, **spec})
    return {"file": base64.b64encode(data).decode(), "x": x[0].tolist()}


NETWORK = """await (async () => {
  const { parseTensors } = await import('/penstroke/components/apart/tensors.js');
  const { arrays, header } = parseTensors(Uint8Array.from(atob(a.file), c => c.charCodeAt(0)).buffer);
  const net = new m.Network(arrays, header);
  const codes = net.encode(a.x);
  return %s;
})()"""


@pytest.mark.parametrize(
    ("method", "centred_inputs"),
    [(name, centred) for name in METHODS for centred in (True, False) if not (centred and name == "textbook")],
)
def test_every_method_encodes_in_the_browser_as_it_does_in_torch(
    page: Page, method: str, *, centred_inputs: bool
) -> None:
    """Codes and reconstruction to a part in 100,000: thresholds, gates and k largest included."""
    extra = {"k": 3} if "k" in METHODS[method].knobs else {}
    model = model_of(Config(method=method, n_latents=N_LATENTS, subtract_b_dec=centred_inputs, **extra))
    x = np.random.default_rng(2).random((3, N_PIXELS)).astype(np.float32)
    found = ask(
        page,
        "network",
        NETWORK % "{codes: Array.from(codes), xHat: Array.from(net.decode(codes)), can: net.canEncode}",
        packed(model, x),
    )
    codes = model.encode(torch.from_numpy(x[:1]))
    np.testing.assert_allclose(found["codes"], array(codes)[0], atol=1e-5)
    np.testing.assert_allclose(found["xHat"], array(model.decode(codes))[0], atol=2e-5)
    assert found["can"]


def test_a_method_the_browser_does_not_know_is_left_to_the_server(page: Page) -> None:
    """Its codes are not those that came along, and it says so instead of showing wrong ones."""
    model = model_of(Config(method="topk", n_latents=N_LATENTS, k=2))
    x = np.random.default_rng(2).random((3, N_PIXELS)).astype(np.float32)
    assert ask(page, "network", NETWORK % "net.canEncode", packed(model, x, method="new")) is False


def test_handles_mixtures_and_sums_are_those_of_anatomy(page: Page) -> None:
    """The same edits, the same mixture, the same order; partial sums end exactly at the reconstruction."""
    model = model_of(Config(method="l1", n_latents=N_LATENTS))
    x = np.random.default_rng(3).random((1, N_PIXELS)).astype(np.float32)
    codes = array(model.encode(torch.from_numpy(x)))[0]
    expected = sum_of(codes, array(model.dictionary), array(model.b_dec))
    steps = """(() => {
      const order = net.order(codes);
      const sum = Float64Array.from(net.bDec);
      for (const j of order) net.add(sum, j, codes[j]);
      const edits = new Map([[0, {kind: 'scale', value: 0}], [3, {kind: 'clamp', value: 2.5}]]);
      return JSON.stringify({
        order, partial: Array.from(sum), same: net.decode(codes).every((v, p) => v === sum[p]),
        edited: Array.from(m.edited(codes, edits)),
        mixed: Array.from(m.interpolated(codes, m.edited(codes, edits), 0.3)),
      });
    })()"""
    found = json.loads(ask(page, "network", NETWORK % steps, packed(model, x)))
    assert found["order"] == expected.order.tolist()
    assert found["same"]
    np.testing.assert_allclose(found["partial"], expected.x_hat, atol=1e-5)
    changed = edited(codes, [Edit(0, "scale", 0.0), Edit(3, "clamp", 2.5)])
    np.testing.assert_allclose(found["edited"], changed, atol=1e-5)
    np.testing.assert_allclose(found["mixed"], interpolated(codes, changed, 0.3), atol=1e-5)


def test_the_probe_answers_in_the_browser_as_in_python(page: Page) -> None:
    """Softmax of W codes + b, by hand: logits 2 and 1 give e/(e + 1)."""
    probe = "{weights: {shape: [2, 3], data: [1, 0, 0, 0, 1, 0]}, bias: {data: [0, 0]}}"
    assert ask(page, "network", f"m.classify({probe}, [2, 1, 7])") == pytest.approx([0.7310586, 0.2689414])
