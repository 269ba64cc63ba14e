"""Rates and latencies, measured side by side in one run: ``python -m tests.bench live``. Nothing here fails a build."""
