"""The page "Take apart": one image through the network, latent by latent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from dashboard.addresses import base_path
from dashboard.components import module_component
from dashboard.explore.along import Along, along
from dashboard.materials import TestSet, test_set
from dashboard.views import frame, stills
from sae_core.data.centre import framing_of
from sae_core.runs.directory import RunDirectory

__all__ = ["show"]

KEY = "apart"

_apart = module_component(
    KEY, "apart/apart.js", states=("image", "step"), css=("features/features.css", "apart/apart.css")
)


def show() -> None:
    """The frame, and the component in which everything else happens."""
    with frame.page("take-apart", "Take apart", own={name: frame.index(name) for name in ("image", "step")}) as page:
        if (run := page.trained_run()) is None:
            return
        images = test_set(run.config.dataset)
        if (trouble := _undrawable(images)) is not None:
            st.info(trouble)
            return
        _view(page, run, images)


def _view(page: frame.Page, run: RunDirectory, images: TestSet) -> None:
    limits = {"image": len(images.pixels), "step": 2**53}
    stamp = (run.path / "snapshot.safetensors").stat().st_mtime_ns
    data = page.data(
        **_about(run, images),
        image=_within(page.own.get("image"), len(images.pixels)),
        step=page.own.get("step") if page.own.get("step") in run.history() else None,
        weights=str(stamp),
        markers=stills.dial_moves(run),
        pages=base_path(),
        **_along(page, run, images),
    )
    _apart(data, lambda name: page.take(**{name: _within(st.session_state[KEY][name], limits[name])}))


def _about(run: RunDirectory, images: TestSet) -> dict[str, Any]:
    """What the component has to know of the run and its data set."""
    same = images.name == "mnist"
    is_plain = run.config.method == "none"
    notes = {
        "run": run.id,
        "dataset": images.name,
        "image_shape": list(images.image_shape),
        "framing": asdict(framing_of(images.name, images.image_shape)),
        "drawable": len(images.image_shape) == 2,
        "class_names": list(images.class_names),
        "has_labels": images.labels is not None,
        "n_test": len(images.pixels),
        "plain": same and not is_plain,
        "plain_note": None,
    }
    if is_plain:
        notes["plain_note"] = "This run is a plain autoencoder itself: nothing asks it for few lit units."
    elif not same:
        notes["plain_note"] = f"A plain autoencoder to compare with is bundled for MNIST only, not for {images.title}."
    return notes


def _within(number: Any, limit: int) -> int | None:
    return int(number) if isinstance(number, int | float) and 0 <= number < limit else None


def _undrawable(images: TestSet) -> str | None:
    """Why images cannot be taken apart here, if they cannot."""
    if len(images.image_shape) < 2:
        return (
            f"{images.title} holds vectors of {images.image_shape[0]:,} numbers, not pictures: there is no image to "
            "take apart. What its units have learned is on Features and Sparsity."
        )
    return None


def _along(page: frame.Page, run: RunDirectory, images: TestSet) -> Along:
    """What can be taken along, and the same image through the same weights elsewhere."""
    image = page.own.get("image") or 0
    step = page.own.get("step") if page.own.get("step") in run.history() else None
    lines = (
        "import torch\n"
        "from sae_core import load_images\n"
        "from sae_core.lens.shelf import model_of\n\n"
        f"x = torch.tensor(load_images({images.name!r}).test[[{image}]])\n"
        "model = model_of(snapshot)\n"
        "codes = model.encode(x)\n"
        "x_hat = model.decode(codes)"
    )
    command = f"penstroke export {run.id} --format safetensors" + (f" --step {step}" if step is not None else "")
    return along(page.data()["base"], run, step, command, lines)
