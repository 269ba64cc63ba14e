"""The folder of all runs: making, finding, deleting and pruning them."""

from __future__ import annotations

import builtins
import os
import platform
import re
import secrets
import shutil
import sys
import time
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from filelock import Timeout
from platformdirs import user_data_path

from sae_core.config import Config
from sae_core.data import absolute, is_own, label_of
from sae_core.runs.directory import Meta, RunDirectory
from sae_core.runs.files import RunError, RunWriteError, lock_of, write_sentence

__all__ = ["KEEP", "Runs", "runs_folder", "versions"]

KEEP = 20
"""Unnamed runs that pruning leaves."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DEVICES = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)})
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def runs_folder(path: str | os.PathLike[str] | None = None) -> Path:
    """Where runs are kept: ``path``, else $PENSTROKE_RUNS, else the user's data folder."""
    chosen = path or os.environ.get("PENSTROKE_RUNS")
    return Path(chosen).expanduser().absolute() if chosen else user_data_path("penstroke", appauthor=False) / "runs"


class Runs:
    """All runs of one folder, which is made when the first run is."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = runs_folder(root)

    def create(
        self,
        config: Config,
        *,
        name: str | None = None,
        parent: str | None = None,
        parent_step: int | None = None,
        origin: Literal["page", "cli"] = "page",
    ) -> RunDirectory:
        """A new run, not started. Its id is ``name`` where that is free, else the name with a number.

        A path of one's own data is kept as it means the same from everywhere.
        Threads are part of the arithmetic, so they are fixed here where ``config`` leaves them open: all cores
        for the command line, all but one for the page.

        Raises:
            RunError: the name cannot be an id.
            RunWriteError: the folder cannot be written.
        """
        config = config.with_changes(dataset=absolute(config.dataset))
        if config.threads is None:
            cores = os.cpu_count() or 1
            config = config.with_changes(threads=cores if origin == "cli" else max(1, cores - 1))
        meta = Meta(
            created=datetime.now().astimezone().isoformat(timespec="seconds"),
            versions=versions(),
            parent=parent,
            parent_step=parent_step,
            named=name is not None,
            origin=origin,
        )
        path = self._new_folder(config, name)
        try:
            return RunDirectory.make(path, config, meta)
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise RunWriteError(write_sentence(error, path)) from error

    def _new_folder(self, config: Config, name: str | None) -> Path:
        stem = _id_of(name) if name is not None else _stem(config)
        number = 1
        while True:
            if name is None:
                suffix = "-" + "".join(secrets.choice(_LETTERS) for _ in range(4))
            else:
                suffix = "" if number == 1 else f"-{number}"
            path = self.root / (stem[: 64 - len(suffix)] + suffix)
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                path.mkdir()
            except FileExistsError as error:
                if not self.root.is_dir():
                    raise RunWriteError(f"The runs folder {self.root} is not a folder.") from error
                number += 1
            except OSError as error:
                reason = error.strerror or str(error)
                raise RunWriteError(f"The runs folder {self.root} cannot be written: {reason}.") from error
            else:
                return path

    def open(self, run_id: str) -> RunDirectory:
        """The run of that id.

        Raises:
            RunError: there is none, it is damaged, or a newer Penstroke made it.
        """
        _check_id(run_id)
        return RunDirectory(self.root / run_id)

    def list(self) -> builtins.list[RunDirectory]:
        """Every run that can be read, newest first."""
        runs = []
        for run_id in self._ids():
            with suppress(RunError):
                runs.append(self.open(run_id))
        return sorted(runs, key=lambda run: (run.meta.created, run.id), reverse=True)

    def broken(self) -> dict[str, str]:
        """The ids that cannot be read, each with the sentence that says why."""
        sentences = {}
        for run_id in self._ids():
            try:
                self.open(run_id)
            except RunError as error:
                sentences[run_id] = str(error)
        return sentences

    def _ids(self) -> tuple[str, ...]:
        try:
            return tuple(path.name for path in self.root.iterdir() if _is_id(path.name) and path.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise RunError(f"The runs folder {self.root} cannot be read: {error.strerror or error}.") from None

    def delete(self, run_id: str) -> None:
        """Remove a run that nobody works on. It leaves the folder in one move, before its files go.

        Raises:
            RunError: there is none, or a worker has it.
            RunWriteError: it cannot be removed.
        """
        _check_id(run_id)
        path = self.root / run_id
        if not path.is_dir():
            raise RunError(f"There is no run {run_id!r} in {self.root}.")
        lock = lock_of(path / "lock")
        try:
            lock.acquire(timeout=0.5)
        except Timeout:
            raise RunError(f"The run {run_id} has a worker; stop it before deleting it.") from None
        except OSError as error:
            raise RunWriteError(f"The run {run_id} cannot be deleted: {error.strerror or error}.") from error
        trash = self.root / ".trash" / f"{run_id}-{secrets.token_hex(4)}"
        try:
            trash.parent.mkdir(exist_ok=True)
            with suppress(PermissionError):  # on Windows, while the lock file is open
                path.rename(trash)
        except OSError as error:
            raise RunWriteError(f"The run {run_id} cannot be deleted: {error.strerror or error}.") from error
        finally:
            lock.release()
        try:
            if path.exists():
                path.rename(trash)
        except OSError as error:
            raise RunWriteError(f"The run {run_id} cannot be deleted: {error.strerror or error}.") from error
        shutil.rmtree(trash, ignore_errors=True)

    def prune(self, keep: int = KEEP) -> builtins.list[str]:
        """Delete all but the newest ``keep`` of the unnamed runs begun on the page that nobody works on."""
        candidates = [run for run in self.list() if not run.meta.named and run.meta.origin == "page"]
        pruned = []
        for run in candidates[keep:]:
            with suppress(RunError):
                if not run.alive() and not _watched(run.path):
                    self.delete(run.id)
                    pruned.append(run.id)
        return pruned


def _watched(path: Path, within: float = 60.0) -> bool:
    with suppress(OSError):
        return time.time() - (path / "watch").stat().st_mtime < within
    return False


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None and not text.endswith(".") and text.partition(".")[0].lower() not in _DEVICES


def _check_id(run_id: str) -> None:
    if not _is_id(run_id):
        raise RunError(
            f"{run_id!r} cannot be a run's id: that is up to 64 letters, digits, dots, dashes and underscores."
        )


def _id_of(name: str) -> str:
    """The id a given name becomes: what an id cannot hold turns into dashes."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip()).strip("-._")[:64].rstrip(".")
    if not _is_id(stem):
        raise RunError(f"The name {name!r} leaves nothing for a run's id: use letters, digits, dots and dashes.")
    return stem


def _stem(config: Config) -> str:
    """What an unnamed run is called after; data of one's own by its file's name, where that can be an id."""
    dataset = config.dataset
    if is_own(dataset):
        dataset = re.sub(r"[^A-Za-z0-9._-]+", "-", label_of(dataset)).strip("-._")[:32] or "own"
        dataset = dataset if _is_id(dataset) else "own"
    return f"{dataset}-{config.method}-{config.n_latents}"


@cache
def versions() -> dict[str, str]:
    """What the arithmetic may depend on beside the configuration."""
    found = {}
    for package in ("penstroke", "torch", "numpy"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    found["python"] = platform.python_version()
    found["platform"] = f"{sys.platform}-{platform.machine()}"
    return found
