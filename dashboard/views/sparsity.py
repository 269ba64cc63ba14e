"""The page "Sparsity": how many units an image lights, how many images a unit, and what to make of it."""

from __future__ import annotations

from typing import Any

from dashboard.explore.along import along
from dashboard.figures.sparsity import kinds_of, sparsity_figures
from dashboard.materials import test_set
from dashboard.views import frame, stills
from sae_core.metrics import DENSE
from sae_core.snapshot import Snapshot

__all__ = ["show"]


def show() -> None:
    """The frame, the charts, the lists of the dead and the dense."""
    with frame.page("sparsity", "Sparsity", own={"step": frame.index("step")}) as page:
        if (run := page.trained_run()) is None:
            return
        images = test_set(run.config.dataset)
        step = page.own.get("step") if page.own.get("step") in run.history() else None

        def charts(snapshot: Snapshot, stamp: str) -> None:
            stills.plots(
                "sparsity",
                page,
                run,
                images,
                weights=stamp,
                step=step,
                history=run.history(),
                markers=stills.dial_moves(run),
                words=stills.words_of(snapshot),
                at={"step": snapshot.row.step, "images": snapshot.row.images},
                **along(
                    page.data()["base"],
                    run,
                    step,
                    f"penstroke evaluate {run.id} --all --csv units.csv",
                    "density = snapshot.census.density\n"
                    "strength = snapshot.census.mean / density.clip(1e-12)  # the scatter; dead units have density 0",
                ),
                figures=sparsity_figures(snapshot),
                lists=_lists(snapshot),
            )

        stills.following(run, step, charts)


def _lists(snapshot: Snapshot) -> list[dict[str, Any]]:
    density = snapshot.census.density
    kinds = kinds_of(density)
    dead = "None: every unit fires for some test image." if not len(kinds.dead) else (
        "They fired for no test image. A few do no harm; many mean that the penalty rose too fast, or that there are "
        "more units than the images need."
    )  # fmt: skip
    dense = f"None: no unit fires on more than {DENSE:.0%} of the images." if not len(kinds.dense) else (
        f"They fire on more than {DENSE:.0%} of the images, so each says little; raise the dial and they thin out."
    )  # fmt: skip
    return [
        {"title": f"Dead units: {len(kinds.dead):,}", "what": dead, "latents": kinds.dead.tolist()},
        {
            "title": f"Dense units: {len(kinds.dense):,}",
            "what": dense,
            "latents": kinds.dense.tolist(),
            "values": [f"{density[latent]:.0%}" for latent in kinds.dense],
        },
    ]
