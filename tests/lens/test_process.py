"""The helper as a process: what it answers, what it refuses, and that it comes back when it is killed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from sae_core.config import Config
from sae_core.data import load_images
from sae_core.lens.answers import LensError, Life
from sae_core.lens.client import Lens
from sae_core.lens.shelf import model_of
from sae_core.probe.light import light_accuracy
from sae_core.runs.files import RunError
from tests.browser.made import with_probe
from tests.lens.house import trained_run

LATENTS = 24


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    root = tmp_path_factory.mktemp("runs")
    config = Config(dataset="digits", n_latents=LATENTS, steps=16, threads=1, method="jumprelu")
    trained_run(root, config)
    with Lens(root) as one:
        yield one


def test_codes_are_the_models_own(lens: Lens) -> None:
    """As the snapshot's model encodes here, its learned thresholds included."""
    import torch

    run = lens.runs.open("taught")
    x = load_images("digits").test[:5]
    snapshot = run.snapshot_at(8)
    assert snapshot is not None
    model = model_of(snapshot)
    seen = lens.encode("taught", x, step=8)
    with torch.no_grad():
        codes = model.encode(torch.tensor(x))
    np.testing.assert_allclose(seen.codes, codes.numpy(), atol=1e-6)
    np.testing.assert_allclose(seen.x_hat, model.decode(codes).numpy(), atol=1e-5)
    assert seen.step == 8
    assert seen.codes.any()


def test_the_census_agrees_with_the_snapshots_own(lens: Lens) -> None:
    """Which the worker took a slice at a time."""
    census, snapshot = lens.census("taught"), lens.runs.open("taught").snapshot()
    assert snapshot is not None
    np.testing.assert_allclose(census.density, snapshot.census.density, atol=1e-3)
    np.testing.assert_allclose(census.class_mean, snapshot.census.class_mean, atol=1e-4)
    assert census.fvu == pytest.approx(snapshot.census.fvu, rel=1e-4)
    assert census.step == 16


def test_a_life_ends_with_what_is(lens: Lens) -> None:
    """Every kept step once, in order; the last filter is like itself."""
    life = Life.from_answer(lens.ask("life", "taught"))
    assert life.steps.tolist() == [0, 1, 2, 4, 8, 16]
    np.testing.assert_allclose(life.likeness[-1], 1, atol=1e-2)
    assert life.density.shape == (6, LATENTS)


def test_a_light_probe_reads_the_codes_of_any_kept_step(lens: Lens) -> None:
    """With the accuracy that sweeps know; its weights, on the codes themselves, give its answers."""
    images = load_images("digits")
    assert images.test_labels is not None
    run = lens.runs.open("taught")
    for step in (1, 16):
        found = lens.ask("reading", "taught", step=step).arrays
        snapshot = run.snapshot_at(step)
        assert snapshot is not None
        right = float((found["answers"] == images.test_labels).mean())
        assert right == pytest.approx(light_accuracy(model_of(snapshot), images), abs=1e-9)
        assert found["weights"].shape == (10, LATENTS)
    scores = lens.encode("taught", images.test, step=16).codes @ found["weights"].T + found["bias"]
    assert (scores.argmax(1) == found["answers"]).mean() > 0.999  # but for ties in the last bit


def test_a_survey_taken_before_the_probe_is_not_the_answer_after_it(lens: Lens) -> None:
    """Nobody has to reload to see what the probe, or the next one, reads."""
    run = lens.runs.open("taught")
    snapshot = run.snapshot()
    assert snapshot is not None
    assert len(lens.ask("survey", "taught").arrays["answers"]) == 0
    try:
        with_probe(run, snapshot)
        answers = lens.ask("survey", "taught").arrays["answers"]
        assert len(answers) == len(load_images("digits").test)
        assert lens.ask("survey", "taught") is lens.ask("survey", "taught")
    finally:
        for file in run.path.glob("probe.*"):
            file.unlink()
    assert len(lens.ask("survey", "taught").arrays["answers"]) == 0


def test_what_cannot_be_answered_is_said_in_a_sentence(lens: Lens) -> None:
    """Which run, which step, which size."""
    with pytest.raises(RunError, match="There is no run 'nobody'"):
        lens.census("nobody")
    with pytest.raises(LensError, match="no snapshot of step 3"):
        lens.census("taught", step=3)
    with pytest.raises(LensError, match="rows of 64 pixels"):
        lens.encode("taught", np.zeros((1, 5), np.float32))
    with pytest.raises(LensError, match="no question 'what'"):
        lens.ask("what", "taught")


def test_what_many_ask_at_once_is_asked_once(lens: Lens) -> None:
    """The same answer, not equal ones."""
    with ThreadPoolExecutor(8) as tabs:
        answers = list(tabs.map(lambda _: lens.ask("census", "taught", step=4), range(8)))
    assert len({id(answer) for answer in answers}) == 1


def test_looking_for_an_answer_begins_nothing(lens: Lens) -> None:
    """Only what was asked for is there."""
    assert lens.kept("census", "taught", step=2) is None
    lens.census("taught", step=2)
    kept = lens.kept("census", "taught", step=2)
    assert kept is not None
    assert kept.done()


def test_a_killed_helper_is_started_again(lens: Lens) -> None:
    """The question after it is answered as if nothing had been."""
    helpers = [one for one in psutil.Process().children() if "sae_core.lens" in one.cmdline()]
    assert len(helpers) == 1
    helpers[0].kill()
    helpers[0].wait(10)
    assert lens.encode("taught", load_images("digits").test[:1]).codes.shape == (1, LATENTS)


def test_the_helper_ends_with_its_server(tmp_path: Path) -> None:
    """When nobody is left to ask."""
    lens = Lens(tmp_path)
    lens.warm()
    (helper,) = [one for one in psutil.Process().children() if str(tmp_path) in one.cmdline()]
    lens.close()
    gone, _ = psutil.wait_procs([helper], timeout=60)  # it may still be importing torch
    assert gone
    with pytest.raises(LensError, match="ending"):
        lens.ask("encode", "nobody", arrays={})
