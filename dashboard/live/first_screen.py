"""What is seen before anything is pressed: the default network at step 0, as one bundled picture.

``python -m dashboard.live.first_screen`` makes it anew, in a checkout, after the start weights or the frame changed.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sae_core.config import Config
from sae_core.data import asset
from sae_core.runs.folder import Runs
from sae_core.runs.launch import Launcher

__all__ = ["FirstScreen", "first_screen", "make"]

FOLDER = "first-screen"


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """The config and its picture, once for each kind of weights."""

    config: Config
    payloads: tuple[bytes, ...]


def first_screen() -> FirstScreen | None:
    """The bundled one; None in a checkout that has not made it."""
    try:
        folder = asset(FOLDER)
    except FileNotFoundError:
        return None
    decoder = (folder / "frame.bin").read_bytes()
    # Encoder and decoder start tied: one picture shows both, under either name (of the same length).
    encoder = decoder.replace(b'"weights":"decoder"', b'"weights":"encoder"', 1)
    return FirstScreen(Config(**json.loads((folder / "config.json").read_text("utf-8"))), (decoder, encoder))


def make(folder: Path) -> None:
    """Have a worker show the default config's first picture, and keep it in ``folder``."""
    config = Config()
    with TemporaryDirectory() as root, Launcher(root, spare=False) as launcher:
        run = Runs(root).create(config)
        run.append_event("pause")
        run.renew_watch()
        launcher.start(run.id)
        frames = run.frames()
        deadline = time.monotonic() + 60
        while (payload := frames.read()) is None and time.monotonic() < deadline:
            run.renew_watch()
            time.sleep(0.1)
        frames.close()
        run.append_event("stop")
        while run.alive() and time.monotonic() < deadline:
            time.sleep(0.1)
    assert payload is not None, "the worker showed nothing within a minute"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frame.bin").write_bytes(payload)
    text = json.dumps(config.model_dump(mode="json", exclude_defaults=True))
    (folder / "config.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    make(Path(__file__).resolve().parents[2] / "assets" / FOLDER)
