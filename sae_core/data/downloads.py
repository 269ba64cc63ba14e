"""The relatives of MNIST that come over the network: addresses, checks and folder layout are torchvision's."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import ssl
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import platformdirs

from sae_core.data.images import DataError

__all__ = ["Archive", "Progress", "data_folder", "import_torchvision"]

Progress = Callable[[str, int, int | None], None]
"""Called while downloading with the file's name, the bytes it has so far, and the bytes it will have, if known."""

PATIENCE_SECONDS = 20
CHUNK_BYTES = 1 << 18


def data_folder() -> Path:
    """Where downloaded data sets are: $PENSTROKE_DATA, or the user's data folder. Laid out as torchvision does."""
    if chosen := os.environ.get("PENSTROKE_DATA"):
        return Path(chosen).expanduser()
    return platformdirs.user_data_path("penstroke", appauthor=False) / "data"


@dataclass(frozen=True, slots=True)
class Archive:
    """Four IDX files in ``<data folder>/<torchvision's name>/raw``, each with or without ``.gz``."""

    label: str
    torchvision_name: str
    files: tuple[str, str, str, str]
    """Training images and labels, test images and labels, without ``.gz``."""
    zip_folder: str | None = None
    """The sets that come as one ``gzip.zip`` have the files in this folder of it."""

    @property
    def folder(self) -> Path:
        """Where the files are, or belong."""
        return data_folder() / self.torchvision_name / "raw"

    def paths(self) -> tuple[Path, ...] | None:
        """The four files, or None where one is missing."""
        found = tuple(_either(self.folder / name) for name in self.files)
        return None if None in found else tuple(path for path in found if path)

    def fetch(self, progress: Progress | None) -> tuple[Path, ...]:
        """Download what is missing.

        Raises:
            DataError: no server answered, or what it sent is not what it should be, or it cannot be written.
        """
        dataset = getattr(import_torchvision(), self.torchvision_name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.zip_folder is None:
                for file, md5 in dataset.resources:
                    if not _either(self.folder / Path(file).stem):
                        self._download([mirror + file for mirror in dataset.mirrors], file, md5, progress)
            else:
                if not (self.folder / "gzip.zip").exists():
                    self._download([dataset.url], "gzip.zip", dataset.md5, progress)
                self._unzip()
        except DataError:
            raise
        except OSError as error:
            raise DataError(f"{self.label} cannot be kept in {self.folder}: {error.strerror or error}.") from error
        if (paths := self.paths()) is None:
            raise DataError(f"{self.label} was downloaded, but {self.by_hand()}")
        return paths

    def by_hand(self) -> str:
        """How to do without the network, as the end of a sentence."""
        files = ", ".join(f"{name}.gz" for name in self.files)
        whole = f", or the whole gzip.zip of {self.label}," if self.zip_folder else ""
        return f"its files belong in {self.folder}: place {files}{whole} there by hand."

    def _download(self, addresses: list[str], name: str, md5: str, progress: Progress | None) -> None:
        complaints = []
        for address in addresses:
            try:
                with _kept_if_whole(self.folder / name) as file:
                    if _copy(address, file, name, progress) == md5:
                        return
                    raise OSError("sent something else than it should have")
            except (OSError, HTTPException, ValueError) as error:
                if isinstance(error, OSError) and error.errno and not isinstance(error, _NETWORK_ERRORS):
                    raise
                complaints.append(f"{urlsplit(address).hostname} ({_reason(error)})")
        raise DataError(
            f"{self.label} is not on this machine and could not be had from {' or '.join(complaints)}; {self.by_hand()}"
        )

    def _unzip(self) -> None:
        """Take the four files out of ``gzip.zip``, which has those of all splits, and remove it."""
        archive = self.folder / "gzip.zip"
        try:
            with zipfile.ZipFile(archive) as packed:
                for name in self.files:
                    with (
                        packed.open(f"{self.zip_folder}/{name}.gz") as source,
                        _kept_if_whole(self.folder / f"{name}.gz") as file,
                    ):
                        shutil.copyfileobj(source, file)
        except (zipfile.BadZipFile, KeyError, EOFError) as error:
            raise DataError(f"{archive} is not the archive of {self.label}: {error}.") from error
        archive.unlink()


_NETWORK_ERRORS = (TimeoutError, ConnectionError, ssl.SSLError, urllib.error.URLError)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)


def _either(path: Path) -> Path | None:
    """``path`` or ``path.gz``, whichever exists."""
    packed = path.with_name(path.name + ".gz")
    return path if path.is_file() else packed if packed.is_file() else None


@contextmanager
def _kept_if_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears at ``path`` only when the block ends well."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _copy(address: str, file: BinaryIO, name: str, progress: Progress | None) -> str:
    """Copy what is at ``address`` into ``file``; returns its MD5, which torchvision lists."""
    digest = hashlib.md5(usedforsecurity=False)
    request = urllib.request.Request(address, headers={"User-Agent": "penstroke"})  # noqa: S310  (torchvision's, http)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  (as above)
        size = int(answer.headers["Content-Length"]) if answer.headers["Content-Length"] else None
        done = 0
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress(name, done, size)
    return digest.hexdigest()


def import_torchvision() -> Any:
    """``torchvision.datasets``.

    Raises:
        DataError: torch and torchvision are missing or no matching pair, which shows in many ways.
    """
    try:
        return importlib.import_module("torchvision.datasets")
    except Exception as error:  # a mismatched pair raises RuntimeError, OSError, ImportError, …
        raise DataError(
            f"torch {_version('torch')} and torchvision {_version('torchvision')} do not work together "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}); "
            "`pip install --upgrade torch torchvision`, both at once, installs a matching pair."
        ) from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(missing)"
