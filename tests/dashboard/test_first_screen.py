"""The bundled picture that is seen before anything is pressed."""

from __future__ import annotations

import numpy as np

from dashboard.live.first_screen import first_screen
from sae_core.config import Config
from sae_core.data import load_images
from sae_core.runs.frames import decode_frame
from sae_core.train import Trainer


def test_it_is_what_the_default_network_looks_like_before_its_first_step() -> None:
    """Made anew, it is the same: else ``python -m dashboard.live.first_screen`` was forgotten."""
    screen = first_screen()
    assert screen is not None
    assert screen.config == Config()
    header, arrays = decode_frame(screen.payloads[0])
    frame = Trainer(Config(), load_images()).frame()
    assert frame.filters is not None
    assert np.abs(arrays["filters"].astype(int) - frame.filters.astype(int)).max() <= 1
    assert (arrays["x"] == frame.x).all()
    assert tuple(header["digit_names"]) == frame.digit_names
    assert header["step"] == 0


def test_the_start_is_tied_so_one_picture_shows_both_weights() -> None:
    """Under the name that was asked for, in as many bytes."""
    screen = first_screen()
    assert screen is not None
    decoder, encoder = screen.payloads
    assert [decode_frame(payload)[0]["weights"] for payload in (decoder, encoder)] == ["decoder", "encoder"]
    assert len(decoder) == len(encoder)
