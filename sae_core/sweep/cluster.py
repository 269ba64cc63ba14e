"""The same trials on a Ray cluster: one task a trial, one thread each, runs in a folder that all its nodes share."""

from __future__ import annotations

import os
import socket
from concurrent.futures import Future
from importlib import import_module
from pathlib import Path
from typing import Any

import sae_core
from sae_core.runs.files import RunError
from sae_core.sweep.pool import WorkerLost

__all__ = ["RayPool", "train_on_node"]

INSTALL = "A sweep on a cluster needs Ray, which is not installed: pip install 'penstroke[cluster]'."

RETRIES = 10
"""How often Ray begins a trial again, on another node, whose own has been lost."""

KNOCKS_FOR = 5.0
"""Seconds to wait for a cluster's door."""

EVERYONE = 4096
"""Slots in a shared runs folder: on a cluster, Ray counts who trains."""


class RayPool:
    """Trains on the cluster at ``address`` ("auto": the one of this machine), each trial in a task of one processor.

    Every node needs Penstroke and the runs folder ``root`` at the same path. A node that is lost takes nothing with
    it: Ray begins its trials again elsewhere, and they go on from their checkpoints in the folder.

    Raises:
        RunError: Ray is not installed, or there is no cluster at that address (a sentence).
    """

    def __init__(self, root: Path, address: str, *, size: int | None = None, accuracy: bool = False) -> None:
        try:
            self._ray: Any = import_module("ray")
        except ImportError:
            raise RunError(INSTALL) from None
        self._root, self._accuracy = root, accuracy
        self._joined = not self._ray.is_initialized()
        if self._joined:
            _knock(address)
            self._join(address)
        task = self._ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)
        self._train = task(train_on_node)
        self.size = size or max(1, 2 * int(self._ray.cluster_resources().get("CPU", 1)))

    def _join(self, address: str) -> None:
        package = str(Path(sae_core.__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
        try:
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                runtime_env={"env_vars": {"PYTHONPATH": path}},
            )
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            sentence = " ".join(str(error).split()).partition(". ")[0]
            raise RunError(f"There is no Ray cluster to join at {address!r} ({sentence}).") from None

    def submit(self, run_id: str) -> Future[str]:
        """Have a run trained by the next node with a processor to spare."""
        told: Future[str] = Future()

        def hear(answer: Future[Any]) -> None:
            if (error := answer.exception()) is not None:
                kind = RunError if isinstance(error, self._ray.exceptions.RayTaskError) else WorkerLost
                told.set_exception(kind(f"{run_id}: {' '.join(str(error).split())[-300:]}"))
            elif "error" in (said := answer.result()):
                told.set_exception(RunError(str(said["error"])))
            else:
                told.set_result(str(said["ended"]))

        self._train.remote(str(self._root), run_id, self._accuracy).future().add_done_callback(hear)
        return told

    def close(self) -> None:
        """Leave the cluster; Ray ends the tasks of who leaves."""
        if self._joined:
            self._ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens at HOST:PORT: Ray itself tries for minutes.

    Raises:
        RunError: nobody does.
    """
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdecimal():
        return  # "auto", or a client's address, of which Ray knows more
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCKS_FOR).close()
    except (OSError, OverflowError) as error:
        raise RunError(f"There is no Ray cluster to join at {address!r} ({error}).") from None


def train_on_node(root: str, run_id: str, accuracy: bool) -> dict[str, Any]:
    """What a node does: `sae_core.sweep.trial.finish_trial`, with an answer that any Python can read."""
    from sae_core.sweep.trial import finish_trial

    try:
        return {"ended": finish_trial(root, run_id, accuracy=accuracy, slots=EVERYONE)}
    except (ValueError, OSError) as error:
        return {"error": str(error)}
