"""Telemetry that waits on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from otelkit.health.spooled import find_spooled
from otelkit.model.checks import Severity

_SPOOL = Path(".otelkit/spool")


@dataclass
class _State:
    requests: int = 0
    bytes: int = 0
    damaged: int = 0


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (_State(), []),
        (_State(requests=2, bytes=200), [("spool.waiting", Severity.NOTE)]),
        (_State(requests=2, bytes=950), [("spool.full", Severity.ERROR)]),
        (_State(damaged=1, bytes=10), [("spool.damaged", Severity.WARNING)]),
        (_State(1, 950, 1), [("spool.damaged", Severity.WARNING), ("spool.full", Severity.ERROR)]),
    ],
)
def test_what_waits_is_a_note_and_a_full_spool_an_error(state: _State, expected: list[tuple[str, Severity]]) -> None:
    """Waiting requests are taken in by themselves; when the spool is full, telemetry is lost."""
    assert expected == [(finding.id, finding.severity) for finding in find_spooled(_SPOOL, state, 1000)]


def test_why_requests_wait_is_not_claimed_to_be_known() -> None:
    """A receiver that answered 503 did listen."""
    (finding,) = find_spooled(_SPOOL, _State(requests=1, bytes=100), 1000)

    assert (
        finding.why
        == "They could not be sent when they should have been: nothing listened, or a receiver did not take them."
    )
