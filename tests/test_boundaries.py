"""Who may import whom: read from the source, and seen in fresh processes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = sorted([*(ROOT / "sae_core").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py")])
EVERYTHING = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]

UI = {"dashboard", "streamlit", "plotly", "starlette", "uvicorn", "websockets"}
POSIX_ONLY = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}

FLOORS: tuple[tuple[str, ...], ...] = (
    ("sae_core.tensorfile", "sae_core.knob", "sae_core.kernels", "sae_core.zones"),
    ("sae_core.sparsity",),
    ("sae_core.config",),
    ("sae_core.presets",),
    ("sae_core.snapshot", "sae_core.data"),
    ("sae_core.metrics", "sae_core.anatomy"),
    ("sae_core.textbook",),
    ("sae_core.runs.files", "sae_core.runs.helper"),
    ("sae_core.probe",),
    ("sae_core.runs.rows", "sae_core.runs.frames", "sae_core.runs.events", "sae_core.runs.notes"),
    ("sae_core.runs.snapshots", "sae_core.runs.frame_file", "sae_core.runs.path_file"),
    ("sae_core.runs.directory",),
    ("sae_core.runs.folder", "sae_core.runs.data"),
    ("sae_core.model", "sae_core.checkpoint"),
    ("sae_core.training", "sae_core.training.rates", "sae_core.training.target", "sae_core.training.lit"),
    (
        "sae_core.training.objective",
        "sae_core.training.recent",
        "sae_core.training.picture",
        "sae_core.training.batches",
        "sae_core.training.adam",
        "sae_core.training.device",
    ),
    ("sae_core.training.revival", "sae_core.training.wide"),
    ("sae_core.training.sketch",),
    ("sae_core.training.step",),
    ("sae_core.training.whole",),
    ("sae_core.census", "sae_core.measuring", "sae_core.probe.light"),
    ("sae_core.train",),
    ("sae_core.runs.worker",),
    ("sae_core.runs.launch", "sae_core.runs.replay", "sae_core.runs.run", "sae_core.lens"),
    ("sae_core.runs.results", "sae_core.runs.fork"),
    ("sae_core.sweep",),
    ("sae_core.probe.run", "sae_core.probe.work"),
    ("sae_core.export",),
    ("sae_core.reproduce",),
    ("sae_core.cli",),
)
"""The house of DESIGN.md, ground first. A module belongs to the longest name it starts with."""

DOORS = {
    "dashboard": (
        *("sae_core.config", "sae_core.snapshot", "sae_core.metrics", "sae_core.data", "sae_core.sparsity"),
        *("sae_core.textbook", "sae_core.sweep", "sae_core.runs.path_file"),
        *("sae_core.runs.files", "sae_core.runs.folder", "sae_core.runs.directory", "sae_core.runs.events"),
        *("sae_core.runs.rows", "sae_core.runs.frames", "sae_core.runs.frame_file", "sae_core.runs.snapshots"),
        *(
            "sae_core.runs.launch",
            "sae_core.runs.helper",
            "sae_core.runs",
            "sae_core.runs.data",
            "sae_core.probe",
            "sae_core.lens.client",
            "sae_core.lens.answers",
            "sae_core.lens.latents",
            "sae_core.lens.stories",
            "sae_core.runs.notes",
            "sae_core.export",
        ),
        "sae_core.tensorfile",
    )
}
"""What the dashboard may read of the core: training is reached only through `launch`."""

ALONE = {"sae_core.runs", "sae_core.probe"}
"""Doors that do not open what lies behind them: part of it trains."""


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path) for path in SOURCES}


def imports(path: Path, *, runtime_only: bool = True) -> Iterator[str]:
    """Every module that ``path`` imports, anywhere in it, but not what only type checkers see."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set()
    if runtime_only:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                skipped |= {id(inner) for statement in node.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def tops(path: Path, **options: bool) -> set[str]:
    """The packages that ``path`` imports from."""
    return {name.partition(".")[0] for name in imports(path, **options)}


def floor_of(module: str) -> int | None:
    """How high a module stands; None for packages that only gather or describe."""
    best = max(
        ((len(name), floor) for floor, names in enumerate(FLOORS) for name in names if _within(module, name)),
        default=None,
    )
    return best[1] if best else None


def _within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def under(folder: str) -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(ROOT / folder)]


def test_the_core_imports_no_ui():
    """Not even lazily or for types; `penstroke dashboard` opens its one door by name."""
    assert {name_of(path): found for path in under("sae_core") if (found := tops(path, runtime_only=False) & UI)} == {}


def test_the_core_names_the_dashboard_in_one_place():
    """The door from the command line; the doctor looks for its files, and imports nothing."""
    named = [
        name_of(path)
        for path in under("sae_core")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("import_module")
        and "dashboard" in ast.unparse(node)
    ]
    assert named == ["sae_core.cli.commands.house"]


def test_figures_know_neither_streamlit_nor_torch():
    """A figure is a pure function of a snapshot."""
    assert under("dashboard/figures")
    for path in under("dashboard/figures"):
        assert not tops(path, runtime_only=False) & {"streamlit", "torch", "starlette"}, path


def test_views_know_no_torch():
    """Views read aloud: widget, function, chart."""
    assert under("dashboard/views")
    for path in under("dashboard/views"):
        assert "torch" not in tops(path, runtime_only=False), path


def test_the_dashboard_imports_torch_nowhere():
    """The server draws and never trains; torch lives in workers."""
    assert [path for path in under("dashboard") if "torch" in tops(path, runtime_only=False)] == []


def test_the_dashboard_uses_only_the_doors_of_the_core():
    """Run directories, snapshots and configurations; never a model or a training step."""
    doors = DOORS["dashboard"]
    behind = {
        name_of(path): sorted(wrong)
        for path in under("dashboard")
        if (wrong := {name for name in imports(path) if _within(name, "sae_core") and name not in doors
                      and not any(_within(name, door) for door in doors if door not in ALONE)})
    }  # fmt: skip
    assert behind == {}


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_needs_a_posix_system(path: Path):
    """No module that Windows lacks, and no process that is forked."""
    assert not tops(path) & POSIX_ONLY
    calls = [ast.unparse(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    forks = [call for call in calls if call.startswith(("os.fork", "os.posix_spawn", "os.setsid", "os.killpg"))]
    assert not forks
    assert not [call for call in calls if "get_context" in call and "'fork" in call]
    assert not [call for call in calls if "preexec_fn" in call]


def test_workers_are_processes_of_their_own():
    """Spawned by subprocess; multiprocessing, whose default forks on Linux, is not used."""
    assert [path for path in SOURCES if tops(path) & {"multiprocessing"}] == []


def test_nothing_is_pickled():
    """Safetensors and JSON only."""
    pickles = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    assert [path for path in SOURCES if tops(path, runtime_only=False) & pickles] == []


@pytest.mark.parametrize("path", under("sae_core"), ids=name_of)
def test_floors_import_only_from_below(path: Path):
    """DESIGN.md's house: each module stands on a floor, and imports from its own or a lower one."""
    module = name_of(path)
    floor = floor_of(module)
    if floor is None:
        gathers = {"sae_core", "sae_core.runs"}
        assert module in gathers, f"{module} stands on no floor: give it one in FLOORS"
        return
    above = {name for name in imports(path) if (other := floor_of(name)) is not None and other > floor}
    assert above == set()


def test_there_are_no_circles():
    """At import time: of the modules of both packages none imports itself through others."""
    graph = {name_of(path): {name for name in _at_import(path) if name in MODULES} for path in SOURCES}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join((*above[above.index(module) :], module))
        if module not in done:
            for name in graph[module]:
                visit(name, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())
    assert done == MODULES


def _at_import(path: Path) -> Iterator[str]:
    """What ``path`` imports as it is imported itself: not what its functions import when called."""
    tree = ast.parse(path.read_text("utf-8"))
    later = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in later:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


ALL_FIGURES = """
import importlib, pkgutil, dashboard.figures
for module in pkgutil.walk_packages(dashboard.figures.__path__, "dashboard.figures."):
    importlib.import_module(module.name)
"""


@pytest.mark.parametrize(
    "program",
    [
        "import sae_core",
        "from sae_core import Config, load_images; load_images",
        "import sae_core.runs.directory, sae_core.runs.events, sae_core.runs.frames, sae_core.runs.folder",
        "import sae_core.runs.launch",
        "import sae_core.cli",
        ALL_FIGURES,
    ],
)
def test_drawing_and_steering_load_no_torch(program: str):
    """Importing torch takes seconds; only what trains waits for it."""
    check = f"{program}\nimport sys\nassert not {{'torch', 'streamlit'}} & set(sys.modules), 'loaded'"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60, cwd=ROOT)
