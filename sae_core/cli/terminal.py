"""What the commands say, and where: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from sae_core.data import DATASETS, Images, load_images
from sae_core.runs.data import check_data
from sae_core.runs.directory import RunDirectory

__all__ = ["downloading", "error_console", "images_of", "images_of_run", "out", "print_json"]


WIDE = 200


def out() -> Console:
    """Where results go; a file or a pipe is as wide as it has to be."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDE
    return console


def error_console() -> Console:
    """Where progress and complaints go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(record: Mapping[str, Any]) -> None:
    """One object on one line, the last of stdout; what is not finite is null."""
    sys.stdout.write(json.dumps(_finite(record), allow_nan=False) + "\n")
    sys.stdout.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def downloading() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar for a download or a large file, drawn once something comes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=error_console())
    tasks: dict[str, TaskID] = {}

    def show(file: str, done: int, size: int | None) -> None:
        if file not in tasks:
            bar.start()
            tasks[file] = bar.add_task(file, total=size)
        bar.update(tasks[file], completed=done)

    try:
        yield show
    finally:
        if tasks:
            bar.stop()


def images_of(name: str) -> Images:
    """The data set, under a progress bar where it has to be downloaded or is a file of one's own.

    Raises:
        DataError: there is no such data set, or it cannot be had.
    """
    if name in DATASETS and DATASETS[name].at_hand():
        return load_images(name)
    with downloading() as show:
        images = load_images(name, progress=show)
    if images.note:
        error_console().print(f"[dim]data[/] {images.note}")
    return images


def images_of_run(run: RunDirectory) -> Images:
    """The images a run learns from.

    Raises:
        DataError: they cannot be had; RunError: they are not what they were when it began.
    """
    images = images_of(run.config.dataset)
    check_data(run, images)
    return images
