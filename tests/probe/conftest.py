"""The small images of the core's tests, on one thread."""

from tests.core.conftest import _one_thread, images

__all__ = ["_one_thread", "images"]
