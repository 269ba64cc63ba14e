"""The page "Take apart": one image through the network, latent by latent."""

from __future__ import annotations

import base64
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

import numpy as np
import streamlit as st

from dashboard.components import module_component
from dashboard.materials import TestSet, test_set
from dashboard.server import base_path
from dashboard.views import frame, stills
from sae_core.data.centre import framing_of
from sae_core.data.upload import UploadError, image_from_bytes
from sae_core.runs.directory import RunDirectory

__all__ = ["show"]

KEY = "apart"

UPLOADS = ("png", "jpg", "jpeg", "gif", "bmp", "webp")

_apart = module_component(
    KEY, "apart/apart.js", states=("image", "step"), css=("features/features.css", "apart/apart.css")
)


def show() -> None:
    """The frame, an upload, and the component in which everything else happens."""
    with frame.page("take-apart", "Take apart", own={name: frame.index(name) for name in ("image", "step")}) as page:
        if (run := page.trained_run()) is None:
            return
        images = test_set(run.config.dataset)
        if (trouble := _undrawable(images)) is not None:
            st.info(trouble)
            return
        upload = _upload(images)
        _view(page, run, images, upload)


def _view(page: frame.Page, run: RunDirectory, images: TestSet, upload: dict[str, str] | None) -> None:
    limits = {"image": len(images.pixels), "step": 2**53}
    stamp = (run.path / "snapshot.safetensors").stat().st_mtime_ns
    data = page.data(
        **_about(run, images),
        image=_within(page.own.get("image"), len(images.pixels)),
        step=page.own.get("step") if page.own.get("step") in run.history() else None,
        weights=str(stamp),
        markers=stills.dial_moves(run),
        upload=upload,
        pages=base_path(),
    )
    _apart(data, lambda name: page.own.update({name: _within(st.session_state[KEY][name], limits[name])}))


def _about(run: RunDirectory, images: TestSet) -> dict[str, Any]:
    """What the component has to know of the run and its data set."""
    same = images.name == "mnist"
    is_plain = run.config.method == "none"
    notes = {
        "run": run.id,
        "dataset": images.name,
        "image_shape": list(images.image_shape),
        "framing": asdict(framing_of(images.name, images.image_shape)),
        "class_names": list(images.class_names),
        "has_labels": images.labels is not None,
        "n_test": len(images.pixels),
        "plain": same and not is_plain,
        "plain_note": None,
    }
    if is_plain:
        notes["plain_note"] = "This run is a plain autoencoder itself: nothing asks it for few lit units."
    elif not same:
        notes["plain_note"] = f"A plain autoencoder to compare with is bundled for MNIST only, not for {images.name}."
    return notes


def _within(number: Any, limit: int) -> int | None:
    return int(number) if isinstance(number, int | float) and 0 <= number < limit else None


def _undrawable(images: TestSet) -> str | None:
    """Why images cannot be taken apart here, if they cannot."""
    if len(images.image_shape) != 2:
        return f"The images of {images.name} have the shape {images.image_shape}; only grey ones are taken apart here."
    return None


def _upload(images: TestSet) -> dict[str, str] | None:
    """A picture from the user's disk, as the model sees it."""
    with st.popover("Upload a picture"):
        st.caption("A photograph or scan of one digit: it is centred and scaled as the data set's images are.")
        file = st.file_uploader("Picture", type=[*UPLOADS], key="apart-upload", label_visibility="collapsed")
    if file is None:
        return None
    data = file.getvalue()
    try:
        pixels = image_from_bytes(data, images.name, images.image_shape)
    except UploadError as error:
        st.error(str(error))
        return None
    encoded = base64.b64encode(np.rint(255 * pixels).astype(np.uint8).tobytes()).decode()
    return {"id": blake2b(data, digest_size=8).hexdigest(), "pixels": encoded}
