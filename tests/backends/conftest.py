"""The real servers that tests of this folder share."""

from __future__ import annotations

from tests.backends.fixtures import prometheus

__all__ = ["prometheus"]
