"""Where the bundled files are: inside the package when installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["asset"]

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "_assets", _PACKAGE.parent / "assets")


def asset(path: str) -> Path:
    """The bundled file or folder at ``path``, written with forward slashes: ``asset("MNIST/LICENSE.md")``.

    Raises:
        FileNotFoundError: the installation is incomplete; the sentence says where it was looked for.
    """
    for place in _PLACES:
        if (place / path).exists():
            return place / path
    looked = " nor ".join(str(place) for place in _PLACES)
    raise FileNotFoundError(f"The bundled {path} is neither in {looked}: install Penstroke again.")
