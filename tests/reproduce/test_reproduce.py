"""Published results, run again: the quick ones to their end, and what the command says of all."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from sae_core.cli import main
from sae_core.reproduce.course import orientation_share, patch_edges
from sae_core.reproduce.report import Target
from sae_core.reproduce.svg import Axis, Series, chart, mosaic
from sae_core.reproduce.targets import TARGETS
from sae_core.textbook.cost import Knobs
from sae_core.textbook.training import minimise
from tests.conftest import ROOT


def test_the_list_says_how_long_each_takes(capsys: pytest.CaptureFixture[str]):
    assert main(["reproduce", "--list"]) == 0
    said = capsys.readouterr().out
    for one in TARGETS.values():
        assert one.name in said
        assert one.takes in said


def test_the_gradient_check_passes_and_writes_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The whole of it: 3,289 coordinates, below 1e-9."""
    assert main(["reproduce", "gradient-check", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    report = json.loads(Path(said["report"]).read_text("utf-8"))
    assert report["passed"]
    assert report["ours"]["coordinates"] == 3289
    assert report["ours"]["relative_difference"] < 1e-9
    assert report["command"] == "penstroke reproduce gradient-check"


@pytest.mark.long
def test_winners_tell_small_digits_apart(tmp_path: Path):
    """The quick version: a tenth of the steps; more than two points over raw pixels already."""
    from sae_core.reproduce.winners import digits

    told: list[float] = []
    ours = digits(lambda share, _: told.append(share), True).ours
    assert ours["accuracy"] > ours["raw_pixels"] + 0.02
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.long
@pytest.mark.timeout(300)
def test_winners_are_within_the_published_band():
    from sae_core.reproduce.winners import digits

    assert digits(lambda *_: None, False).passed


def test_an_unknown_result_gets_a_sentence(capsys: pytest.CaptureFixture[str]):
    assert main(["reproduce", "perpetual-motion"]) == 1
    assert "gradient-check" in capsys.readouterr().err


@pytest.mark.parametrize("one", TARGETS.values(), ids=lambda one: one.name)
def test_what_has_been_run_has_its_report(one: Target):
    """And what has not says so: no invented figures."""
    path = ROOT / "assets" / "reports" / f"{one.name}.json"
    assert path.exists() != bool(one.record)
    if path.exists():
        report = json.loads(path.read_text("utf-8"))
        assert (report["published"], report["band"], report["quick"]) == (one.published, one.band, False)


def test_an_edge_has_one_direction_and_static_has_none():
    edge = np.tile(np.sin(np.arange(8.0)), (8, 1))
    assert orientation_share(edge) > 0.7
    static = [orientation_share(np.random.default_rng(i).standard_normal((8, 8))) for i in range(50)]
    assert np.median(static) < 0.45


def test_patches_become_edges_a_little_even_when_quick():
    """J falls below what a quarter of the iterations reach, and the figure shows 25 filters."""
    outcome = patch_edges(lambda *_: None, True)
    assert outcome.ours["cost"] < 0.5
    assert outcome.figure.count("<rect") == 1 + 25 * 64


def test_n_iterations_and_n_more_are_2n():
    """Bit for bit: torch's L-BFGS keeps all it needs in its state."""
    x = np.random.default_rng(0).uniform(0.1, 0.9, (40, 6))
    knobs = Knobs(rho=0.1, decay=1e-3, beta=1.0)
    whole = list(minimise(x, 4, knobs, 20, every=10))
    first = next(iter(minimise(x, 4, knobs, 10, every=10)))
    again = list(minimise(x, 4, knobs, 20, every=10, start_from=first))[-1]
    assert whole[-1].iteration == again.iteration == 20
    assert all(np.array_equal(a, b) for a, b in zip(whole[-1].weights, again.weights, strict=True))
    assert whole[1].terms.cost < whole[0].terms.cost


def test_charts_are_well_formed():
    """Whatever is in a title; a point at x = 10 stands in the middle of 1 and 100 on a logarithmic axis."""
    text = chart("A < B & C", Axis("x", log=True), Axis("y"), [Series("s", [1, 10, 100], [0, 1, 2], [0, 0.1, 0])])
    circles = [e for e in ET.fromstring(text) if e.tag.endswith("circle") and e.get("r") == "3.6"]
    left, middle, right = (float(circle.get("cx", "")) for circle in circles)
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    ET.fromstring(mosaic("filters", np.zeros((7, 3, 3))))
