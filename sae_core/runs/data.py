"""Which data a run has learned from: its fingerprint is kept beside it, so that a file that has changed is noticed."""

from __future__ import annotations

from sae_core.data import Images
from sae_core.runs.directory import RunDirectory
from sae_core.runs.files import RunError, RunWriteError, from_json, to_json, write_atomically, write_sentence

__all__ = ["check_data", "data_note", "record_data"]

_FILE = "data.json"


def record_data(run: RunDirectory, images: Images) -> None:
    """Keep the fingerprint of data of one's own, at a run's first start; later, `check_data`.

    Raises:
        RunError: the run began with other data, or the fingerprint cannot be written.
    """
    if not images.fingerprint or _read(run) is not None:
        check_data(run, images)
        return
    path = run.path / _FILE
    try:
        write_atomically(path, to_json({"fingerprint": images.fingerprint, "note": images.note}))
    except OSError as error:
        raise RunWriteError(write_sentence(error, path)) from error


def check_data(run: RunDirectory, images: Images) -> None:
    """Whether these are the images the run has learned from.

    Raises:
        RunError: the file or folder has changed since: going on, or comparing, would mean something else.
    """
    known = _read(run)
    if known is not None and known.get("fingerprint") != images.fingerprint:
        raise RunError(
            f"{run.config.dataset} is not what it was when the run {run.id} began: put it back as it was, or begin a "
            "new run."
        )


def data_note(run: RunDirectory) -> str:
    """What the run's data was found to be, in a sentence; empty for the sets that come with Penstroke."""
    return str((_read(run) or {}).get("note", ""))


def _read(run: RunDirectory) -> dict[str, object] | None:
    try:
        return from_json((run.path / _FILE).read_bytes())
    except OSError:
        return None
