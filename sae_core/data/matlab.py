"""MATLAB's files, read in a process of their own: SciPy's reader can be brought down by a damaged one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MatError", "read_mat"]

PATIENCE = 300
"""Seconds a file may take."""

SCRIPT = """
import sys
import numpy as np
from scipy.io import loadmat
content = loadmat(sys.argv[1])
np.savez(sys.argv[2], **{
    "_" + name: value for name, value in content.items()
    if isinstance(value, np.ndarray) and name[:2] != "__" and value.dtype.kind in "buif"
})
"""


class MatError(ValueError):
    """This is no MATLAB file, or a damaged one."""


def read_mat(path: Path | str) -> dict[str, NDArray[Any]]:
    """Every array of numbers in a ``.mat`` file (up to version 7), by its name in there.

    With some bytes of the file changed, ``scipy.io.loadmat`` (1.17) may touch memory that is not its own: a crash
    there is a sentence here. Nothing is unpickled on the way back.

    Raises:
        MatError: SciPy cannot read it, or crashed.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "arrays.npz"
        command = [sys.executable, "-I", "-c", SCRIPT, str(Path(path).resolve()), str(target)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise MatError(f"reading it took more than {PATIENCE} seconds") from None
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise MatError(last[0] if done.returncode > 0 and last else "its reader crashed")
        with np.load(target, allow_pickle=False) as archive:
            return {name[1:]: archive[name] for name in archive.files}
