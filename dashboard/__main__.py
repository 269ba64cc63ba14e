"""``python -m dashboard``: serve the dashboard, and say where it is."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from dashboard.binding import DEFAULT_PORT, Bound, ServerError, bind

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; returns the exit status."""
    options = _parser().parse_args(argv)
    try:
        bound = bind(tuple(options.host or ["localhost"]), options.port, options.runs)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    from dashboard.server import serve

    serve(bound, lambda: _announce(bound, opens=options.open, port_asked=options.port), _farewell)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("penstroke dashboard", description="Serve the dashboard on this machine.")
    parser.add_argument(
        "--host",
        action="append",
        help="address or name to listen on (default: localhost, this machine only); "
        "given again: a further name it answers to",
    )
    parser.add_argument("--port", type=_port, help=f"default: {DEFAULT_PORT}, or the next free one")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="where runs are kept (default: $PENSTROKE_RUNS)")
    parser.add_argument(
        "--open", action=argparse.BooleanOptionalAction, default=True, help="open the page in a browser"
    )
    return parser


def _port(text: str) -> int:
    with suppress(ValueError):
        if 0 <= int(text) <= 65_535:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: that is a number from 1 to 65535.")


def _announce(bound: Bound, *, opens: bool, port_asked: int | None) -> None:
    moved = f" (port {DEFAULT_PORT} is taken)" if port_asked is None and bound.port != DEFAULT_PORT else ""
    print(f"Penstroke is at {bound.url}{moved}. Ctrl-C ends it.", flush=True)
    if not bound.guard.loopback:
        print(f"Others can watch there. To steer, open {bound.steering_url}", flush=True)
    if opens and _has_screen():
        Thread(target=webbrowser.open, args=(bound.steering_url,), daemon=True).start()


def _farewell(paused: list[str]) -> None:
    kept = f" Paused: {', '.join(paused)}." if paused else ""
    print(f"\nPenstroke has stopped.{kept}", flush=True)


def _has_screen() -> bool:
    """Whether a browser opened here would be a window, and not a text browser taking over the terminal."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
