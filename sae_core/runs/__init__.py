"""Runs outlive pages and processes: the run directory is the contract between all who have to do with a run.

Whoever appends to ``events.jsonl`` steers; whoever reads the other files, watches; one worker process trains. They
know each other by these files alone, so a page, a command line, a script and a crash can come and go.

    RUNS/<run-id>/
      config.json      one JSON object, written once: ``schema`` (1; a reader refuses a larger one), ``config`` (every
                       field of `Config`, threads filled in), ``created``, ``versions``, ``parent`` and
                       ``parent_step`` (of a reset or a fork), ``named``, ``origin`` ("page" or "cli")
      events.jsonl     controls, one JSON object a line, appended under ``events.lock``:
                       {"kind": "play" | "pause" | "step" | "epoch" | "speed" | "set" | "stop", "time": …} with
                       ``speed`` for play, ``value`` for speed ("ramp", "slow", "full"), ``name``, ``value`` and
                       ``drag`` (shared by all values of one drag) for set, ``by`` for whoever likes to sign
      applied.jsonl    what took effect, written *before* the step it affects: {"step": after how many steps, "kind",
                       "offset": events.jsonl is consumed up to here, "event": where the event's line starts, −1 for
                       the worker's own, "name", "value", "drag", "time", "reason"}. ``refused`` says why in
                       ``reason``. ``restore`` takes the run back to ``step``: of the records before it, those after
                       that step, or from byte ``holds`` on, never happened
      metrics.jsonl    rows of numbers (`rows.COLUMNS`) with an ``attempt``; an attempt begins with a row at its first
                       step, and supersedes the rows of earlier ones from there on (`rows.drop_superseded`)
      frame.bin        the live picture in shared memory (`frame_file`, its payload in `frames`); never synced
      snapshot.safetensors, history/snapshot-<step>.safetensors    (`snapshots`) the newest, and log-spaced ones
      checkpoint.safetensors, ….previous, history/checkpoint-<2^n>.safetensors    everything to go on bit for bit
      status.json      {"state", "reason", "step", "images", …} (`directory.Status`), replaced in one move
      lock             an OS lock, held by the worker for life: held means alive, whatever the clock says
      watch            touched once a second by whoever looks; holds "decoder" or "encoder": the filters to be shown
      looked           touched every few seconds by pages that look at snapshots: these then come more often
      notes.json       favourites and labels that people gave its latents (`notes`), under ``notes.lock``
      worker.log       what the worker printed
    RUNS/.slots/       locks 0 … n−1, one for each run that trains, and the queue of those who wait

A state that needs a worker, without one, reads ``lost`` (the worker was killed). Starting a worker is always safe:
it takes the lock or says that another has it, loads the newest checkpoint that is whole, applies what
applied.jsonl says at exactly those steps, then what events.jsonl has beyond that. So a run killed at any moment
goes on to the same weights, bit for bit, as if it had never been; and config.json with applied.jsonl replay it.

Controls. A worker polls events.jsonl before each step. *play*: train (``speed`` as below); *pause*: stop where it
is; *step*, *epoch*: so many more steps, then pause; *stop*: end the worker; *set*: a live knob, the last value
given before a step counts; *speed*: *full* has no pause between steps, *slow* makes 5 steps a second, *ramp* starts
with 20 a second and doubles that each second; the last two for eyes only, so at full speed while nobody watches.

Life. A worker begins paused unless it was playing; a control given before it has caught up with where the run was
rewrites what lay ahead (a ``restore``). Paused, it gives its slot back; playing, it waits for one (``queued``,
with its place). A run begun on the page pauses after 15 minutes in which nobody watched it train or looked at what
it keeps, and after 5 seconds unwatched if another run waits for its slot; a worker that is paused and unwatched
for a minute ends, the state staying ``paused``; one paused by the server that leaves (``by``: "server") ends at
once. A finite run finishes. An objective that runs away takes the run back to its last checkpoint, and a disk that
cannot be written leaves it where it is; both pause it and say so. Ctrl-C and SIGTERM save a checkpoint and end the
worker, ``paused``. All these times are in `worker.timing.Timing`. A worker process whose run has ended may be
given the next (`launch`).

Rules for files. Readers take whole lines only and mend nothing; who appends holds the lock and first cuts off a
torn tail. Whole files are replaced in one move. JSON and safetensors only: nothing is ever unpickled.

The names below are imported when first used; only `replay`, `Run.model` and a working `work` need torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sae_core.runs.directory import Meta, RunDirectory, Status
    from sae_core.runs.events import Applied, Event
    from sae_core.runs.files import RunError, RunWriteError
    from sae_core.runs.folder import Runs, runs_folder
    from sae_core.runs.frame_file import FrameReader
    from sae_core.runs.launch import Launcher
    from sae_core.runs.rows import drop_superseded
    from sae_core.runs.run import Run
    from sae_core.runs.worker import Timing, work

__all__ = [
    "Applied",
    "Event",
    "FrameReader",
    "Launcher",
    "Meta",
    "Run",
    "RunDirectory",
    "RunError",
    "RunWriteError",
    "Runs",
    "Status",
    "Timing",
    "drop_superseded",
    "runs_folder",
    "work",
]

_HOMES = {
    "Applied": "events",
    "Event": "events",
    "FrameReader": "frame_file",
    "Launcher": "launch",
    "Meta": "directory",
    "Run": "run",
    "RunDirectory": "directory",
    "RunError": "files",
    "RunWriteError": "files",
    "Runs": "folder",
    "Status": "directory",
    "Timing": "worker",
    "drop_superseded": "rows",
    "runs_folder": "folder",
    "work": "worker",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sae_core.runs' has no attribute {name!r}")
    return getattr(import_module(f"sae_core.runs.{_HOMES[name]}"), name)
