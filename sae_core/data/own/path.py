"""Where one's own data lies, as text: told from the name of a data set, and checked, before anything is read."""

from __future__ import annotations

import re
from pathlib import Path

from sae_core.data.images import DataError

__all__ = ["SUFFIXES", "absolute", "check_own", "is_own", "label_of", "split_shape"]

SUFFIXES = (".npy", ".npz", ".mat")
"""Files known by their ending; IDX files are known by their beginning."""

_SHAPE = re.compile(r"^(?P<path>.+):(?P<shape>\d{1,5}x\d{1,5}(x[13])?)$", re.ASCII)
_NETWORK = ("\\\\", "//")


def split_shape(name: str) -> tuple[Path, tuple[int, ...] | None]:
    """Path and, where its end says how to draw flat rows (``:28x28``), that shape."""
    if found := _SHAPE.match(name):
        return Path(found["path"]).expanduser(), tuple(int(part) for part in found["shape"].split("x"))
    return Path(name).expanduser(), None


def is_own(name: str) -> bool:
    """Whether this text can only be meant as a path: by its looks, nothing on disk is touched."""
    bare = _SHAPE.sub(r"\g<path>", name)
    return any(mark in bare for mark in "/\\") or bare.startswith(("~", ".")) or bare.lower().endswith(SUFFIXES)


def absolute(name: str) -> str:
    """The path as it means the same from everywhere; names of data sets that come with Penstroke stay as they are."""
    if not is_own(name):
        return name
    path, shape = split_shape(name)
    return str(path.resolve()) + (f":{'x'.join(map(str, shape))}" if shape else "")


def label_of(name: str) -> str:
    """What to call it: the file's or folder's name, without ending."""
    path, _ = split_shape(name)
    return path.stem or str(path)


def check_own(name: str, *, network: bool = True) -> None:
    """A look from outside, as a page can afford it.

    Raises:
        DataError: nothing is there, it is no file or folder that can hold data, or it is on another machine and
            ``network`` is not allowed.
    """
    if not network and name.startswith(_NETWORK):
        raise DataError(f"{name} is on another machine: copy it to this one, or use `penstroke train` in a terminal.")
    if "\0" in name:
        raise DataError("A path has no zero bytes in it.")
    path, _ = split_shape(name)
    try:
        if not path.exists():
            raise DataError(f"There is no file or folder {path}.")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
