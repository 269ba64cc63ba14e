"""What is seen before anything is pressed: the default network at step 0, as one bundled picture.

``python -m dashboard.live.first_screen`` makes it anew, in a checkout, after the start weights or the frame changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sae_core.config import Config
from sae_core.data import asset, load_images
from sae_core.runs.frames import encode_frame

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
    """Write the picture of the default config's start into ``folder``."""
    from sae_core.train import Trainer

    config = Config()
    frame = Trainer(config, load_images(config.dataset)).frame()
    extra = {
        "state": "new",
        "steps_per_picture": 0,
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "rho": config.rho,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frame.bin").write_bytes(encode_frame(frame, 1, extra))
    text = json.dumps(config.model_dump(mode="json", exclude_defaults=True))
    (folder / "config.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    make(Path(__file__).resolve().parents[2] / "assets" / FOLDER)
