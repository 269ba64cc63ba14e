"""Compiled arithmetic says what torch's says."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import Parameter

from sae_core.kernels import Given, Gradients, compiling
from sae_core.kernels.adam import sum_of_squares
from sae_core.kernels.compiling import number, put
from sae_core.kernels.dense import CompiledDense, count_lit, light_
from sae_core.kernels.largest import keep_largest_in_rows_
from sae_core.kernels.lit import CompiledLit
from sae_core.kernels.pages import settle
from sae_core.kernels.rows import BLOCKS, bits_of, copy_
from sae_core.kernels.strongest import Strongest
from sae_core.kernels.take import take_
from sae_core.kernels.team import as_team, share
from sae_core.snapshot import Terms
from sae_core.training.adam import Adam
from sae_core.training.lit import Lit
from sae_core.training.recent import Recent

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("prepared")]  # the first time, it is compiled


PRICES = ("none", "one", "each")


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 700),
    share=st.floats(0, 1),
    shift=st.sampled_from([-3.0, 0.0, 3.0]),
    steps=st.sampled_from([0, 2, 8]),
)
def test_the_k_largest_are_torchs_and_of_equal_ones_the_first(
    seed: int, n: int, share: float, shift: float, steps: int
) -> None:
    """On rows of any length, mostly positive or not, with and without equal values (``steps`` an octave)."""
    k = max(1, min(n - 1, round(share * n)))
    rows = normal(3, n, seed=seed) + shift
    if steps:
        rows = (rows * steps).round() / steps
    order = (-rows).argsort(dim=1, stable=True)[:, :k]
    expected = torch.zeros_like(rows).scatter_(1, order, rows.gather(1, order).relu())
    at = keep_largest_in_rows_(rows.numpy(), k)
    assert torch.equal(rows, expected)
    assert at is not None
    assert at.tolist() == expected.view(-1).nonzero().squeeze(1).tolist()


@pytest.mark.parametrize("value", [math.nan, -math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", [0, 64, 699])
def test_what_is_no_finite_number_is_left_alone_and_told(value: float, where: int) -> None:
    rows = normal(2, 700)
    rows[1, where] = value
    before = rows.clone()
    assert keep_largest_in_rows_(rows.numpy(), 8) is None
    assert torch.equal(rows[1].nan_to_num(123.0), before[1].nan_to_num(123.0))


Products: TypeAlias = CompiledLit | CompiledDense | Lit


def multiplied(
    kind: type[Products], codes: Tensor, dictionary: Tensor, b_dec: Tensor, x: Tensor, out: Tensor
) -> tuple[Products, float]:
    """Products of that kind after their error, and the sum of its squares."""
    if kind is CompiledDense:
        dense = CompiledDense(codes, codes, torch.empty_like(codes), dictionary, b_dec, x, out)
        share(dense.miss_, BLOCKS)
        return dense, dense.missed()
    few = CompiledLit(codes, count_lit(codes)) if kind is CompiledLit else Lit(codes, np.flatnonzero(codes.numpy()))
    return few, few.error_(dictionary, b_dec, x, out)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shift=st.sampled_from([-9.0, -2.0, 0.0]), priced=st.sampled_from(PRICES))
def test_products_with_lit_codes_are_those_of_the_dense_matrices(seed: int, shift: float, priced: str) -> None:
    """7 images, 30 latents, 13 pixels; with images on which nothing is lit, and latents lit on none."""
    codes = (normal(7, 30, seed=seed, dtype=torch.float64) + shift).relu_()
    dictionary, b_dec, x = (normal(*shape, seed=1, dtype=torch.float64) for shape in ((30, 13), (13,), (7, 13)))
    dictionary /= dictionary.norm(dim=1, keepdim=True)
    price = {"none": None, "one": 0.25, "each": normal(30, seed=2, dtype=torch.float64)}[priced]
    error = codes @ dictionary + b_dec - x
    grads = 0.5 * (error @ dictionary.T) + (0.0 if price is None else price)
    grads = torch.where(codes > 0, grads, 0.0)
    for_dictionary = 0.5 * codes.T @ error
    for project in (False, True):
        if project:
            for_dictionary = for_dictionary - (for_dictionary * dictionary).sum(1, keepdim=True) * dictionary
        for kind in (CompiledLit, CompiledDense, Lit):
            miss, weights, other = torch.empty_like(x), torch.empty_like(dictionary), torch.empty_like(dictionary)
            of_each, below = torch.empty_like(dictionary[:, 0]), torch.empty_like(b_dec)
            lit, missed = multiplied(kind, codes, dictionary, b_dec, x, miss)
            assert missed == pytest.approx(float(error.square().sum()))
            torch.testing.assert_close(miss, error)
            out = Gradients(weights, of_each, other, below)
            across = dictionary if project else None
            squares, through_b_pre = lit.weigh_(Given(0.5, price, x, error, dictionary, across), out)
            if squares is not None:
                assert squares == pytest.approx([float(weights.square().sum()), float(other.square().sum())])
            torch.testing.assert_close(weights, grads.T @ x)
            torch.testing.assert_close(other, for_dictionary)
            torch.testing.assert_close(of_each, grads.sum(0))
            torch.testing.assert_close(below, 0.5 * error.sum(0))
            torch.testing.assert_close(through_b_pre, dictionary.T @ grads.sum(0))
            lit.count_(of_each)
            assert of_each.tolist() == (codes > 0).sum(0).tolist()


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 29), shift=st.sampled_from([-9.0, -2.0, 0.0]))
def test_the_strongest_of_an_image_are_chosen_and_decoded_in_one_go(seed: int, k: int, shift: float) -> None:
    """Of 30, and what follows is what follows from knowing them."""
    products, b_enc = normal(7, 30, seed=seed) + shift, normal(30, seed=3)
    dictionary, b_dec, x = normal(30, 13, seed=1), normal(13, seed=1), normal(7, 13, seed=1)
    pre_codes = products + b_enc
    kept, where = pre_codes.relu().topk(k, dim=1)
    expected = torch.zeros_like(pre_codes).scatter_(1, where, kept)
    codes, error = torch.empty_like(pre_codes), torch.empty_like(x)
    strongest = Strongest(codes, k, b_enc, dictionary, b_dec, x, error)
    for images in (slice(0, 3), slice(3, 7)):
        strongest.see_(products[images], images)
    lit, other = CompiledLit(expected, count_lit(expected)), torch.empty_like(x)
    assert strongest.seen() == pytest.approx(lit.error_(dictionary, b_dec, x, other))
    assert torch.equal(codes, expected)
    assert torch.equal(error, other)
    ours, theirs = (
        Gradients(normal(30, 13), normal(30), normal(30, 13), normal(13)),
        Gradients(normal(30, 13), normal(30), normal(30, 13), normal(13)),
    )
    strongest.weigh_(Given(0.5, None, x, error, None, None), ours)
    lit.weigh_(Given(0.5, None, x, error, None, None), theirs)
    assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_code_that_is_no_finite_number_is_not_lost(value: float) -> None:
    """Neither by a ReLU, nor by leaving out what is dark: the objective has to see it, so that training can stop."""
    products = normal(3, 20)
    products[1, 5] = value
    codes, lit, error = torch.empty(3, 20), np.empty(3, np.int64), torch.empty(3, 4)
    rest = (normal(20, 4), torch.zeros(4), torch.zeros(3, 4), error)
    light_(products, torch.zeros(20), codes, lit, slice(None))
    assert not math.isfinite(CompiledLit(codes, lit).error_(*rest))
    assert not math.isfinite(multiplied(CompiledDense, codes, *rest)[1])
    strongest = Strongest(codes, 2, torch.zeros(20), *rest)
    strongest.see_(products, slice(None))
    assert not math.isfinite(strongest.seen())


@pytest.mark.parametrize("n", [5, 100])
def test_factors_in_bfloat16_are_read_as_what_they_stand_for(n: int) -> None:
    """Where they are rounded already, results differ only by the order of sums; n of 100 codes are lit."""
    codes = normal(7, 100).relu_() + 0.1
    codes[:, n:] = 0.0
    codes, dictionary, x = (t.bfloat16().float() for t in (codes, normal(100, 40), normal(7, 40)))
    b_dec, results = torch.zeros(40), []
    for low in (False, True):
        numbers = [t.bfloat16() if low else t for t in (codes, dictionary, x)]
        miss, rounded = torch.empty_like(x), torch.empty(7, 40, dtype=torch.bfloat16) if low else None
        lit = CompiledLit(codes, count_lit(codes))
        squares = lit.error_(numbers[1], b_dec, x, miss, rounded)
        out = Gradients(torch.empty(100, 40), torch.empty(100), torch.empty(100, 40), torch.empty(40))
        lit.weigh_(Given(0.5, 0.1, numbers[2], miss.bfloat16().float(), numbers[1], None), out)
        results.append([torch.tensor(squares), miss, *out])
        assert rounded is None or torch.equal(rounded, miss.bfloat16())
    for exact, low_ in zip(*results, strict=True):
        torch.testing.assert_close(exact, low_, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("centres", [True, False])
def test_a_batch_is_fetched_centred_and_rounded_in_one_go(dtype: torch.dtype, centres: bool) -> None:
    images, rows, b_dec = normal(50, 13), torch.tensor([3, 49, 0, 3]), normal(13, seed=1)
    x, centred = torch.zeros(4, 13), torch.zeros(4, 13, dtype=dtype)
    for some in (slice(0, 1), slice(1, 4)):
        take_(images, rows, b_dec if centres else None, x, centred, some)
    assert torch.equal(x, images[rows])
    assert torch.equal(centred, (x - b_dec if centres else x).to(dtype))


def test_who_fired_of_late_is_noted_as_torch_notes_it() -> None:
    """Over four batches of 10 images, then compared with what a narrow model's calls come to."""
    terms = Terms(0.5, 0.0, 0.0, 0.0, 0.0)
    ours, theirs = (Recent(6, 10, torch.empty(1), wide=wide_) for wide_ in (True, False))
    for batch in range(1, 5):
        counts = torch.tensor([0.0, 10.0, 3.0, 0.0, float(batch == 2), float(batch % 2)])
        for recent in (ours, theirs):
            recent.observe_(counts, terms, 10 * batch)
    torch.testing.assert_close(ours.density, theirs.density)
    assert ours.last_fired.tolist() == theirs.last_fired.tolist() == [0, 40, 40, 0, 20, 30]
    assert ours.l0 == pytest.approx(theirs.l0)


def test_adam_is_torchs_to_rounding() -> None:
    """Under a rate that changes and a gradient that is sometimes 0, very large, or clipped to norm 2."""
    shapes = {"W_enc": (7, 5), "b_enc": (7,)}
    ours = {name: Parameter(normal(*shape, dtype=torch.float64)) for name, shape in shapes.items()}
    theirs = {name: Parameter(parameter.detach().clone()) for name, parameter in ours.items()}
    adam, reference = Adam(ours, 1e-3, wide=True), torch.optim.Adam(theirs.values(), lr=1e-3)
    for step in range(30):
        adam.rate = reference.param_groups[0]["lr"] = 1e-3 / (1 + step)
        for name, shape in shapes.items():
            grad = normal(*shape, seed=step, dtype=torch.float64) * 10.0 ** (step % 9 - 4)
            grad[step % 7] = 0.0
            ours[name].grad, theirs[name].grad = grad, grad.clone()
        if step % 2:
            torch.nn.utils.clip_grad_norm_(theirs.values(), 2.0)
        adam.step(2.0 if step % 2 else 0.0)
        reference.step()
    for name, parameter in theirs.items():
        torch.testing.assert_close(ours[name], parameter, rtol=1e-6, atol=1e-9)
        assert float(adam.state[name]["step"]) == 30.0


@pytest.mark.parametrize("least", [0.0, 1e-12, 3.0, 100.0])
def test_what_adam_moves_is_held_at_its_norm_and_rounded_as_torch_rounds(least: float) -> None:
    """As it is, at norm 1, and at most 3; one row of zeros stays."""
    start = torch.cat([normal(40, 33), torch.zeros(1, 33)])
    rows, free, lower = Parameter(start.clone()), Parameter(start.clone()), torch.empty(41, 33, dtype=torch.bfloat16)
    rows.grad = torch.cat([normal(40, 33, seed=1), torch.zeros(1, 33)])
    free.grad = rows.grad.clone()
    Adam({"rows": rows}, 1e-2, wide=True, lower={"rows": lower}, least={"rows": least}).step()
    Adam({"rows": free}, 1e-2, wide=True).step()
    assert not torch.equal(free[:-1], start[:-1])
    torch.testing.assert_close(rows, free / free.norm(dim=1, keepdim=True).clamp_min(least) if least else free)
    assert torch.equal(lower, rows.bfloat16())


def test_numbers_are_rounded_as_torch_rounds_them() -> None:
    """Ties, to the even neighbour, and infinities included."""
    halves = torch.tensor([1 + 2.0**-8, 1 + 3 * 2.0**-8, float("inf"), -0.0])
    out = torch.empty_like(halves, dtype=torch.bfloat16)
    copy_(halves.numpy(), bits_of(out))
    assert out.tolist() == [1.0, 1 + 2.0**-6, float("inf"), 0.0]
    for i, half in enumerate(halves.numpy()):  # uncompiled, as under a debugger
        put(bits_of(out), i, half)
        assert number(bits_of(out)[i]) == out[i]
        assert number(half) == half
    assert out.tolist() == [1.0, 1 + 2.0**-6, float("inf"), 0.0]


def test_numbers_move_to_large_pages_and_stay_what_they_are() -> None:
    first, second, small = Parameter(normal(30, 100)), torch.arange(5_000), torch.ones(3)
    before, where = first.detach().clone(), small.data_ptr()
    settle([first, second, first, small])
    assert torch.equal(first, before)
    assert second.tolist() == list(range(5_000))
    assert small.data_ptr() == where
    first.data.add_(1.0)
    assert torch.equal(first, before + 1.0)
    assert second.tolist() == list(range(5_000))


def test_sums_do_not_depend_on_the_number_of_threads() -> None:
    """To the bit."""
    codes, dictionary, x = normal(50, 600), normal(600, 70, seed=1), normal(50, 70, seed=2)
    threads = torch.get_num_threads()

    def sums() -> list[Tensor]:
        kept, found = codes.clone(), []
        assert keep_largest_in_rows_(kept.numpy(), 20) is not None
        for kind in (CompiledLit, CompiledDense):
            out, weights = torch.empty_like(x), torch.empty_like(dictionary)
            of, error = multiplied(kind, kept, dictionary, dictionary[0], x, out)
            gradients = Gradients(weights, torch.empty(600), torch.empty_like(dictionary), torch.empty(70))
            squares, through_b_pre = of.weigh_(Given(0.5, 0.1, x, out, dictionary, dictionary), gradients)
            assert squares is not None
            assert through_b_pre is not None
            squares = [*squares, sum_of_squares([weights.view(-1).numpy()])]
            found += [torch.tensor([error, *squares], dtype=torch.float64), out, *gradients, through_b_pre]
        return [kept, *found]

    try:
        torch.set_num_threads(1)
        alone = sums()
        for n in (2, 3):
            torch.set_num_threads(n)
            with as_team():
                assert all(map(torch.equal, alone, sums()))
            assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(threads)


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba refuses to cache where it finds no folder to write to."""
    asked = []

    def njit(cache: bool = False, **_: object) -> Callable[[Callable[..., object]], Callable[..., object]]:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiling, "njit", njit)
    assert compiling.kernel(math.floor) is math.floor
    assert asked == [True, False]


def test_a_team_ends_with_the_thread_that_it_was_made_for() -> None:
    """And what one of them raises is raised where it is waited for."""
    began = set(threading.enumerate())
    problems: list[str] = []

    def work(first: int, end: int) -> None:
        if first:
            raise ValueError(f"{first} to {end}")

    def lead() -> None:
        torch.set_num_threads(2)
        with as_team():
            try:
                share(work, 10)
            except ValueError as problem:
                problems.append(str(problem))

    leader = threading.Thread(target=lead)
    leader.start()
    leader.join()
    assert problems == ["5 to 10"]
    for mate in set(threading.enumerate()) - began:
        mate.join(10)
        assert not mate.is_alive()
