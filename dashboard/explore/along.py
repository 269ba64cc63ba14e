"""What can be taken along from a run's pages: its files, and the lines that give the same view elsewhere."""

from __future__ import annotations

from typing import Any

from sae_core.export.formats import FORMATS
from sae_core.runs.directory import RunDirectory

__all__ = ["Along", "along"]

Along = dict[str, Any]


def along(base: str, run: RunDirectory, step: int | None, command: str, lines: str) -> Along:
    """``exports`` (links below ``base``, of that kept step) and ``again``: a command, and Python where ``snapshot`` is
    what the page shows.
    """
    query = "" if step is None else f"?step={step}"
    snapshot = "run.snapshot()" if step is None else f"run.directory.snapshot_at({step})"
    return {
        "exports": [
            {
                "href": f"{base}/explore/{run.id}/export/{name}{query}",
                "text": one.label,
                "title": f"The run as {run.id}{one.suffix}",
            }
            for name, one in FORMATS.items()
        ],
        "again": (
            "# the address of this page brings it back; in a terminal:\n"
            f"{command} --runs {str(run.path.parent)!r}\n\n"
            "# in Python:\n"
            "from sae_core import Run\n\n"
            f"run = Run.open({run.id!r}, {str(run.path.parent)!r})\n"
            f"snapshot = {snapshot}\n"
            f"{lines}"
        ),
    }
