"""What all fault drills share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.drills import chances
from tests.otlp_server import OtlpServer, otlp_server


@pytest.fixture
def server() -> Iterator[OtlpServer]:
    """An OTLP server that is not ours."""
    with otlp_server() as running:
        yield running


def pytest_report_header() -> str:
    """Say what makes the same faults again."""
    return f"drills: {chances.NAME}"
