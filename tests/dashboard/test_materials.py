"""What the browser is handed: weights, test images, labels, a survey; each guarded, each refused in one sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from sae_core import load_images, tensorfile
from sae_core.runs.directory import RunDirectory
from sae_core.snapshot import Snapshot
from tests.browser.made import made_run
from tests.dashboard.conftest import serving


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunDirectory, Snapshot]:
    """A run on the small digits."""
    root = tmp_path_factory.mktemp("runs")
    return root, *made_run(root, "small", dataset="digits", n_latents=24, penalty_weight=0.05, batch_size=64)


@pytest.fixture(scope="module")
def client(made: tuple[Path, RunDirectory, Snapshot]) -> Iterator[httpx.Client]:
    """A browser's requests to a server over that run."""
    with serving(made[0]) as server, httpx.Client(base_url=f"{server.url}/penstroke/", timeout=60) as client:
        yield client


def test_weights_are_the_snapshots(client: httpx.Client, made: tuple[Path, RunDirectory, Snapshot]) -> None:
    """With the training mean, and a few images whose codes are known."""
    arrays, header = tensorfile.unpack(client.get("weights/small").content)
    snapshot = made[2]
    np.testing.assert_array_equal(arrays["filters"], snapshot.filters)
    np.testing.assert_array_equal(arrays["b_dec"], snapshot.b_dec)
    np.testing.assert_allclose(arrays["mean"], load_images("digits").mean)
    np.testing.assert_array_equal(arrays["check.codes"], snapshot.digits.codes[:3])
    assert (header["step"], header["method"], header["probe_step"]) == (snapshot.row.step, "l1", None)


def test_images_and_labels_are_the_test_sets(client: httpx.Client) -> None:
    """Rows of bytes, in the order asked for."""
    images = load_images("digits")
    found = np.frombuffer(client.get("images/small", params={"indices": "5,0"}).content, np.uint8).reshape(2, 64)
    np.testing.assert_array_equal(found, np.rint(255 * images.test[[5, 0]]))
    labels = np.frombuffer(client.get("labels/small").content, np.uint8)
    np.testing.assert_array_equal(labels, images.test_labels)


def test_the_survey_counts_every_test_image(client: httpx.Client, made: tuple[Path, RunDirectory, Snapshot]) -> None:
    """As many images as there are, at the census's mean L0; every code that fires; the worst first."""
    survey = json.loads(client.get("survey/small").content)
    census = made[2].census
    n = len(load_images("digits").test)
    assert sum(survey["l0_counts"]) == len(survey["x"]) == n
    lit = sum(x * count for x, count in zip(survey["l0_counts_x"], survey["l0_counts"], strict=True))
    assert lit == pytest.approx(census.l0 * n)
    assert sum(survey["code_counts"]) == lit
    assert survey["wrong"] is None
    assert len(set(survey["worst"])) == len(survey["worst"])


def test_the_server_encodes_what_the_browser_cannot(
    client: httpx.Client, made: tuple[Path, RunDirectory, Snapshot]
) -> None:
    """The codes of the fixed digits, from their pixels; what is no image is refused."""
    digits = made[2].digits
    answer = client.post("encode/small", content=digits.x[2].astype(np.float32).tobytes())
    np.testing.assert_allclose(np.frombuffer(answer.content, np.float32), digits.codes[2], atol=1e-5)
    refused = client.post("encode/small", content=bytes(16))
    assert refused.status_code == 404
    assert "rows of 64 pixels" in refused.text
    assert "one image" in client.post("encode/small", content=bytes(2**21)).text


def test_a_picture_becomes_what_the_model_sees(client: httpx.Client) -> None:
    """Test image 2 enlarged, black on white, comes back as ink on black; anything else is refused in a sentence."""
    image = np.rint(255 * load_images("digits").test[2]).astype(np.uint8).reshape(8, 8)
    file = io.BytesIO()
    Image.fromarray(np.kron(255 - image, np.ones((6, 6), np.uint8))).save(file, "PNG")
    seen = np.frombuffer(client.post("picture/small", content=file.getvalue()).content, np.uint8)
    assert seen.shape == (64,)
    assert np.corrcoef(seen, image.ravel())[0, 1] > 0.7
    for junk, sentence in ((b"junk", "no picture that can be read"), (bytes(5_000_001), "At most 5,000,000 bytes")):
        refused = client.post("picture/small", content=junk)
        assert (refused.status_code, sentence in refused.text) == (404, True)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("weights/nobody", "no run 'nobody'"),
        ("weights/small?step=5", "no snapshot of step 5"),
        ("weights/small?step=x", "no number"),
        ("images/small?indices=99999", "counted from 0"),
        ("images/small?indices=-1", "no number"),
        ("images/nobody?indices=1", "no run 'nobody'"),
        ("survey/nobody", "no run 'nobody'"),
    ],
)
def test_what_there_is_not_is_refused_with_one_sentence(client: httpx.Client, path: str, sentence: str) -> None:
    """Which it was, and what there is."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert sentence in answer.text
    assert "Traceback" not in answer.text


def test_other_sites_may_not_have_images_encoded(client: httpx.Client) -> None:
    """Posting is guarded as steering is: by its origin."""
    answer = client.post("encode/small", content=bytes(256), headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403
