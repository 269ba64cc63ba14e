"""What the browser is handed to work with itself: a run's weights, test images, the bundled plain autoencoder.

Bytes on guarded routes rather than through Streamlit's messages, which would be sent again at every rerun. The
arithmetic on them is ``components/apart/network.js``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sae_core import tensorfile
from sae_core.data import DataError, asset, load_images
from sae_core.data.upload import image_from_bytes
from sae_core.probe import ProbeResult
from sae_core.runs.files import to_json
from sae_core.runs.folder import Runs
from sae_core.sparsity import METHODS, firing_threshold

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from sae_core.lens.client import Lens
    from sae_core.runs.directory import RunDirectory
    from sae_core.snapshot import Snapshot

__all__ = ["TestSet", "material_routes", "plain_weights", "survey_of", "test_set", "weights_of"]

MOST_IMAGES = 1_000
"""Images in one answer."""

MOST_POSTED = 2**20
"""Bytes of one image in float32: 512×512 pixels, or 295×295 in colour."""

MOST_UPLOADED = 5_000_000
"""Bytes of a picture."""

CHECKED = 3
"""Images whose codes are sent along: where the browser works out others, it leaves encoding to the server."""

MOST_BARS = 64

WORST = 200
"""Worst reconstructed test images that are named."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """The part of a data set that pages show: (n, n_pixels) uint8 pixels, (n,) labels or None, (n_pixels,) mean."""

    __test__ = False  # no test case, whatever it is called

    name: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    mean: NDArray[np.float32]
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name in a sentence: of a path the last part."""
        return self.name.replace("\\", "/").rstrip("/").rpartition("/")[2] or self.name


@lru_cache(4)
def test_set(dataset: str) -> TestSet:
    """The test images, a quarter of the memory that all images take as floats.

    Raises:
        DataError: the data set is not on this machine.
    """
    images = load_images(dataset, download=False)
    pixels = np.rint(255 * np.clip(images.test, 0, 1)).astype(np.uint8)
    return TestSet(dataset, pixels, images.test_labels, images.mean, images.image_shape, images.class_names)


def weights_of(run: RunDirectory, step: int | None) -> bytes:
    """A snapshot's weights, with the training mean, and the probe's classifier; ``probe_step`` says of which step.

    Raises:
        RunError, DataError: there is no such snapshot, or it cannot be read.
        LookupError: no snapshot yet, or none of that step.
    """
    snapshot = run.snapshot() if step is None else _snapshot_at(run, step)
    if snapshot is None:
        raise LookupError(f"The run {run.id} has no snapshot of step {step}." if step else f"{run.id} has none yet.")
    arrays = {
        "filters": snapshot.filters,
        "encoder": snapshot.encoder,
        "b_enc": snapshot.b_enc,
        "b_dec": snapshot.b_dec,
        "strongest": snapshot.census.top_codes[:, 0],
        "mean": test_set(snapshot.config.dataset).mean,
        "check.x": snapshot.digits.x[:CHECKED],
        "check.codes": snapshot.digits.codes[:CHECKED],
        **getattr(snapshot, "extras", {}),
    }
    probe = ProbeResult.load(run.path)
    if probe is not None and probe.classifier.weights.shape[1] == len(snapshot.filters):
        arrays |= {"probe.weights": probe.classifier.weights, "probe.bias": probe.classifier.bias}
    row, probe_step = snapshot.row, probe.step if probe else None
    header = {"step": row.step, "images": row.images, "probe_step": probe_step, **_spec(snapshot)}
    return tensorfile.pack(arrays, header)


def _spec(snapshot: Snapshot) -> dict[str, Any]:
    """How codes are made, as ``network.js`` wants to know it."""
    config = snapshot.config
    return {
        "method": config.method,
        "activation": config.activation,
        "output": METHODS[config.method].output,
        "k": config.k,
        "subtract_b_dec": config.subtract_b_dec,
        "threshold": firing_threshold(config.activation),
    }


def _snapshot_at(run: RunDirectory, step: int) -> Snapshot | None:
    newest = run.snapshot()
    return newest if newest is not None and newest.row.step == step else run.snapshot_at(step)


@lru_cache(1)
def plain_weights() -> bytes:
    """The bundled plain autoencoder of MNIST, 256 latents, as int8 with a scale for each row."""
    return asset("plain-autoencoder/weights.safetensors").read_bytes()


def survey_of(lens: Lens, run: str, step: int | None) -> bytes:
    """The map of images and the lists of those worth a look, as JSON.

    Raises:
        LensError: there is no such run or snapshot.
    """
    answer = lens.ask("survey", run, step=step)
    found = answer.arrays
    labels = test_set(lens.runs.open(run).config.dataset).labels
    answers = found["answers"]
    wrong = np.flatnonzero(answers != labels[: len(answers)]) if labels is not None else np.zeros(0, np.int64)
    places = found["places"].astype(np.float64).round(4)
    return to_json(
        {
            "indices": list(range(len(places))),
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "shares": found["shares"].tolist(),
            "plane": answer.values["n_latents"] <= 2,
            "worst": np.argsort(-found["fvu"], kind="stable")[:WORST].tolist(),
            "wrong": wrong.tolist() if len(answers) else None,
            "answers": answers.tolist() if len(answers) else None,
            **_population(found["l0"]),
            "code_centres": ((found["edges"][1:] + found["edges"][:-1]) / 2).round(5).tolist(),
            "code_counts": found["counts"].tolist(),
        }
    )


def _population(l0: NDArray[np.int64]) -> dict[str, list[float]]:
    """Images by how many latents fire for them: a bar a number, or a stretch of numbers where there are many."""
    width = int(l0.max(initial=0)) // MOST_BARS + 1
    counts = np.bincount(l0 // width)
    return {"l0_counts_x": (np.arange(len(counts)) * width + (width - 1) / 2).tolist(), "l0_counts": counts.tolist()}


def material_routes(base: str, runs: Runs, lens: Lens) -> list[BaseRoute]:
    """``weights/RUN?step=N``, ``plain``, ``images/RUN?indices=1,2,3`` (uint8 rows), ``labels/RUN`` (uint8),
    ``survey/RUN?step=N`` (JSON); posted to ``encode/RUN?step=N`` a float32 image, which gives float32 codes, and to
    ``picture/RUN`` the file of a picture, which gives its pixels as the model sees it (uint8).
    """
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse
    from starlette.responses import Response as Answer
    from starlette.routing import Route

    def route(
        path: str, make: Callable[[Request, bytes], bytes], caching: str, method: str = "GET", most: int = MOST_POSTED
    ) -> Route:
        async def answer(request: Request) -> Response:
            try:
                data = await run_in_threadpool(make, request, await _body(request, most))
            except (ValueError, LookupError, OSError) as problem:
                sentence = str(problem.args[0] if isinstance(problem, LookupError) and problem.args else problem)
                return PlainTextResponse(sentence, 404)
            headers = {"cache-control": caching, "content-encoding": "identity"}
            return Answer(data, 200, headers, "application/octet-stream")

        return Route(f"{base}/{path}", answer, methods=[method])

    def step_of(request: Request) -> int | None:
        step = request.query_params.get("step")
        return _number(step) if step else None

    def weights(request: Request, _: bytes) -> bytes:
        return weights_of(runs.open(request.path_params["run"]), step_of(request))

    def survey(request: Request, _: bytes) -> bytes:
        return survey_of(lens, request.path_params["run"], step_of(request))

    def encode(request: Request, body: bytes) -> bytes:
        x = np.clip(np.nan_to_num(np.frombuffer(body, np.float32)), 0, 1)
        return lens.encode(request.path_params["run"], x[None], step_of(request)).codes.tobytes()

    def images_of(request: Request) -> TestSet:
        """Of the run's data set: an address names no file of this machine."""
        return test_set(runs.open(request.path_params["run"]).config.dataset)

    def picture(request: Request, body: bytes) -> bytes:
        found = images_of(request)
        return np.rint(255 * image_from_bytes(body, found.name, found.image_shape)).astype(np.uint8).tobytes()

    def images(request: Request, _: bytes) -> bytes:
        found = images_of(request).pixels
        wanted = [_number(text) for text in request.query_params.get("indices", "").split(",")[:MOST_IMAGES]]
        if not all(i < len(found) for i in wanted):
            raise ValueError(f"There are {len(found):,} test images, counted from 0.")
        return found[wanted].tobytes()

    def labels(request: Request, _: bytes) -> bytes:
        found = images_of(request)
        if found.labels is None:
            raise DataError(f"The images of {found.name} have no labels.")
        return found.labels.astype(np.uint8).tobytes()

    keep, ask = "private, max-age=86400", "no-store"
    return [
        route("weights/{run}", weights, ask),
        route("survey/{run}", survey, ask),
        route("encode/{run}", encode, ask, "POST"),
        route("picture/{run}", picture, ask, "POST", MOST_UPLOADED),
        route("plain", lambda *_: plain_weights(), keep),
        route("images/{run}", images, keep),
        route("labels/{run}", labels, keep),
    ]


async def _body(request: Request, most: int) -> bytes:
    """What was posted.

    Raises:
        ValueError: more than that.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise ValueError(f"At most {most:,} bytes are taken: one image.")
        parts.append(part)
    return b"".join(parts)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise ValueError(f"{text[:40]!r} is no number from 0.")
    return int(text)
