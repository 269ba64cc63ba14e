"""What a plain install gets, and needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_boundaries import EVERYTHING, SOURCES, tops

SPELLED_OTHERWISE = {"sklearn": "scikit-learn", "PIL": "pillow", "xdist": "pytest-xdist"}
OURS = {"sae_core", "dashboard", "tests"}
PEERS = {"dictionary_learning", "overcomplete", "ray", "sae_lens"}
"""Of the extras [bench] and [cluster]."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this checkout, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, cwd=ROOT, timeout=100, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, program: str) -> str:
    """What a program says that finds Penstroke there, and not in the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    words = [sys.executable, "-c", program]
    return subprocess.check_output(words, cwd=installed, env=environment, timeout=60, text=True).strip()


def test_the_wheel_finds_its_own_mnist(installed: Path):
    """All 70,000 images, from inside the package."""
    program = (
        "import sae_core, sae_core.data as d; i = d.load_images(); print(sae_core.__file__, len(i.train), len(i.test))"
    )
    assert run(installed, program).split() == [str(installed / "sae_core" / "__init__.py"), "60000", "10000"]


@pytest.mark.parametrize("folder", ["assets", "dashboard/components"])
def test_everything_of_the_checkout_is_in_the_wheel(installed: Path, folder: str):
    """Data, stories, scripts and styles; pictures for the README stay out."""
    there = installed / folder.replace("assets", "sae_core/_assets")
    wanted = [
        path.relative_to(ROOT / folder)
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "screenshots" not in path.parts and "__pycache__" not in path.parts
    ]
    assert len(wanted) > 4
    assert [path for path in wanted if not (there / path).is_file()] == []


def test_the_licences_come_along(installed: Path):
    """Both: the program's, and MNIST's beside its images."""
    assert (installed / "sae_core" / "_assets" / "MNIST" / "LICENSE.md").is_file()
    [about] = installed.glob("penstroke-*.dist-info/METADATA")
    assert "License-Expression: MIT AND CC-BY-SA-3.0" in about.read_text("utf-8")


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", text)[0] for text in requirements}


@pytest.mark.parametrize("tested", [False, True], ids=["to run", "to test"])
def test_whatever_is_imported_is_asked_for(tested: bool):
    """Not by luck of what another package brings along."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = names(project["dependencies"]).union(*(names(extras[name]) for name in ("search", "cluster")))
    declared |= names(extras["test"]) if tested else set()
    found = set().union(*(tops(path) for path in (EVERYTHING if tested else SOURCES)))
    packages = {SPELLED_OTHERWISE.get(name, name) for name in found - OURS - PEERS - sys.stdlib_module_names}
    assert packages - declared == set()
