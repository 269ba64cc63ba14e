"""The path of one knob: an ordinary run whose dial moves on a schedule, and the film made of it."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.path.page_file import LARGEST, dial_page
from sae_core import Config, load_images
from sae_core.cli import main
from sae_core.config import ConfigError
from sae_core.runs import RunDirectory, RunError, Runs
from sae_core.runs.frames import decode_frame
from sae_core.runs.path_file import read_path, read_points
from sae_core.runs.replay import replay
from sae_core.runs.worker import Timing, work
from sae_core.snapshot import Row
from sae_core.sweep.film import Film, make_film
from sae_core.sweep.gif import film_gif
from sae_core.sweep.path import begin_path, default_values, follow
from sae_core.sweep.whole import WholePath, path_ids
from sae_core.train import Trainer

SMALL = {"dataset": "digits", "n_latents": 24, "batch_size": 64, "threads": 1, "warmup_steps": 0, "steps": 150}
VALUES = (0.01, 0.1, 0.3)


def begun(root: Path, **knobs: object) -> RunDirectory:
    return begin_path(Runs(root), Config(**{**SMALL, **knobs}), values=VALUES, name="path")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished path of three points."""
    run = begun(tmp_path_factory.mktemp("path"))
    assert work(run, images=load_images("digits")).state == "finished"
    return run


def test_a_path_has_a_point_where_each_value_ends_and_more_sparsity_at_each(done: RunDirectory):
    points = list(follow(done))
    assert [(point.step, point.value) for point in points] == [(150, 0.01), (300, 0.1), (450, 0.3)]
    assert points[0].l0 > points[1].l0 > points[2].l0
    assert all(point.accuracy is not None and 0 < point.accuracy <= 1 for point in points)


def test_neighbours_are_warm_started_and_so_is_each_place_of_the_mosaic(done: RunDirectory):
    """A point is the one before, trained on at its own value: the trainer says so too, bit for bit."""
    trainer = Trainer(done.config, load_images("digits"))
    for value in VALUES:
        trainer.set("penalty_weight", value)
        for _ in range(150):
            trainer.step()
        snapshot = done.snapshot_at(trainer.steps)
        assert snapshot is not None
        assert snapshot.config.penalty_weight == value
        assert (snapshot.filters == trainer.model.dictionary.detach().numpy()).all()


def test_a_path_replays_like_any_run(done: RunDirectory):
    assert replay(done, load_images("digits")).same


def test_interrupted_in_the_middle_it_goes_on_to_the_same_points(done: RunDirectory, tmp_path: Path):
    """Stopped in the second stretch, and its newest checkpoint lost on top of that."""
    run = begun(tmp_path)
    images = load_images("digits")

    def stop_early(row: Row, _: int | None) -> None:
        if row.step > 200:
            run.append_event("stop")

    first = work(run, stop_early, images=images, timing=Timing(row_first=0.0, row_growth=0.0))
    assert first.state == "stopped"
    assert 200 < first.step < 450
    (run.path / "checkpoint.safetensors").write_bytes(b"torn")
    assert work(run, images=images).state == "finished"
    assert [(p.step, p.fvu) for p in read_points(run.path)] == [(p.step, p.fvu) for p in read_points(done.path)]


SIX = (0.01, 0.03, 0.1, 0.2, 0.3, 0.4)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> WholePath:
    """A finished path of six points, trained by two runs."""
    root = tmp_path_factory.mktemp("halves")
    run = begin_path(Runs(root), Config(**{**SMALL, "steps": 60}), values=SIX, workers=2, name="path")
    whole = WholePath.open(run)
    for half in whole.runs:
        assert work(half, images=load_images("digits")).state == "finished"
    return whole


def test_two_runs_share_a_path_outwards_from_the_middle(both: WholePath):
    """All values in order, each with as many steps as on a path of one run; the second half is found from either."""
    assert [run.id for run in both.runs] == ["path", "path-dense"]
    assert both.values == SIX
    assert [(run.id, point.step, point.value) for run, point in both.points()] == [
        *(("path-dense", 180 - 60 * at, value) for at, value in enumerate(SIX[:3])),
        *(("path", 60 * (at + 1), value) for at, value in enumerate(SIX[3:])),
    ]
    l0s = [point.l0 for _, point in both.points()]
    assert l0s == sorted(l0s, reverse=True)
    assert (both.status().step, both.last_step) == (360, 360)
    assert not both.unfinished
    assert WholePath.open(both.runs[1]).run.id == "path"
    assert path_ids(Runs(both.run.path.parent)) == ["path"]


def test_both_halves_begin_alike_so_that_a_latent_keeps_its_place_across_the_middle(both: WholePath):
    """A third of the first stretch is the same training at the value between; then each goes its own way."""
    images = load_images("digits")
    trainer = Trainer(both.run.config, images)
    assert trainer.config.penalty_weight == pytest.approx(math.sqrt(0.1 * 0.2), rel=0.01)
    for _ in range(20):
        trainer.step()
    start = trainer.checkpoint()
    for half, value in zip(both.runs, (0.2, 0.1), strict=True):
        ours = Trainer(half.config, images, start)
        ours.set("penalty_weight", value)
        for _ in range(40):
            ours.step()
        snapshot = half.snapshot_at(60)
        assert snapshot is not None
        assert (snapshot.filters == ours.model.dictionary.detach().numpy()).all()
        assert replay(half, images).same


def test_the_film_of_two_halves_is_in_the_order_of_the_path(both: WholePath):
    film = make_film(both.run)
    assert film.about["values"] == list(SIX)
    assert (film.about["first"], film.about["runs"][0], film.about["steps"][0]) == (0, "path-dense", 180)
    assert (film.arrays["filters"] == make_film(both.runs[1]).arrays["filters"]).all()


def test_a_path_whose_other_half_was_deleted_is_the_half_that_is_left(tmp_path: Path):
    run = begin_path(Runs(tmp_path), Config(**SMALL), values=SIX, workers=2, name="path")
    Runs(tmp_path).delete("path")
    assert path_ids(Runs(tmp_path)) == ["path-dense"]
    assert WholePath.open(Runs(tmp_path).open("path-dense")).values == SIX[2::-1]
    assert run.id == "path"


def test_default_values_are_even_on_a_logarithmic_scale_from_dense_to_sparse():
    assert default_values("penalty_weight", 3) == (0.003, 0.0424, 0.6)
    assert default_values("k", 4) == (128.0, 32.0, 8.0, 2.0)
    assert default_values("k", 4, n_latents=32) == (16.0, 8.0, 4.0, 2.0)
    rho = default_values("rho", 5)
    assert list(rho) == sorted(rho, reverse=True)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda runs: begin_path(runs, Config(method="none", epochs=1)), "has no dial"),
        (lambda runs: begin_path(runs, Config(**SMALL), values=[0.1]), "2 to 60 values"),
        (lambda runs: begin_path(runs, Config(**SMALL), values=[0.1, -1.0]), "penalty_weight is -1.0"),
        (lambda runs: begin_path(runs, Config(**{**SMALL, "steps": None}), values=VALUES), "epochs or steps"),
        (lambda runs: begin_path(runs, Config(**SMALL), knob="seed"), "seed has no path"),
        (lambda runs: begin_path(runs, Config(**SMALL), values=VALUES, workers=3), "workers is 3"),
        (lambda runs: default_values("penalty_weight", 1), "number of points is 1"),
    ],
)
def test_what_is_no_path_is_refused_in_a_sentence(make, sentence: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=sentence):
        make(Runs(tmp_path))
    assert Runs(tmp_path).list() == []


def test_an_ordinary_run_is_no_path(tmp_path: Path):
    run = Runs(tmp_path).create(Config(**SMALL))
    assert read_path(run.path) is None
    with pytest.raises(RunError, match="is no path"):
        next(follow(run))


@pytest.fixture(scope="module")
def film(done: RunDirectory) -> Film:
    references = {"pca": [{"l0": 5.0, "fvu": 0.5}], "dictionary_learning": [{"l0": 4.0, "fvu": 0.4}]}
    return make_film(done, references)


def test_the_film_is_the_snapshots_quantised(film: Film, done: RunDirectory):
    """To 1/127 of each filter's largest weight, and 1/255 of a pixel."""
    about, arrays = decode_frame(film.to_bytes())
    snapshot = done.snapshot_at(300)
    assert snapshot is not None
    assert about["values"] == list(VALUES)
    scale = np.abs(snapshot.filters).max(axis=1, keepdims=True)
    assert np.abs((arrays["filters"][1] - 128.0) / 127 * scale - snapshot.filters).max() <= scale.max() / 254 + 1e-6
    clipped = np.clip(snapshot.digits.x_hat, 0, 1)
    assert np.abs(arrays["x_hat"][1] / 255.0 - clipped).max() <= 0.5 / 255 + 1e-6
    assert ((arrays["lit"][1] > 0) == (snapshot.digits.codes > 0)).all()
    assert arrays["numbers"][1, 2] == pytest.approx(snapshot.census.fvu)


def test_the_gif_lasts_ten_seconds_and_is_small_enough(film: Film):
    data = film_gif(film)
    assert len(data) <= 3_000_000
    picture = Image.open(io.BytesIO(data))
    lasts = 0
    for at in range(picture.n_frames):
        picture.seek(at)
        lasts += picture.info["duration"]
    assert lasts == pytest.approx(10_000, rel=0.03)


def test_the_largest_film_still_makes_a_file_of_five_megabytes(film: Film):
    """Sixty points of noise: the widest a path can be is cut to what fits."""
    page = dial_page(film)
    assert len(page) < LARGEST
    assert b"http://" not in page.replace(b"http://www.w3.org", b"")
    assert b"https://" not in page
    assert b"\nimport " not in page


def test_penstroke_path_prints_its_points(tmp_path: Path, capsys):
    arguments = ["--dataset", "digits", "--latents", "16", "--batch-size", "64", "--steps", "10", "--threads", "1"]
    gif = tmp_path / "film.gif"
    asked = [
        "path",
        *arguments,
        "--values",
        "0.03,0.1,0.2,0.3",
        "--runs",
        str(tmp_path / "runs"),
        "--gif",
        str(gif),
        "--json",
    ]
    assert main(asked) == 0
    import json

    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [point["value"] for point in record["points"]] == [0.03, 0.1, 0.2, 0.3]
    assert len({point["run"] for point in record["points"]}) == (2 if (os.cpu_count() or 1) > 1 else 1)
    assert gif.read_bytes()[:3] == b"GIF"
