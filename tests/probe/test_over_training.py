"""The light probe's accuracy at every kept step of a run, kept in the run's folder."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from sae_core import Config, load_images
from sae_core.data import DataError, Images
from sae_core.lens.shelf import model_of
from sae_core.model import SparseAutoencoder
from sae_core.probe.light import light_accuracy, light_pixels
from sae_core.probe.over_training import CurvePoint, ProbeCurve
from sae_core.probe.run import extend_curve
from sae_core.runs import RunDirectory, Runs
from sae_core.runs.helper import start_helper
from sae_core.runs.worker import work


@pytest.fixture(scope="module")
def digits() -> Images:
    return load_images("digits")


@pytest.fixture
def run(tmp_path: Path, digits: Images) -> RunDirectory:
    """A finished run of 60 steps that kept some of them."""
    run = Runs(tmp_path).create(
        Config(dataset="digits", n_latents=16, batch_size=64, steps=60, threads=1, warmup_steps=10), name="small"
    )
    work(run, images=digits)
    return run


def test_every_kept_step_and_the_last_is_measured_once(run: RunDirectory, digits: Images) -> None:
    """Each as its own model says it; asked again nothing is measured, and only a missing step is."""
    told: list[tuple[int, int, str]] = []
    curve = extend_curve(run, digits, lambda *now: told.append(now))
    newest = run.snapshot()
    assert newest is not None
    steps = sorted({*run.history(), newest.row.step})
    assert len(steps) >= 3
    assert [point.step for point in curve.points] == steps
    assert [(done, total) for done, total, _ in told] == [(at, len(steps)) for at in range(len(steps))]
    for point in curve.points:
        snapshot = run.snapshot_at(point.step) or newest
        assert point == CurvePoint(
            point.step, snapshot.row.images, pytest.approx(light_accuracy(model_of(snapshot), digits))
        )
    assert curve.pixels == pytest.approx(light_pixels(digits))
    assert curve.points[-1].accuracy > 0.5, "sixteen units of these digits tell most of them"

    told.clear()
    assert extend_curve(run, digits, lambda *now: told.append(now)) == curve
    assert told == []
    file = run.path / "probe-curve.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + b'{"step":9,"ima')  # torn by a crash
    assert len(ProbeCurve.load(run.path).points) == len(steps) - 1
    assert extend_curve(run, digits, lambda *now: told.append(now)) == curve
    assert len(told) == 1


def test_pixels_are_read_as_a_model_that_copies_them_would_be(digits: Images) -> None:
    """The reference is the same classifier: on the identity's codes it says the same."""
    identity = SimpleNamespace(b_dec=torch.zeros(digits.n_pixels), encode=lambda x: x)
    assert light_accuracy(cast("SparseAutoencoder", identity), digits) == pytest.approx(light_pixels(digits))


def test_lines_of_anything_else_are_passed_over(tmp_path: Path) -> None:
    """And of two lines for a step the last holds."""
    assert ProbeCurve.load(tmp_path) == ProbeCurve()
    lines = [
        b'{"step": 5, "images": 50, "accuracy": 0.5}',
        b"\xff\xfe",
        b'{"step": "x", "images": 1, "accuracy": 1}',
        b"[1]",
        b'{"step": 1, "images": 10, "accuracy": 0.25}',
        b'{"pixels": 0.75}',
        b'{"step": 5, "images": 50, "accuracy": 0.625}',
    ]
    (tmp_path / "probe-curve.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    curve = ProbeCurve.load(tmp_path)
    assert curve == ProbeCurve((CurvePoint(1, 10, 0.25), CurvePoint(5, 50, 0.625)), 0.75)
    assert curve.missing([1, 2, 5, 7]) == [2, 7]


def test_without_labels_it_is_a_sentence(run: RunDirectory, digits: Images) -> None:
    with pytest.raises(DataError, match="has no labels"):
        extend_curve(run, dataclasses.replace(digits, train_labels=None, test_labels=None))


def test_a_damaged_snapshot_is_a_sentence_and_what_was_found_stays(run: RunDirectory) -> None:
    """Said by the process that measures for a page."""
    last = run.history()[-1]
    (run.path / "history" / f"snapshot-{last:012d}.safetensors").write_bytes(np.random.default_rng(0).bytes(500))
    helper = start_helper("sae_core.probe.work", [str(run.path), "curve"], subprocess.DEVNULL)
    with helper:  # its stdin stays open meanwhile, or it would end at once
        assert helper.stdout is not None
        said = helper.stdout.read().splitlines()
    assert helper.returncode == 1
    assert said[-1].startswith(b'{"error": "')
    assert [point.step for point in ProbeCurve.load(run.path).points] == [s for s in run.history() if s < last]
