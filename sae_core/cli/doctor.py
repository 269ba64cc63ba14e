"""Will this work, offline, tomorrow? One check a function, each one line with what mends it."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from packaging.requirements import Requirement

from sae_core.config import Config
from sae_core.data import DATASETS, DataError, Images, load_images
from sae_core.data.datasets import MNIST_MD5, bundled_mnist
from sae_core.data.downloads import import_torchvision
from sae_core.runs.folder import runs_folder

__all__ = ["Finding", "examine"]

PORT = 8501
PORTS_TRIED = 50
SPEED_SECONDS = 2.0
SLOW = 5_000
"""Images a second below which an epoch of MNIST takes longer than anybody watches."""
ROOM_GB = 1.0
"""What an evening of runs takes, generously."""
BROWSERS = (
    *("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "microsoft-edge", "msedge"),
    *("firefox", "firefox-esr", "brave-browser", "vivaldi", "opera", "epiphany", "falkon", "konqueror"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: ``bad`` will stop the show, a ``note`` will not."""

    name: str
    verdict: Literal["good", "note", "bad"]
    says: str
    mend: str = ""


def examine(runs: str | os.PathLike[str] | None = None) -> Iterator[Finding]:
    """All findings, each as soon as it is known; the slow ones come last."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _packages,
        _page,
        _browser,
        _port,
        lambda: _runs_folder(runs_folder(runs)),
        _mnist,
        _other_data,
        _torch,
        _speed,
    )
    for check in checks:
        try:
            yield check()
        except Exception as error:  # noqa: BLE001  (a doctor who faints helps nobody)
            name = getattr(check, "__name__", "runs").removeprefix("_")
            yield Finding(name, "bad", f"The check itself failed: {type(error).__name__}: {error}.", "Report this.")


def _python() -> Finding:
    found = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding("python", "good", found)


def _packages() -> Finding:
    """Every declared dependency, in a version that was asked for."""
    try:
        wanted = [Requirement(text) for text in requires("penstroke") or []]
    except PackageNotFoundError:
        return Finding("packages", "bad", "Penstroke is not installed", "Run `pip install -e .` in the checkout.")
    wrong = []
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            have = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
        else:
            if not requirement.specifier.contains(have, prereleases=True):
                wrong.append(f"{requirement.name} is {have}, not {requirement.specifier}")
    if wrong:
        return Finding("packages", "bad", "; ".join(wrong), "Run `pip install --upgrade penstroke`.")
    shown = ", ".join(f"{name} {version(name)}" for name in ("penstroke", "streamlit", "plotly"))
    return Finding("packages", "good", f"{shown} and the others are as they should be")


def _page() -> Finding:
    """The page's own files come with the packages, so that it needs no network."""
    missing = [
        f"{package}/{file}"
        for package, file in (
            ("streamlit", "static/index.html"),
            ("plotly", "package_data/plotly.min.js"),
            ("dashboard", "app.py"),
        )
        if not any((Path(place) / file).is_file() for place in _places(package))
    ]
    if missing:
        mend = "Run `pip install --force-reinstall streamlit plotly penstroke`."
        return Finding("page", "bad", f"{' and '.join(missing)} missing", mend)
    return Finding("page", "good", "all files of the page are on this machine; it contacts no other")


def _places(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or []) if spec else []


def _browser() -> Finding:
    if sys.platform in {"win32", "darwin"}:
        return Finding("browser", "good", "the system's own browser")
    if found := next((path for name in BROWSERS if (path := shutil.which(name))), None):
        return Finding("browser", "good", found)
    mend = "Install one (Firefox, Chromium, …), or open the page from another machine with `--host`."
    return Finding("browser", "bad", "no browser found", mend)


def _port() -> Finding:
    for port in range(PORT, PORT + PORTS_TRIED):
        try:
            with closing(socket.socket()) as one:
                if os.name != "nt":  # there it would share a port with its owner
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", port))
                one.listen()
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                return Finding("port", "bad", f"127.0.0.1 cannot be used: {error.strerror}", "Look at the firewall.")
        else:
            taken = "" if port == PORT else f" ({PORT} is taken: is a dashboard still running?)"
            return Finding("port", "good" if port == PORT else "note", f"{port} is free{taken}")
    return Finding(
        "port", "bad", f"{PORT} to {PORT + PORTS_TRIED - 1} are all taken", "End what uses them, or give `--port`."
    )


def _runs_folder(folder: Path) -> Finding:
    """Write, lock and measure there: some network folders can do the first and not the second."""
    probe = folder / f".doctor-{os.getpid()}"
    mend = "Name another folder with `--runs`, or in $PENSTROKE_RUNS."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(1 << 20))
        with FileLock(probe, timeout=1):
            free = shutil.disk_usage(folder).free / 1e9
    except (OSError, NotImplementedError, Timeout) as error:
        return Finding("runs", "bad", f"{folder} cannot be used: {getattr(error, 'strerror', None) or error}", mend)
    finally:
        _remove(probe)
    if free < ROOM_GB:
        return Finding("runs", "bad", f"only {free:.1f} GB free in {folder}", f"Make room. {mend}")
    return Finding("runs", "good", f"{folder} can be written and locked, {free:,.0f} GB free")


def _remove(probe: Path) -> None:
    try:
        probe.unlink(missing_ok=True)
    except OSError:
        return  # already said


def _mnist() -> Finding:
    try:
        for path in bundled_mnist():
            with gzip.open(path) as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if digest != MNIST_MD5[path.stem]:
                return Finding("mnist", "bad", f"{path} is not what was published", "Install Penstroke again.")
    except (OSError, EOFError) as error:
        return Finding("mnist", "bad", str(error), "Install Penstroke again.")
    return Finding("mnist", "good", "60,000 + 10,000 images, bundled, MD5s as published")


def _other_data() -> Finding:
    absent = [dataset.label for dataset in DATASETS.values() if not dataset.at_hand()]
    if absent:
        mend = "Choose each once while there is a network, and it stays."
        return Finding("other data", "note", f"not on this machine: {', '.join(absent)}", mend)
    return Finding("other data", "good", "every data set is on this machine")


def _torch() -> Finding:
    try:
        import_torchvision()
    except DataError as error:
        return Finding("torch", "bad", str(error), "See above; MNIST alone trains without torchvision.")
    import torch

    accelerator = "CUDA" if torch.cuda.is_available() else "MPS" if torch.backends.mps.is_available() else "no GPU"
    says = f"torch {torch.__version__} and torchvision {version('torchvision')} go together, {accelerator}"
    return Finding("torch", "good", says)


def _speed() -> Finding:
    """Steps of the default run on real MNIST for two seconds, with as many threads as the page gives a run."""
    import torch

    from sae_core.train import Trainer

    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
    images = load_images("mnist")
    trainer = Trainer(Config(), images, None)
    for _ in range(5):
        trainer.step()
    steps = 0
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < SPEED_SECONDS:
        trainer.step()
        steps += 1
    rate = steps * trainer.config.batch_size / spent
    says = f"{rate:,.0f} images/s with the default settings: an epoch in {_epoch_seconds(images, rate)}"
    if rate < SLOW:
        return Finding("speed", "bad", says, "Close what else is running, or choose fewer hidden units.")
    return Finding("speed", "good", says)


def _epoch_seconds(images: Images, rate: float) -> str:
    return f"{len(images.train) / rate:.1f} s"
