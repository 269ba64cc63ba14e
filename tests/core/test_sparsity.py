"""What the methods declare, and their arithmetic on numbers one can do in one's head."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sae_core.config import Config, ConfigError
from sae_core.data import Images
from sae_core.sparsity import FIRING_THRESHOLD, METHODS, Batch, Method, firing_threshold
from sae_core.sparsity.largest import keep_largest_
from sae_core.training.step import Trainer
from tests.core.methods import config_of


def test_the_screens_list_the_methods_in_order() -> None:
    assert list(METHODS) == ["none", "l1", "topk", "batch-topk", "jumprelu", "gated", "kl", "wta", "textbook"]


def test_declaring_needs_no_torch() -> None:
    """The server draws menus from these declarations, and must not load torch for them."""
    code = "import sys, sae_core.sparsity, sae_core.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda m: m.name)
def test_every_method_can_be_chosen_with_its_own_defaults(method: object) -> None:
    """Its defaults make a config, its dial is one of its knobs, and its texts are sentences."""
    name = method.name  # type: ignore[attr-defined]  # given by the table
    config = Config(method=name)
    chosen = METHODS[name]
    assert {key: getattr(config, key) for key in chosen.defaults} == dict(chosen.defaults)
    assert chosen.dial is None or chosen.dial in chosen.knobs
    assert chosen.summary.endswith(".")
    assert not chosen.activation_reason or chosen.activation_reason.endswith(".")


def test_kl_with_relu_is_refused_with_the_reason() -> None:
    sentence = "The method kl cannot use activation 'relu': .* codes must lie between 0 and 1"
    with pytest.raises(ConfigError, match=sentence):
        Config(method="kl", activation="relu")


def test_a_sigmoid_latent_fires_above_the_threshold_a_relu_one_above_zero() -> None:
    assert firing_threshold("relu") == 0.0
    assert firing_threshold("sigmoid") == FIRING_THRESHOLD == 0.1


def test_topk_keeps_the_k_largest_and_only_positive_ones() -> None:
    """Of (1, −2, 3, 2) two stay; of (−1, −2, 5, −3) only the one that is positive."""
    codes = torch.tensor([[1.0, -2.0, 3.0, 2.0], [-1.0, -2.0, 5.0, -3.0]])
    METHODS["topk"].activate_(codes, Config(method="topk", n_latents=4, k=2), {})
    assert codes.tolist() == [[0.0, 0.0, 3.0, 2.0], [0.0, 0.0, 5.0, 0.0]]


def test_topk_with_all_latents_is_a_relu() -> None:
    codes = torch.tensor([[1.0, -2.0]])
    METHODS["topk"].activate_(codes, Config(method="topk", n_latents=2, k=2), {})
    assert codes.tolist() == [[1.0, 0.0]]


VALUES = st.floats(-3, 3, width=32) | st.sampled_from([0.5, 1.0, 2.0, math.inf])


@given(
    rows=st.lists(st.lists(VALUES, min_size=6, max_size=6), min_size=1, max_size=5),
    k=st.integers(1, 7),
    dim=st.sampled_from([0, 1]),
)
def test_the_largest_are_those_a_sort_finds_and_k_of_them_even_where_some_are_equal(
    rows: list[list[float]], k: int, dim: int
) -> None:
    """Against a plain sort of each row or column: the same values, and never more than k."""
    codes = torch.tensor(rows, dtype=torch.float32)
    lines = [sorted(line, reverse=True) for line in codes.relu().movedim(dim, 1).tolist()]
    keep_largest_(codes, k, dim)
    kept = [sorted(line, reverse=True) for line in codes.movedim(dim, 1).tolist()]
    assert kept == [line[:k] + [0.0] * (len(line) - k) for line in lines]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(100, 400),
    k=st.integers(1, 40),
    dim=st.sampled_from([0, 1]),
    slope=st.sampled_from([0.0, 0.05, -0.05]),
)
def test_rows_long_enough_for_a_bound_are_no_exception(seed: int, n: int, k: int, dim: int, slope: float) -> None:
    """Rows with and without an order in them, against a plain sort; and the positions are those of what is left."""
    rows = torch.randn(5, n, generator=torch.Generator().manual_seed(seed)) + slope * torch.arange(n)
    codes = rows if dim == 1 else rows.T.contiguous()
    edges = rows.sort(dim=1, descending=True).values[:, k - 1, None].clamp_min(0.0)
    left = torch.where((rows >= edges) & (rows > 0.0), rows, 0.0)
    at = keep_largest_(codes, k, dim)
    assert torch.equal(codes if dim == 1 else codes.T, left)
    assert at is not None
    assert at.tolist() == codes.reshape(-1).nonzero().squeeze(1).tolist()


def test_where_equal_values_leave_a_choice_no_positions_are_told() -> None:
    """Of (2, 1, 1) two stay, and either 1 would do."""
    codes = torch.tensor([[2.0, 1.0, 1.0]])
    assert keep_largest_(codes, 2, dim=1) is None
    assert sorted(codes[0].tolist()) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("where", [0, 77, 149])
def test_what_is_no_number_is_kept_for_all_to_see(where: int) -> None:
    """A model that ran away must not look as if it had only fallen silent."""
    codes = torch.randn(3, 150, generator=torch.Generator().manual_seed(0))
    codes[1, where] = math.nan
    keep_largest_(codes, 8, dim=1)
    assert codes.isnan().sum() == 1


def test_l1_is_the_mean_sum_of_codes_in_units_of_the_images_spread() -> None:
    """Two images with code sums 3 and 5, variance 4: (3 + 5) / 2 / √4 = 2."""
    codes = torch.tensor([[1.0, 2.0], [0.0, 5.0]])
    batch = Batch(codes, (codes > 0).float(), variance=4.0)
    assert METHODS["l1"].sparsity(batch, Config()) == pytest.approx(2.0)


def test_a_free_rows_norm_counts_in_l1() -> None:
    """One image, codes (1, 2), rows of norm 3 and 5, variance 4: (1 · 3 + 2 · 5) / √4 = 6.5."""
    codes, rows = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0], [0.0, 5.0]])
    batch = Batch(codes, (codes > 0).float(), variance=4.0, dictionary=rows)
    assert METHODS["l1"].sparsity(batch, Config()) == pytest.approx(6.5)


def kl_batch(codes: list[list[float]]) -> Batch:
    rows = torch.tensor(codes)
    return Batch(rows, torch.ones_like(rows), variance=1.0, extras={"rho_hat": torch.zeros(rows.shape[1])})


def test_kl_is_zero_at_the_target_and_known_elsewhere() -> None:
    """KL(½ ‖ ¼) = ½ ln 2 + ½ ln ⅔ = ½ ln 4/3; two latents, one of them on target."""
    batch = kl_batch([[0.5, 0.25]])
    METHODS["kl"].observe_(batch, images=1)
    assert batch.extras["rho_hat"].tolist() == [0.5, 0.25]
    assert METHODS["kl"].sparsity(batch, Config(method="kl", rho=0.5)) == pytest.approx(0.5 * log(4 / 3))


def test_the_running_mean_starts_plain_and_then_forgets() -> None:
    """Means 1, 0 and ½ of one image each average to 1, ½, ½; after 512 images a new one weighs 1/512."""
    batch = kl_batch([[0.0]])
    for images, value in enumerate((1.0, 0.0, 0.5), start=1):
        batch.codes.fill_(value)
        METHODS["kl"].observe_(batch, images)
    assert batch.extras["rho_hat"].item() == pytest.approx(0.5, abs=1e-5)
    batch.codes.fill_(1.0)
    METHODS["kl"].observe_(batch, 10_000)
    assert batch.extras["rho_hat"].item() == pytest.approx(0.5 + 0.5 / 512, abs=1e-5)


def test_saturated_sigmoids_leave_kl_finite() -> None:
    """A mean of exactly 0 or 1 would make KL infinite; ρ̂ stops just short of both."""
    batch, config = kl_batch([[0.0, 1.0]]), Config(method="kl")
    METHODS["kl"].observe_(batch, 1)
    grad = torch.zeros(1, 2)
    METHODS["kl"].backward_(grad, batch, 1.0, config)
    assert METHODS["kl"].sparsity(batch, config) < 100
    assert torch.isfinite(grad).all()


def small_batch(codes: list[list[float]], **more: object) -> Batch:
    rows = torch.tensor(codes)
    return Batch(rows, torch.zeros_like(rows), 1.0, **more)  # type: ignore[arg-type]  # only what is asked for


def test_batch_topk_keeps_the_strongest_of_the_batch_and_learns_the_threshold() -> None:
    """k = 1 of 2 × 3: the two largest of all six, both of one image; θ is the smaller of them, and decides alone
    at test time.
    """
    method, config = METHODS["batch-topk"], Config(method="batch-topk", n_latents=3, k=1)
    batch = small_batch([[5.0, 4.0, 1.0], [3.0, -1.0, 2.0]], extras={"threshold": torch.tensor(0.0)})
    method.activate_batch_(batch, config)
    assert batch.codes.tolist() == [[5.0, 4.0, 0.0], [0.0, 0.0, 0.0]]
    method.observe_(batch, images=2)
    assert batch.extras["threshold"].item() == 4.0
    alone = torch.tensor([[4.5, 3.9, -9.0]])
    method.activate_(alone, config, batch.extras)
    assert alone.tolist() == [[4.5, 0.0, 0.0]]


def test_winners_are_each_units_best_images_while_it_learns_and_all_speak_afterwards() -> None:
    """Half of four images each: column (1, 4, 3, −2) keeps 4 and 3; (−1, −2, 5, −3) only what is positive."""
    method, config = METHODS["wta"], Config(method="wta", n_latents=2, lifetime=0.5)
    rows = [[1.0, -1.0], [4.0, -2.0], [3.0, 5.0], [-2.0, -3.0]]
    batch = small_batch(rows)
    method.activate_batch_(batch, config)
    assert batch.codes.tolist() == [[0.0, 0.0], [4.0, 0.0], [3.0, 5.0], [0.0, 0.0]]
    codes = torch.tensor(rows)
    method.activate_(codes, config, {})
    assert codes.tolist() == [[1.0, 0.0], [4.0, 0.0], [3.0, 5.0], [0.0, 0.0]]


def test_jumprelu_passes_whole_what_is_above_its_units_threshold() -> None:
    """Thresholds 1 and 2: of (1.5, 1.5) the first stays as it is."""
    codes, extras = torch.tensor([[1.5, 1.5]]), {"log_threshold": torch.tensor([0.0, log(2.0)])}
    METHODS["jumprelu"].activate_(codes, Config(method="jumprelu"), extras)
    assert codes.tolist() == [[1.5, 0.0]]


def test_a_gate_decides_who_speaks_and_the_magnitude_how_loudly() -> None:
    """u = (1, −1, 3); b_gate = (0, 0, −4) opens the first alone; exp(ln 2) · 1 + ½ = 2½."""
    u, b_enc = torch.tensor([[1.0, -1.0, 3.0]]), torch.tensor([0.0, 0.0, -4.0])
    gate = u + b_enc
    extras = {"b_enc": b_enc, "r_mag": torch.full((3,), log(2.0)), "b_mag": torch.full((3,), 0.5)}
    METHODS["gated"].activate_(gate, Config(method="gated"), extras)
    torch.testing.assert_close(gate, torch.tensor([[2.5, 0.0, 0.0]]))


@pytest.mark.parametrize(
    ("method", "knob", "value"),
    [
        ("l1", "k", 3),
        ("topk", "penalty_weight", 0.3),
        ("none", "target_l0", 20),
        ("kl", "target_l0", 20),
        ("l1", "target_rho", 0.2),
        ("gated", "lifetime", 0.2),
    ],
)
def test_a_methods_knob_on_another_method_is_refused_in_one_sentence(method: str, knob: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"^{knob} belongs to the methods? .*; the method {method} does not use it.$"):
        Config(method=method, **{knob: value})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"target_l0": 300}, "target_l0 is 300, but there are only 256 latents"),
        ({"method": "kl", "target_rho": 0.04}, "draws every unit towards rho 0.05, never below it"),
        ({"schedule": "cosine"}, "this run has none; give epochs or steps"),
        ({"tied": True, "weight_decay": 0.1}, "tied filters held at norm 1 cannot decay"),
        ({"aux_k": 300}, "aux_k is 300, but there are only 256 latents"),
        ({"method": "kl", "resample_every": 10}, "sigmoid codes never are"),
        ({"tied": "perhaps"}, "tied is 'perhaps', but it should be a valid boolean"),
        ({"decoder_norm": "long"}, "decoder_norm is 'long', but it should be 'unit', 'bounded' or 'free'"),
        ({"method": "batch-topk", "k": 999}, "k is 999, but there are only 256 latents"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Config(**values)


def test_the_readmes_method_is_all_that_a_method_needs(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its few lines train, are chosen by name, and keep no code of .5 or less."""
    readme = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
    [block] = re.findall(r"```python\n(class Fixed.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {"Method": Method}
    exec(compile(block, "README.md", "exec"), names)
    monkeypatch.setitem(METHODS, "fixed", names["Fixed"]())
    trainer = Trainer(Config(method="fixed", n_latents=24, batch_size=16), images)
    before = trainer.row().fvu
    for _ in range(100):
        trainer.step()
    codes = trainer.objective.codes
    assert codes[codes > 0].min() > 0.5
    assert trainer.row().fvu < before


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.only_lit])
def test_a_latent_that_is_silent_all_batch_long_learns_nothing(method: str, images: Images) -> None:
    """Its encoder row, bias and filter have no gradient; those that speak have."""
    trainer = Trainer(config_of(method, tied=False), images)
    with torch.no_grad():
        trainer.model.b_enc[:7] = -100.0
        trainer.objective.forward(trainer.config)
        trainer.objective.penalties(trainer.config, 16)
        trainer.objective.backward(0.1, trainer.config)
    for name in ("W_enc", "b_enc", "dictionary"):
        grad = trainer.model.trained[name].grad
        assert grad is not None
        assert not grad[:7].any()
        assert grad[7:].any()
