"""Bytes and bins of the live picture."""

from __future__ import annotations

import numpy as np
import torch

from sae_core.config import Config
from sae_core.data import Images, fixed_digits
from sae_core.snapshot import Digits
from sae_core.training.picture import MOST_CODES, Quantiser, activation_histogram, lit, pixels, some_codes
from sae_core.training.step import Trainer


def test_128_is_zero_and_each_row_uses_its_whole_range() -> None:
    """Rows ±2 and .01: 2 → 255, −2 → 1, 1 → 128 + 63.5 → 192, 0 → 128; a row of zeros stays 128."""
    weights = torch.tensor([[2.0, -2.0, 1.0, 0.0], [0.01, 0.0, -0.005, 0.0], [0.0, 0.0, 0.0, 0.0]])
    kept = weights.clone()
    result = Quantiser(weights)(weights)
    assert result.dtype == np.uint8
    assert result.tolist() == [[255, 1, 192, 128], [255, 128, 65, 128], [128] * 4]
    assert torch.equal(weights, kept)


def test_the_picture_is_a_copy() -> None:
    """The quantiser's buffer is used again; what it gave out before must not change."""
    quantise, weights = Quantiser(torch.zeros(1, 2)), torch.tensor([[1.0, 0.0]])
    first = quantise(weights)
    quantise(-weights)
    assert first.tolist() == [[255, 128]]


def test_lit_is_relative_to_the_digits_strongest_and_0_only_for_the_silent() -> None:
    codes = np.array([[0.0, 1.0, 4.0, 1e-6], [0.0, 0.0, 0.0, 0.0]], np.float32)
    empty = np.zeros((2, 1), np.float32)
    digits = Digits(empty, empty, codes, ("a", "b"), np.zeros(2, np.float32), np.zeros(2, np.int64))
    assert lit(digits, 0.0).tolist() == [[0, 64, 255, 1], [0, 0, 0, 0]]
    assert lit(digits, 0.5).tolist() == [[0, 64, 255, 0], [0, 0, 0, 0]]


def test_pixels_are_clipped() -> None:
    assert pixels(np.array([-0.5, 0.0, 0.5, 1.0, 7.0], np.float32)).tolist() == [0, 0, 128, 255, 255]


def test_activations_are_counted_by_magnitude_and_zeros_not_at_all() -> None:
    """√variance 10: bins of ½ up to 20. Codes .2, .5 → first; .6 → second; 19.9 and 400 → last; 0 and 0 nowhere."""
    codes = torch.tensor([[0.0, 0.2, 0.5, 0.6], [19.9, 400.0, 0.0, 0.6]])
    histogram = activation_histogram(codes, "relu", variance=100.0)
    assert histogram.counts.sum() == 6
    assert [histogram.counts[i] for i in (0, 1, 39)] == [2.0, 2.0, 2.0]
    assert (histogram.edges[0], histogram.edges[-1]) == (0.0, 20.0)


def test_sigmoid_codes_are_counted_from_the_threshold_up() -> None:
    """.05 and .1 do not fire; .105 is in the first bin, 1 in the last."""
    histogram = activation_histogram(torch.tensor([[0.05, 0.1, 0.105, 1.0]]), "sigmoid", variance=1.0)
    assert histogram.counts.sum() == 2
    assert histogram.counts[0] == histogram.counts[-1] == 1


def test_a_wide_model_is_sampled_by_rows() -> None:
    """As many rows of codes as stay below the limit are copied."""
    codes = torch.ones(8, MOST_CODES // 2)
    some = some_codes(codes)
    codes.zero_()
    assert some.shape == (2, MOST_CODES // 2)
    assert activation_histogram(some, "relu", variance=1.0).counts.sum() == MOST_CODES


def test_a_sketch_keeps_its_moment_while_training_goes_on(images: Images) -> None:
    """Drawn five steps later it is the picture that would have been drawn at once."""
    trainer, other = (Trainer(Config(n_latents=24, batch_size=16), images) for _ in range(2))
    for each in (trainer, other):
        for _ in range(20):
            each.step()
    sketch, at_once = trainer.sketch(), other.frame()
    for _ in range(5):
        trainer.step()
    later = sketch.frame()
    assert later.filters is not None
    assert at_once.filters is not None
    assert later.filters.tobytes() == at_once.filters.tobytes()
    assert later.x_hat.tobytes() == at_once.x_hat.tobytes()
    assert later.density.tobytes() == at_once.density.tobytes()
    assert later.activations.counts.tobytes() == at_once.activations.counts.tobytes()
    assert trainer.frame().filters.tobytes() != at_once.filters.tobytes()  # type: ignore[union-attr] # it has them


def test_a_frame_shows_the_model(images: Images) -> None:
    """Shapes, names and the digits' own numbers; only the weights asked for."""
    trainer = Trainer(Config(n_latents=24, batch_size=16), images)
    for _ in range(20):
        trainer.step()
    frame, other = trainer.frame(), trainer.frame("encoder")
    x, names = fixed_digits(images)
    n = len(x)
    assert frame.filters is not None
    assert frame.encoder is None
    assert other.filters is None
    assert other.encoder is not None
    assert frame.filters.shape == other.encoder.shape == (24, 36)
    assert frame.filters.tobytes() != other.encoder.tobytes()
    assert frame.x.shape == frame.x_hat.shape == (n, 36)
    assert frame.lit.shape == (n, 24)
    assert frame.digit_names == names
    assert frame.digit_l0 == tuple(int(row) for row in (frame.lit > 0).sum(axis=1))
    with torch.no_grad():
        x_hat = trainer.model(torch.tensor(x)).numpy()
    expected = ((x - x_hat) ** 2).sum(axis=1) / ((x - images.mean) ** 2).sum(axis=1)
    np.testing.assert_allclose(frame.digit_fvu, expected, rtol=1e-4)
    assert frame.row == trainer.row()
    assert frame.densities.counts.sum() == 24


def test_the_histogram_is_of_the_last_batch(images: Images) -> None:
    trainer = Trainer(Config(n_latents=24, batch_size=16), images)
    trainer.step()
    fired = int(trainer.objective.counts.sum())
    assert trainer.frame().activations.counts.sum() == fired > 0


def test_wide_models_are_quantised_block_by_block() -> None:
    """600 rows, the i-th (i + 1, −(i + 1)/2): the same bytes in every row."""
    weights = torch.arange(1.0, 601.0).unsqueeze(1) * torch.tensor([[1.0, -0.5]])
    assert np.unique(Quantiser(weights)(weights), axis=0).tolist() == [[255, 65]]
