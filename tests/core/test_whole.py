"""The course's own autoencoder as a run: its cost to the letter, its steps, its place among the other methods."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sae_core.census import SnapshotJob, evaluate
from sae_core.checkpoint import Checkpoint
from sae_core.config import Config, ConfigError
from sae_core.data import Images, load_images
from sae_core.data.patches import normalise, photographs, sample
from sae_core.data.planted import planted_images
from sae_core.model import SparseAutoencoder
from sae_core.presets import PRESETS, preset
from sae_core.snapshot import Row
from sae_core.textbook.cost import Knobs, Terms, Weights, activations, cost, cost_and_gradient, start
from sae_core.textbook.training import CourseCost, Descent, minimise
from sae_core.train import Set, Step, Trainer, Want, WholeTrainer, stream, trainer_of
from sae_core.training.step import Diverged

SMALL = {"method": "textbook", "dataset": "planted", "n_latents": 9, "batch_size": 300}


@pytest.fixture(scope="module")
def images() -> Images:
    return planted_images(n_train=400, n_test=60)


def trainer(images: Images, checkpoint: Checkpoint | None = None, **values: float) -> WholeTrainer:
    made = trainer_of(Config(**{**SMALL, **values}), images, checkpoint)
    assert isinstance(made, WholeTrainer)
    return made


def steps(one: WholeTrainer, n: int) -> WholeTrainer:
    for _ in range(n):
        one.step()
    return one


@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(2, 30), visible=st.integers(1, 9), hidden=st.integers(1, 7), seed=st.integers(0, 99),
    rho=st.floats(0.01, 0.9), decay=st.floats(0, 1), beta=st.floats(0, 10),
)  # fmt: skip
def test_cost_and_gradient_are_the_courses(
    m: int, visible: int, hidden: int, seed: int, rho: float, decay: float, beta: float
):
    """torch's against numpy's, which differences have checked; to rounding."""
    x = np.random.default_rng(seed).uniform(0.1, 0.9, (m, visible))
    weights, knobs = start(visible, hidden, seed), Knobs(rho, decay, beta)
    terms, gradient = cost_and_gradient(weights, x, knobs)
    ours = CourseCost(torch.from_numpy(x), hidden)
    found = ours(torch.from_numpy(weights.flat("C")), knobs)
    np.testing.assert_allclose(found.terms, terms, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.gradient.numpy(), gradient.flat("C"), rtol=1e-10, atol=1e-13)


def test_it_is_trained_by_what_the_method_says(images: Images):
    assert isinstance(trainer_of(Config(**SMALL), images), WholeTrainer)
    assert isinstance(trainer_of(Config(n_latents=9, batch_size=30), images), Trainer)


def test_its_numbers_are_the_courses(images: Images):
    """J and its terms on the first 300 images; the FVU follows from the squared error."""
    one = steps(trainer(images, rho=0.05, beta=2.0), 7)
    row, config = one.row(), one.config
    theta = one.checkpoint().tensors["lbfgs.theta"]
    x = images.train[:300].astype(np.float64)
    terms = cost(Weights.unflat(theta, 256, 9, "C"), x, Knobs(0.05, config.weight_decay, 2.0))
    assert row.terms.reconstruction == pytest.approx(terms.reconstruction)
    assert row.terms.weight * row.terms.sparsity == pytest.approx(terms.sparsity)
    assert row.terms.decay == pytest.approx(terms.decay)
    assert row.terms.objective == pytest.approx(terms.cost)
    assert row.fvu == pytest.approx(2 * terms.reconstruction / images.variance)
    assert (row.step, row.images, row.epoch) == (7, 2100, 7.0)


def test_j_falls_at_every_step(images: Images):
    one = trainer(images)
    found = [one.row().terms.objective]
    for _ in range(30):
        one.step()
        found.append(one.row().terms.objective)
    assert all(after <= before for before, after in pairwise(found))
    assert found[-1] < 0.1 * found[0]


def test_its_steps_are_those_of_minimise(images: Images):
    """The same way down as ``reproduce`` takes, wherever one looks."""
    x = images.train[:300].astype(np.float64)
    *_, last = minimise(x, 9, Knobs(0.01, 1e-4, 3.0), 20, every=7)
    np.testing.assert_array_equal(
        steps(trainer(images), 20).checkpoint().tensors["lbfgs.theta"], last.weights.flat("C")
    )


@pytest.mark.parametrize("stop", [0, 1, 2, 13])
def test_continuing_is_not_having_stopped(images: Images, tmp_path: Path, stop: int):
    """N + M steps with a save between are N + M, bit for bit; looking changes nothing."""
    whole = steps(trainer(images), stop + 15).checkpoint()
    first = steps(trainer(images), stop)
    first.row(), first.frame(), SnapshotJob(first).finish()
    first.checkpoint().save(tmp_path / "saved.safetensors")
    again = steps(trainer(images, Checkpoint.load(tmp_path / "saved.safetensors")), 15).checkpoint()
    assert again.digest() == whole.digest()
    assert again.tensors.keys() == whole.tensors.keys()
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor, err_msg=name)
    assert again.numbers == whole.numbers


def test_a_changed_knob_is_another_way_down(images: Images):
    """Live, or by a checkpoint whose config was changed (a fork): the same bits. β draws ρ̂ down to ρ."""
    one = steps(trainer(images, beta=0.0, rho=0.02), 40)
    before, saved = one.row(), one.checkpoint()
    one.set("beta", 5.0)
    forked = trainer(images, dataclasses.replace(saved, config=saved.config.with_changes(beta=5.0)), rho=0.02)
    after = steps(one, 40).row()
    assert steps(forked, 40).checkpoint().digest() == one.checkpoint().digest()
    assert one.checkpoint().tensors["rho_hat"].mean() < 0.1 < saved.tensors["rho_hat"].mean()
    assert after.fvu > before.fvu


def test_the_same_value_again_changes_nothing(images: Images):
    one, other = steps(trainer(images), 9), steps(trainer(images), 9)
    one.set("beta", 3.0)
    assert steps(one, 5).checkpoint().digest() == steps(other, 5).checkpoint().digest()


def test_the_model_that_others_see_is_the_courses(images: Images):
    """Encode and decode in float32 are a2 and h(x); dictionary rows are W2's columns."""
    one = steps(trainer(images), 10)
    model, theta = one.model, one.checkpoint().tensors["lbfgs.theta"]
    weights = Weights.unflat(theta, 256, 9, "C")
    x = images.test
    a2, a3 = activations(weights, x.astype(np.float64))
    with torch.no_grad():
        codes = model.encode(torch.from_numpy(x))
        np.testing.assert_allclose(codes.numpy(), a2, atol=1e-5)
        np.testing.assert_allclose(model.decode(codes).numpy(), a3, atol=1e-5)
    assert evaluate(model, images).fvu == pytest.approx(
        float(((a3 - x) ** 2).sum() / ((x - x.mean(0)) ** 2).sum()), rel=1e-4
    )


def test_the_model_goes_through_a_file(images: Images, tmp_path: Path):
    model = steps(trainer(images), 3).model
    model.save(tmp_path / "model.safetensors")
    again = SparseAutoencoder.load(tmp_path / "model.safetensors")
    x = torch.from_numpy(images.test)
    assert torch.equal(model(x), again(x))


def test_at_its_end_it_stays(images: Images):
    """Nothing to gain: steps go on counting, and J is where it was."""
    one = trainer(images, beta=0.0, weight_decay=10.0)
    steps(one, 400)
    end = one.row().terms.objective
    steps(one, 20)
    assert one.row().terms.objective <= end
    assert one.row().step == 420


def test_fewer_images_than_examples_are_all_there_are(images: Images):
    assert steps(trainer(images, batch_size=10_000), 2).row().step == 2


def test_running_away_is_a_sentence_and_undone(images: Images, monkeypatch: pytest.MonkeyPatch):
    one = steps(trainer(images), 2)
    before = one.checkpoint()
    nowhere = dataclasses.replace(one._descent.look(), terms=Terms(math.nan, 0.0, 0.0))
    monkeypatch.setattr(Descent, "look", lambda _: nowhere)
    with pytest.raises(Diverged, match="diverged"):
        one.step()
    monkeypatch.undo()
    assert one.checkpoint().digest() == before.digest()
    assert one.steps == 2
    assert steps(one, 3).row().terms.objective < 100


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"learning_rate": 0.01}, "learning_rate has no place in the method textbook"),
        ({"tied": True}, "tied has no place"),
        ({"aux_k": 4}, "aux_k has no place"),
        ({"noise": 0.1}, "noise has no place"),
        ({"activation": "relu"}, "KL|activation"),
        ({"k": 3}, "k belongs to"),
        ({"target_rho": 0.2}, "target_rho belongs to"),
        ({"method": "l1", "beta": 2.0}, "beta belongs to the methods kl and textbook"),
    ],
)
def test_what_the_course_has_not_is_refused(values: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said):
        Config(**{**SMALL, **values})


def test_the_stream_trains_it_too(images: Images):
    actions = [Step(), Step(), Set("beta", 1.0), Step(), Want.ROW, Want.CHECKPOINT]
    row, checkpoint = stream(Config(**SMALL), images, actions)
    assert isinstance(row, Row)
    assert isinstance(checkpoint, Checkpoint)
    assert (row.step, row.penalty_weight, checkpoint.config.beta) == (3, 1.0, 1.0)


def test_presets_are_configs():
    for name in PRESETS:
        assert Config(**preset(name)).method == "textbook"
    with pytest.raises(ConfigError, match="no preset 'lecture'; there are textbook"):
        preset("lecture")


def test_the_patches_are_the_courses():
    """10,000 of 8×8 in [.1, .9], as `normalise` of the whitened photographs has them, and 2,000 others."""
    images = load_images("patches")
    assert (images.train.shape, images.test.shape, images.image_shape) == ((10_000, 64), (2_000, 64), (8, 8))
    np.testing.assert_array_equal(images.train, normalise(sample(photographs())).astype(np.float32))
    assert images.train.min() == pytest.approx(0.1)
    assert images.test.max() == pytest.approx(0.9)
    assert not (images.test[:, None] == images.train[None, :50]).all(axis=2).any()
