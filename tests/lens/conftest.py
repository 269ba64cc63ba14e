"""On one thread, as in the core's tests."""

from tests.core.conftest import _one_thread

__all__ = ["_one_thread"]
