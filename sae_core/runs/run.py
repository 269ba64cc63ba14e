"""A run, for scripts and notebooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from sae_core.config import Config
from sae_core.runs.directory import RunDirectory, Status
from sae_core.runs.files import RunError
from sae_core.runs.folder import Runs
from sae_core.runs.rows import COLUMNS, drop_superseded
from sae_core.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

    from sae_core.model import SparseAutoencoder

__all__ = ["Run"]


class Run:
    """A run, whoever trains it: the page, the command line or another script.

    run = Run.open("mnist-l1-256-va6p")
    run.set(penalty_weight=0.3)             # steers it while it trains
    run.metrics.plot(x="step", y="fvu")
    model = run.model()
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory

    @classmethod
    def open(cls, run_id: str, root: str | os.PathLike[str] | None = None) -> Self:
        """The run of that id in ``root``, else $PENSTROKE_RUNS, else the user's data folder.

        Raises:
            RunError: there is none, it is damaged, or a newer Penstroke made it.
        """
        return cls(Runs(root).open(run_id))

    def __repr__(self) -> str:
        status = self.status
        return f"<Run {self.id}: {status.state} at step {status.step}>"

    @property
    def id(self) -> str:
        """Its name in the runs folder."""
        return self._directory.id

    @property
    def directory(self) -> RunDirectory:
        """Its files."""
        return self._directory

    @property
    def config(self) -> Config:
        """The configuration, with every change that has been applied."""
        return self._directory.current_config()

    @property
    def status(self) -> Status:
        """What it is doing."""
        return self._directory.status()

    @property
    def metrics(self) -> pd.DataFrame:
        """Its curves, one row a point; rows that a crash superseded are left out."""
        import pandas as pd

        rows = drop_superseded(self._directory.rows()[0])
        frame = pd.DataFrame(rows, columns=[*COLUMNS, "attempt"])
        return frame.astype({name: "float64" for name in COLUMNS if name not in {"step", "images"}})

    def snapshot(self) -> Snapshot | None:
        """The newest full snapshot; None before the first."""
        return self._directory.snapshot()

    def model(self) -> SparseAutoencoder:
        """The model of the newest checkpoint.

        Raises:
            RunError: there is none yet.
        """
        import torch

        from sae_core.model import SparseAutoencoder
        from sae_core.runs.worker.archive import newest_checkpoint

        checkpoint, note = newest_checkpoint(self._directory.path)
        if checkpoint is None:
            raise RunError(f"The run {self.id} has no checkpoint yet. {note}".rstrip())
        model = SparseAutoencoder(checkpoint.config, checkpoint.tensors["b_dec"].shape[0])
        with torch.no_grad():
            for name, tensor in model.tensors.items():
                tensor.copy_(torch.from_numpy(checkpoint.tensors[name]))
        return model

    def set(self, **knobs: float) -> None:
        """Change knobs of the running model, as the dial does; a run without a worker takes them up when it goes on.

        Raises:
            ConfigError: no such knob, not one that acts on a running model, or a value out of bounds.
        """
        for name, value in knobs.items():
            self._directory.append_event("set", name=name, value=value, by="script")

    def pause(self) -> None:
        """Pause it at its next step."""
        self._directory.append_event("pause", by="script")

    def resume(self) -> None:
        """Let it go on; where it has no worker, it gets one that goes on without this process.

        Raises:
            RunError: another worker came first, or it could not start.
        """
        self._directory.append_event("play", by="script")
        if not self._directory.alive():
            from sae_core.runs.launch import Launcher

            with Launcher(self._directory.path.parent, spare=False) as launcher:
                launcher.start(self.id)
