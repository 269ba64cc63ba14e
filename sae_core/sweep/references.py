"""What others make of the same images at the same sparsity: PCA, and scikit-learn's dictionary learning.

``python -m sae_core.sweep.references --root RUNS --dataset mnist`` works them out once and keeps them in
``RUNS/.paths/references-<dataset>.json``: {"pca": [{"l0", "fvu"}, …], "dictionary_learning": […]}.

Both are judged as models are: FVU on test images, against their own mean. A PCA of m components lights all m for
every image. Dictionary learning (Mairal et al. 2009, scikit-learn's `MiniBatchDictionaryLearning`) has 256 atoms from
4,000 images, and codes by orthogonal matching pursuit with at most l0 of them (Pati et al. 1993): it searches anew for
every image, which no encoder does, and takes a thousand times longer.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sae_core.data import Images, load_images
from sae_core.runs.files import from_json, to_json, write_atomically

__all__ = ["known_references", "main", "references", "references_file"]

COMPONENTS = (1, 2, 5, 10, 20, 50, 100, 200)
NON_ZEROS = (2, 5, 10, 20, 40)
ATOMS = 256
LEARNS_FROM = 4_000
JUDGED_BY = 1_000

Points = list[dict[str, float]]


def references_file(root: Path, dataset: str) -> Path:
    """Where they are kept."""
    name = "".join(letter if letter.isalnum() else "-" for letter in dataset)[-60:]
    return root / ".paths" / f"references-{name}.json"


def known_references(root: Path, dataset: str) -> dict[str, Points] | None:
    """Those that have been worked out; None before."""
    try:
        return from_json(references_file(root, dataset).read_bytes())
    except OSError:
        return None


def references(images: Images, *, seed: int = 0) -> dict[str, Points]:
    """PCA and dictionary learning on these images."""
    train = images.train[:LEARNS_FROM]
    test = images.test[:JUDGED_BY]
    return {"pca": _pca(train, test), "dictionary_learning": _dictionary_learning(train, test, seed)}


def _pca(train: NDArray[np.float32], test: NDArray[np.float32]) -> Points:
    mean = train.mean(axis=0)
    _, _, components = np.linalg.svd(train - mean, full_matrices=False)
    points = []
    for count in COMPONENTS:
        if count < min(train.shape):
            codes = (test - mean) @ components[:count].T
            points.append({"l0": float(count), "fvu": _fvu(test, codes @ components[:count] + mean)})
    return points


def _dictionary_learning(train: NDArray[np.float32], test: NDArray[np.float32], seed: int) -> Points:
    from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode

    mean = train.mean(axis=0)
    model = MiniBatchDictionaryLearning(
        n_components=ATOMS, alpha=0.5, max_iter=3, batch_size=256, fit_algorithm="cd", random_state=seed, n_jobs=1
    )
    points = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not asked to converge
        atoms: Any = model.fit(train - mean).components_
        for count in NON_ZEROS:
            codes = sparse_encode(test - mean, atoms, algorithm="omp", n_nonzero_coefs=count)
            lit = float((codes != 0).sum(axis=1).mean())
            points.append({"l0": lit, "fvu": _fvu(test, codes @ atoms + mean)})
    return points


def _fvu(x: NDArray[Any], x_hat: NDArray[Any]) -> float:
    """Σ‖x − x_hat‖² / Σ‖x − mean‖²."""
    return float(((x - x_hat) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum())


def main(arguments: list[str] | None = None) -> int:
    """Work them out, unless they are known."""
    parser = argparse.ArgumentParser(prog="python -m sae_core.sweep.references")
    parser.add_argument("--root", type=Path, required=True, help="the runs folder")
    parser.add_argument("--dataset", required=True)
    asked = parser.parse_args(arguments)
    if known_references(asked.root, asked.dataset) is None:
        file = references_file(asked.root, asked.dataset)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, to_json(references(load_images(asked.dataset))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
