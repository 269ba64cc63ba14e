"""What a probe found, and its file in the run's directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from sae_core import tensorfile
from sae_core.runs.files import write_atomically
from sae_core.snapshot import Floats, Ints

__all__ = ["MAX_ITERATIONS", "C", "Classifier", "Kind", "ProbeResult", "Score"]

Kind = Literal["codes", "pixels", "pca", "random"]
"""What the classifier is given: the codes, the raw pixels, the first principal components, the rectified projections
on a dictionary of random directions; the last two as many as there are latents."""

Array = NDArray[Any]

C = 0.01
"""scikit-learn's inverse strength of the squared penalty, on standardised features. One value for all features and
label counts, so that none is favoured: of .0001, .001, .01, .1 and 1 it was the best or within .2 points of it on MNIST
for codes and for pixels alike, at 10, 100 and 1,000 labels per class."""

MAX_ITERATIONS = 200
"""Of L-BFGS; on MNIST it needs 50 on codes and 120 on pixels."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """logits = features @ weights.T + bias, for features as they come: standardising is folded into both.

    Shapes: ``weights`` (n_classes, n_features), ``bias`` (n_classes,); ``scale`` (n_features,) what the features were
    divided by: ``weights * scale`` compares features that vary by different amounts.
    """

    weights: Floats
    bias: Floats
    scale: Floats
    converged: bool = True

    def logits(self, features: Array) -> Floats:
        """(n, n_classes), the larger the likelier."""
        return np.asarray(features @ self.weights.T + self.bias, np.float32)

    def predict(self, features: Array) -> Ints:
        """(n,) the likeliest class."""
        return np.asarray(self.logits(features).argmax(axis=1), np.int64)

    def evidence(self, features: Array) -> Floats:
        """(n_features, n_classes) what each feature of one image (n_features,) adds to each logit."""
        return np.asarray(features[:, None] * self.weights.T, np.float32)


@dataclass(frozen=True, slots=True)
class Score:
    """Test accuracy with one kind of features at one number of labels."""

    features: Kind
    per_class: int | None
    """Labelled images per class; None: all."""
    accuracy: float
    """Share of the test images, the mean over ``repeats`` draws of the labelled images."""
    spread: float
    """Standard deviation over the draws, 0 for one."""
    repeats: int
    n_labelled: int
    converged: bool


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found: every score, and the classifier on the codes with all labels.

    ``confusion`` (n_classes, n_classes) counts test images by true class (row) and answer (column).
    """

    scores: tuple[Score, ...]
    classifier: Classifier
    confusion: Ints
    class_names: tuple[str, ...]
    dataset: str
    step: int
    """Of the model whose codes these are."""
    n_train: int
    """Images that "all labels" means here, of ``n_available``."""
    n_available: int
    n_test: int
    seed: int
    C: float = C
    max_iterations: int = MAX_ITERATIONS

    def score(self, features: Kind, per_class: int | None = None) -> Score:
        """One of the scores.

        Raises:
            KeyError: it was not asked for.
        """
        for score in self.scores:
            if (score.features, score.per_class) == (features, per_class):
                return score
        raise KeyError(f"{features} with {per_class or 'all'} labels per class")

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The numbers of labels per class there are scores for, in order."""
        return tuple(score.per_class for score in self.scores if score.features == "codes")

    def record(self) -> dict[str, Any]:
        """Everything but the weights, for JSON."""
        record = asdict(self)
        del record["classifier"]
        return {**record, "confusion": self.confusion.tolist()}

    def save(self, folder: Path) -> None:
        """Write ``probe.safetensors`` and ``probe.json`` into a run's directory.

        Raises:
            OSError: they cannot be written.
        """
        arrays = {"weights": self.classifier.weights, "bias": self.classifier.bias, "scale": self.classifier.scale}
        header = {"schema": 1, "converged": self.classifier.converged, **self.record()}
        write_atomically(folder / "probe.safetensors", tensorfile.pack(arrays, header))
        write_atomically(folder / "probe.json", (json.dumps(header, indent=1, allow_nan=False) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What `save` wrote; None where nothing was.

        Raises:
            TensorFileError: the file is damaged.
        """
        path = folder / "probe.safetensors"
        if not path.exists():
            return None
        arrays, header = tensorfile.read(path)
        try:
            names = ("dataset", "step", "n_train", "n_available", "n_test", "seed", "C", "max_iterations")
            return cls(
                scores=tuple(Score(**score) for score in header["scores"]),
                classifier=Classifier(arrays["weights"], arrays["bias"], arrays["scale"], header["converged"]),
                confusion=np.array(header["confusion"], np.int64),
                class_names=tuple(header["class_names"]),
                **{name: header[name] for name in names},
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise tensorfile.TensorFileError(f"{path} is damaged or no probe ({problem}).") from None
