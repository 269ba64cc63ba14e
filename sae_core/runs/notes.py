"""``notes.json``: what people have written on a run's latents. Kept with the run, by whoever looks at it.

{"schema": 1, "latents": {"12": {"label": "loop of a 6", "favourite": true}}}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from sae_core.runs.files import RunError, RunWriteError, from_json, lock_of, to_json, write_atomically, write_sentence

__all__ = ["LONGEST_LABEL", "Note", "read_notes", "write_note"]

SCHEMA = 1
LONGEST_LABEL = 200
"""Characters of a label."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is written on one latent. ``label`` is text, never markup."""

    label: str = ""
    favourite: bool = False

    def __post_init__(self) -> None:
        if len(self.label) > LONGEST_LABEL:
            raise RunError(f"The label has {len(self.label)} characters; at most {LONGEST_LABEL} are kept.")


def read_notes(run: Path) -> dict[int, Note]:
    """The notes of a run's directory, by latent; what is damaged is left out."""
    try:
        data = from_json((run / "notes.json").read_bytes())
    except OSError:
        return {}
    latents = data.get("latents") if data else None
    found = {}
    for latent, note in latents.items() if isinstance(latents, dict) else ():
        if latent.isdecimal() and isinstance(note, dict):
            label, favourite = note.get("label"), note.get("favourite")
            text = label[:LONGEST_LABEL] if isinstance(label, str) else ""
            found[int(latent)] = Note(text, favourite is True)
    return found


def write_note(run: Path, latent: int, note: Note) -> dict[int, Note]:
    """Replace one latent's note; an empty one is removed. Returns all notes.

    Raises:
        RunWriteError: the file cannot be written.
    """
    path = run / "notes.json"
    try:
        with lock_of(run / "notes.lock").acquire(timeout=5):
            notes = {**read_notes(run), latent: note}
            kept = {latent: note for latent, note in sorted(notes.items()) if note != Note()}
            write_atomically(path, to_json({"schema": SCHEMA, "latents": _plain(kept)}))
    except Timeout:
        raise RunWriteError(f"Someone else is writing notes on {run.name}; try again.") from None
    except OSError as error:
        raise RunWriteError(write_sentence(error, path)) from error
    return kept


def _plain(notes: dict[int, Note]) -> dict[str, dict[str, Any]]:
    return {str(latent): {"label": note.label, "favourite": note.favourite} for latent, note in notes.items()}
