"""How much of the classes a linear classifier reads from the codes, beside what it reads from other features.

Pure functions on numpy arrays; `sae_core.probe.run` encodes a run's images and calls them, `penstroke probe RUN` is
that on the command line, and leaves ``probe.safetensors`` (everything) and ``probe.json`` (its header, for people and
other programs) in the run's directory. A page reads them, without torch and without scikit-learn:

    probe = ProbeResult.load(run.path)                      # None before the first `penstroke probe`
    probe.score("codes").accuracy, probe.score("pixels", 10).accuracy
    logits = probe.classifier.logits(codes)                 # (n, n_classes), with the codes as the model gives them
    evidence = probe.classifier.evidence(codes[0])          # (n_latents, n_classes): they add up to logits − bias
    accuracy_without(probe.classifier, codes, labels)       # (n_latents, n_classes), in one pass

``ProbeCurve.load(run.path)`` is what a lighter one read at each kept step (`sae_core.probe.over_training`).
``probe.step`` says of which step the codes were: the classifier belongs to those weights and no others.
"""

from sae_core.probe.compare import COUNTS, Progress, Split, compare
from sae_core.probe.fit import accuracy_without, confusion_of, fit, labelled
from sae_core.probe.over_training import CurvePoint, ProbeCurve
from sae_core.probe.result import Classifier, Kind, ProbeResult, Score

__all__ = [
    "COUNTS",
    "Classifier",
    "CurvePoint",
    "Kind",
    "ProbeCurve",
    "ProbeResult",
    "Progress",
    "Score",
    "Split",
    "accuracy_without",
    "compare",
    "confusion_of",
    "fit",
    "labelled",
]
