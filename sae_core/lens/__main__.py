"""The helper: ``python -m sae_core.lens --root RUNS``. Questions come in on stdin, answers go out on stdout (`pipes`).

A question is ``{"id", "question", "run", "step", "arguments"}`` with its arrays; its answer ``{"id", "values"}`` with
arrays, or ``{"id", "error": sentence}``. What torch or Python print goes to stderr, which the client keeps in a log.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sae_core.lens.answers import Answer, Asked
from sae_core.lens.pipes import receive, send

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Answer until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m sae_core.lens")
    parser.add_argument("--root", type=Path, required=True, help="the runs folder")
    asked = parser.parse_args(arguments)
    questions, answers = _own_pipes()
    import torch

    from sae_core.lens.questions import QUESTIONS
    from sae_core.lens.shelf import Shelf

    torch.set_num_threads(1)  # the census shares its images out itself; torch's own threads would wait for training
    shelf = Shelf(asked.root)
    threads = {name: ThreadPoolExecutor(1, name) for name in {question.thread for question in QUESTIONS.values()}}
    say = _Mouth(answers)
    say({"id": 0, "values": {}}, {})
    while (message := receive(questions)) is not None:
        about, arrays = message
        question = QUESTIONS.get(str(about.get("question")))
        if question is None:
            say({"id": about.get("id"), "error": f"There is no question {about.get('question')!r}."}, {})
            continue
        one = Asked(str(about["question"]), str(about["run"]), about.get("step"), about.get("arguments", {}), arrays)
        threads[question.thread].submit(_answer, say, about["id"], partial(question.answer, shelf, one))
    os._exit(0)  # whoever asked is gone: no answer is worth finishing


class _Mouth:
    """Says one thing at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def __call__(self, about: dict[str, Any], arrays: dict[str, Any]) -> None:
        with self._lock, suppress(OSError):
            send(self._stream, about, arrays)


def _answer(say: _Mouth, number: int, work: Callable[[], Answer]) -> None:
    try:
        answer = work()
        say({"id": number, "values": answer.values}, answer.arrays)
    except (ValueError, OSError) as error:  # ours are sentences
        say({"id": number, "error": str(error)}, {})
    except BaseException as error:  # noqa: BLE001 - the log has it in full, the page a sentence
        traceback.print_exc()
        sys.stderr.flush()
        say({"id": number, "error": f"This could not be worked out ({type(error).__name__}: {error})."}, {})


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The first stdin and stdout, for messages alone; prints go to stderr."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return questions, answers


if __name__ == "__main__":
    sys.exit(main())
