"""What the methods declare, and their arithmetic on numbers one can do in one's head."""

from __future__ import annotations

import subprocess
import sys
from math import log

import pytest
import torch

from sae_core.config import Config, ConfigError
from sae_core.sparsity import FIRING_THRESHOLD, METHODS, Batch, firing_threshold


def test_the_screens_list_the_methods_in_order() -> None:
    assert list(METHODS) == ["none", "l1", "kl", "topk"]


def test_declaring_needs_no_torch() -> None:
    """The server draws menus from these declarations, and must not load torch for them."""
    code = "import sys, sae_core.sparsity, sae_core.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda m: m.name)
def test_every_method_can_be_chosen_with_its_own_defaults(method: object) -> None:
    """Its defaults make a config, its dial is one of its knobs, and its texts are sentences."""
    name = method.name  # type: ignore[attr-defined]
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
    METHODS["topk"].activate_(codes, Config(method="topk", n_latents=4, k=2))
    assert codes.tolist() == [[0.0, 0.0, 3.0, 2.0], [0.0, 0.0, 5.0, 0.0]]


def test_topk_with_all_latents_is_a_relu() -> None:
    codes = torch.tensor([[1.0, -2.0]])
    METHODS["topk"].activate_(codes, Config(method="topk", n_latents=2, k=2))
    assert codes.tolist() == [[1.0, 0.0]]


def test_l1_is_the_mean_sum_of_codes_in_units_of_the_images_spread() -> None:
    """Two images with code sums 3 and 5, variance 4: (3 + 5) / 2 / √4 = 2."""
    codes = torch.tensor([[1.0, 2.0], [0.0, 5.0]])
    batch = Batch(codes, (codes > 0).float(), variance=4.0)
    assert METHODS["l1"].sparsity(batch, Config(), {}) == pytest.approx(2.0)


def test_kl_is_zero_at_the_target_and_known_elsewhere() -> None:
    """KL(½ ‖ ¼) = ½ ln 2 + ½ ln ⅔ = ½ ln 4/3; two latents, one of them on target."""
    batch = Batch(torch.tensor([[0.5, 0.25]]), torch.tensor([[1.0, 1.0]]), variance=1.0)
    state = {"rho_hat": torch.zeros(2)}
    METHODS["kl"].observe_(batch, images=1, state=state)
    assert state["rho_hat"].tolist() == [0.5, 0.25]
    assert METHODS["kl"].sparsity(batch, Config(method="kl", rho=0.5), state) == pytest.approx(0.5 * log(4 / 3))


def test_the_running_mean_starts_plain_and_then_forgets() -> None:
    """Means 1, 0 and ½ of one image each average to 1, ½, ½; after 512 images a new one weighs 1/512."""
    state = {"rho_hat": torch.zeros(1)}
    for images, value in enumerate((1.0, 0.0, 0.5), start=1):
        METHODS["kl"].observe_(Batch(torch.tensor([[value]]), torch.ones(1, 1), 1.0), images, state)
    assert state["rho_hat"].item() == pytest.approx(0.5, abs=1e-5)
    METHODS["kl"].observe_(Batch(torch.tensor([[1.0]]), torch.ones(1, 1), 1.0), 10_000, state)
    assert state["rho_hat"].item() == pytest.approx(0.5 + 0.5 / 512, abs=1e-5)


def test_saturated_sigmoids_leave_kl_finite() -> None:
    """A mean of exactly 0 or 1 would make KL infinite; ρ̂ stops just short of both."""
    codes = torch.tensor([[0.0, 1.0]])
    batch, state, config = Batch(codes, codes.clone(), 1.0), {"rho_hat": torch.zeros(2)}, Config(method="kl")
    METHODS["kl"].observe_(batch, 1, state)
    grad = torch.zeros(1, 2)
    METHODS["kl"].backward_(grad, batch, 1.0, config, state)
    assert METHODS["kl"].sparsity(batch, config, state) < 100
    assert torch.isfinite(grad).all()
