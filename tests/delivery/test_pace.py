"""When to try again after an attempt failed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from otelkit.delivery import circuit
from otelkit.delivery.pace import Pace, Patience
from otelkit.delivery.transport import Contact, Later

NOW = 1000.0
LOCAL = "http://127.0.0.1:4318"
REMOTE = "http://collector.example:4318"
PATIENCE = Patience(first_s=1.0, longest_s=60.0, young_s=5.0, local_s=2.0)


@pytest.fixture(autouse=True)
def _a_clock_that_stands(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "monotonic", lambda: NOW)
    circuit._silent_until.clear()
    yield
    circuit._silent_until.clear()


def waits(pace: Pace, answer: Later, times: int) -> list[float]:
    found = []
    for _ in range(times):
        pace.failure(answer)
        found.append(pace.try_again_at - NOW)
    return found


def test_each_failure_doubles_the_pause_up_to_a_limit() -> None:
    """At random between 70 and 100 % of it, so that not everybody comes back at once."""
    found = waits(Pace(REMOTE, PATIENCE), Later("no", contact=Contact.BROKEN), 100)

    for wait, most in zip(found, (1, 2, 4, 8, 16, 32, *[60] * 94), strict=True):
        assert 0.7 * most <= wait <= most
    assert len(set(found[10:])) > 50


def test_a_success_starts_over() -> None:
    """And ends the failure."""
    pace = Pace(REMOTE, PATIENCE)
    waits(pace, Later("no"), 5)
    since = pace.failing_since
    pace.success()

    assert (since, pace.failing_since, pace.proven, pace.spool_at) == (NOW, None, True, float("inf"))
    assert waits(pace, Later("no"), 1)[0] <= 1.0


def test_what_a_receiver_asks_for_is_waited_for() -> None:
    """Never shorter, a little longer, and not shorter than our own pause."""
    pace = Pace(REMOTE, PATIENCE)

    assert 100 <= waits(pace, Later("no", 100.0), 1)[0] <= 110
    assert 1.4 <= waits(pace, Later("no", 0.0), 1)[0] <= 2.0
    assert pace.asked


def test_a_failure_is_young_for_a_time() -> None:
    """Then what waits is spooled; at once if the pause is longer anyway."""
    pace = Pace(REMOTE, PATIENCE)
    pace.failure(Later("no", contact=Contact.BROKEN))
    young = pace.spool_at
    pace.failure(Later("no", 100.0))

    assert (young, pace.spool_at) == (NOW + 5.0, 0.0)


def test_nobody_on_this_machine_is_looked_for_often_and_not_waited_for() -> None:
    """Looking costs next to nothing; elsewhere a refusal may be a restart."""
    local, remote = Pace(LOCAL, PATIENCE), Pace(REMOTE, PATIENCE)
    refused = Later("refused", contact=Contact.REFUSED)

    assert max(waits(local, refused, 20)) <= 2.0
    assert max(waits(remote, refused, 20)) > 40.0
    assert (local.lasting, local.why) == (True, None)
    assert remote.why == "refused"


def test_a_silent_host_is_known_to_the_other_signals() -> None:
    """Each would wait for it again."""
    traces, logs = Pace(f"{REMOTE}/v1/traces", PATIENCE), Pace(f"{REMOTE}/v1/logs", PATIENCE)
    traces.failure(Later("no answer", contact=Contact.SILENT))

    assert logs.try_again_at == traces.try_again_at > NOW
    assert logs.spool_at == logs.try_again_at
