"""What all tests of the start of a program share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.accounts import every_account_balances
from tests.otlp_server import OtlpServer, otlp_server

__all__ = ["every_account_balances", "server"]


@pytest.fixture
def server() -> Iterator[OtlpServer]:
    """An OTLP server that is not ours."""
    with otlp_server() as running:
        yield running
