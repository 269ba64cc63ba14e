"""Trainers that race side by side, each in a process of its own: ``python -m tests.bench.contestants NAME SPEC``."""
