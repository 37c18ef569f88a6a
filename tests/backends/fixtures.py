"""Backends that live as long as the tests that share them; a conftest imports what its folder needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.prometheus import Prometheus
from tests.backends.prometheus import prometheus as running_prometheus


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One Prometheus for the whole run: tests tell what is theirs by a service name of their own."""
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server
