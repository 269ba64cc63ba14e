"""The pictures of the Features page as bytes (`sae_core.runs.frames`' layout): the atlas, and one latent's page."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.explore.cabinet import Cabinet, Shown
from dashboard.materials import TestSet, test_set
from sae_core.data import DataError
from sae_core.lens.answers import LatentCensus, Life
from sae_core.lens.latents import maximal_input, nearest, selectivity
from sae_core.lens.stories import births, happenings
from sae_core.runs.files import RunError
from sae_core.runs.frames import encode_arrays
from sae_core.snapshot import Snapshot

__all__ = ["atlas", "latent_page", "life_picture"]

N_LIKE = 8
"""Nearest, and most opposite, latents that are shown."""


def atlas(cabinet: Cabinet, run_id: str, step: int | None, weights: str) -> bytes:
    """Every filter, and every latent's numbers, as the snapshot has them: nothing here waits for the lens.

    Raises:
        RunError: there is no such run or snapshot.
    """
    shown = cabinet.shown(run_id, step)
    snapshot = shown.snapshot
    census, digits = snapshot.census, snapshot.digits
    best, selective = selectivity(census.class_mean)
    arrays = {
        "filters": shown.encoder if weights == "encoder" else shown.filters,
        "density": census.density,
        "strength": _strength(snapshot),
        "selectivity": selective,
        "best": np.where(census.density > 0, best, -1),
        "dead": (census.density == 0).astype(np.uint8),
        "x": _grey(digits.x),
        "x_hat": _grey(digits.x_hat),
        "activation_edges": snapshot.activations.edges,
        "activation_counts": snapshot.activations.counts,
    }
    about = {
        **_about(snapshot),
        "weights": weights,
        "history": cabinet.runs.open(run_id).history(),
        "class_names": list(_names(snapshot)),
        "digit_names": list(digits.names),
        "digit_fvu": [_finite(value) for value in digits.fvu],
        "digit_l0": [int(value) for value in digits.l0],
    }
    return encode_arrays(about, arrays)


def life_picture(life: Life) -> bytes:
    """When each filter became what it is, its twin, and the curves of the whole run, for the atlas and the scrubber."""
    arrays = {
        "born": life.images[births(life)],
        "twin": life.twin[-1],
        "twin_cosine": life.twin_cosine[-1],
        "fvu": life.fvu,
        "l0": life.l0,
        "dead": life.dead.mean(axis=1),
    }
    return encode_arrays({"steps": life.steps.tolist(), "images": life.images.tolist()}, arrays)


def latent_page(cabinet: Cabinet, run_id: str, step: int | None, latent: int, *, wait: bool) -> bytes:
    """One latent, as fully as is known; ``wait`` for what the lens has to work out first.

    Raises:
        RunError, LensError: there is no such run, snapshot or latent; or the lens cannot answer.
    """
    shown = cabinet.shown(run_id, step)
    snapshot = shown.snapshot
    n_latents = len(snapshot.filters)
    if not 0 <= latent < n_latents:
        raise RunError(f"There is no latent {latent}: the run {run_id} has {n_latents:,}, counted from 0.")
    census = cabinet.census(run_id, step, wait=wait)
    life = cabinet.life(run_id, wait=wait)
    fresh = census is not None and (census.step == snapshot.row.step or step is None)
    if census is not None and len(census.density) != n_latents:  # the run was made anew under its old name
        census, fresh = None, False
    images = _test_set(snapshot)
    arrays, about = _portrait(shown, latent, images)
    more = _gallery(census, latent) if census is not None else _first_gallery(snapshot, latent)
    arrays |= more | _pixels(more, images)
    if life is not None and life.density.shape[1] == n_latents:
        arrays |= {"life_images": life.images, "life_density": life.density[:, latent]}
        about["story"] = [asdict(one) for one in happenings(life, latent)]
    change = cabinet.worth(run_id, step)
    if change is not None and len(change) == n_latents:
        arrays["class_probe"] = change[latent]
    about |= {
        "complete": fresh and life is not None,
        "census_step": census.step if census is not None else snapshot.row.step,
        "removal": _finite(census.removal[latent]) if census is not None else None,
        "class_names": list(images.class_names) if images is not None else [],
    }
    return encode_arrays({**_about(snapshot), **about}, arrays)


def _about(snapshot: Snapshot) -> dict[str, Any]:
    row, census = snapshot.row, snapshot.census
    return {
        "step": row.step,
        "images": row.images,
        "image_shape": list(snapshot.image_shape),
        "n_latents": len(snapshot.filters),
        "n_test": census.n_images,
        "fvu": _finite(census.fvu),
        "l0": _finite(census.l0),
        "dead_fraction": _finite(census.dead_fraction),
        "method": snapshot.config.method,
        "dial": snapshot.config.dial,
        "dial_value": getattr(snapshot.config, snapshot.config.dial) if snapshot.config.dial else None,
    }


def _portrait(shown: Shown, latent: int, images: TestSet | None) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What weights alone say."""
    snapshot = shown.snapshot
    census = snapshot.census
    alike, cosine, opposite, opposite_cosine = nearest(shown.unit, latent, N_LIKE)
    best, selective = selectivity(census.class_mean[latent : latent + 1])
    norm = _typical_norm(images) if images is not None else 0.3 * math.sqrt(snapshot.filters.shape[1])
    encoder = snapshot.encoder[latent]
    arrays: dict[str, NDArray[Any]] = {
        "filter": shown.filters[latent],
        "encoder": shown.encoder[latent],
        "maximal": _grey(maximal_input(encoder, norm)),
        "alike": alike,
        "alike_cosine": cosine,
        "opposite": opposite,
        "opposite_cosine": opposite_cosine,
        "class_mean": census.class_mean[latent],
    }
    about = {
        "latent": latent,
        "density": float(census.density[latent]),
        "strength": float(_strength(snapshot)[latent]),
        "selectivity": float(selective[0]),
        "best": int(best[0]) if census.density[latent] > 0 else -1,
        "dead": bool(census.density[latent] == 0),
        "bias": _finite(snapshot.b_enc[latent]),
        "tie": _finite(_cosine(encoder, snapshot.filters[latent])),
    }
    return arrays, about


def _gallery(census: LatentCensus, latent: int) -> dict[str, NDArray[Any]]:
    bands = census.quantile_images[latent]
    return {
        "top": census.top_images[latent],
        "top_codes": census.top_codes[latent],
        "quantile": bands.ravel(),
        "quantile_codes": census.quantile_codes[latent].ravel(),
        "random": census.random_images[latent],
        "random_codes": census.random_codes[latent],
        "histogram": census.histogram[latent],
        "histogram_max": census.max[latent : latent + 1],
        "class_density": census.class_density[latent],
        "class_removal": census.class_removal[latent],
        "together": census.together[latent],
        "together_phi": census.together_phi[latent],
        "apart": census.apart[latent],
        "apart_phi": census.apart_phi[latent],
    }


def _first_gallery(snapshot: Snapshot, latent: int) -> dict[str, NDArray[Any]]:
    """What the snapshot's own census has, while the lens is still looking."""
    return {"top": snapshot.census.top_images[latent], "top_codes": snapshot.census.top_codes[latent]}


def _pixels(gallery: dict[str, NDArray[Any]], images: TestSet | None) -> dict[str, NDArray[np.uint8]]:
    if images is None:
        return {}
    found = {}
    for name in ("top", "quantile", "random"):
        if name in gallery:
            found[f"{name}_pixels"] = images.pixels[np.maximum(gallery[name], 0)]
            if images.labels is not None:
                found[f"{name}_labels"] = images.labels[np.maximum(gallery[name], 0)].astype(np.uint8)
    return found


def _test_set(snapshot: Snapshot) -> TestSet | None:
    try:
        return test_set(snapshot.config.dataset)
    except (DataError, ValueError):  # not on this machine: everything but images can still be shown
        return None


def _names(snapshot: Snapshot) -> tuple[str, ...]:
    images = _test_set(snapshot)
    return images.class_names if images is not None and images.labels is not None else ()


def _typical_norm(images: TestSet) -> float:
    some = images.pixels[:1000].astype(np.float32) / 255.0
    return float(np.linalg.norm(some, axis=1).mean())


def _strength(snapshot: Snapshot) -> NDArray[np.float32]:
    census = snapshot.census
    return np.divide(census.mean, census.density, out=np.zeros_like(census.mean), where=census.density > 0)


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale else 0.0


def _grey(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(255.0 * np.clip(x, 0.0, 1.0)).astype(np.uint8)


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
