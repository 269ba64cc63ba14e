"""Classifiers on the codes of trained models: of a run, in a process of its own, and a light one for sweeps."""
