"""The doctor explains what runs have lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelkit.health.losses import find_killed, find_losses
from otelkit.ledger.ledger import UNFINISHED
from otelkit.model.checks import Severity
from otelkit.model.signals import Loss
from otelkit.model.views import LossRow, RunRow

ROW = LossRow("0123456789abcdef", "nightly", "2026-10-01T10:00:00.123456Z", "traces", "buffer_full", 1200)


def test_run_numbers_reason_and_remedy_are_named() -> None:
    """One finding for each reason, over all signals."""
    (finding,) = find_losses([ROW, replace(ROW, signal="logs", count=1)], [])

    assert (finding.id, finding.severity) == ("telemetry.lost", Severity.WARNING)
    assert finding.what == (
        "The run nightly (0123456789ab, 2026-10-01T10:00:00Z) lost 1,200 spans and 1 log record: more was made than could be "
        "sent, and the memory for what waits was full (buffer_full)."
    )
    assert "stages count them all the same" in finding.why
    assert "log records" in finding.why
    assert "buffer_bytes" in finding.fix


def test_three_signals_are_a_list() -> None:
    """Read aloud it is a sentence."""
    (finding,) = find_losses([replace(ROW, signal=signal, count=2) for signal in ("traces", "metrics", "logs")], [])

    assert "lost 2 spans, 2 metric points and 2 log records: " in finding.what


@pytest.mark.parametrize("reason", [*Loss, UNFINISHED])
def test_each_reason_is_explained_in_words(reason: str) -> None:
    """No reason that we give ourselves is left to guesses."""
    (finding,) = find_losses([replace(ROW, reason=str(reason))], [])

    assert finding.what.endswith(f" ({reason}).")
    assert "plugin gives this reason" not in finding.what
    assert len(finding.fix) > 40


def test_a_plugins_own_reason_is_told_as_it_is() -> None:
    """Whoever gave it knows what it means."""
    (finding,) = find_losses([], [replace(ROW, reason="moon_phase", signal="profiles")])

    assert "1,200 profiles" in finding.what
    assert "(moon_phase)" in finding.what
    assert finding.why == "They will never arrive."


def test_what_both_accounts_have_is_told_once() -> None:
    """The metric lacks what was lost after its last export, and the notes lack processes that were killed."""
    stored = [ROW, replace(ROW, reason="exit_limit", count=5)]
    noted = [replace(ROW, count=1300), replace(ROW, reason="exit_limit", count=2)]
    whats = sorted(finding.what for finding in find_losses(stored, noted))

    assert len(whats) == 2
    assert "lost 1,300 spans" in whats[0]
    assert "lost 5 spans" in whats[1]


def test_of_many_runs_the_newest_are_told_of() -> None:
    """The others are counted."""
    rows = [replace(ROW, run_id=f"{number:016}", when=f"2026-10-{number:02}T10:00:00Z") for number in range(1, 9)]
    findings = list(find_losses(rows, []))

    assert [finding.what[finding.what.index("2026") :][:10] for finding in findings] == [
        f"2026-10-{number:02}" for number in (8, 7, 6, 5, 4)
    ]
    assert findings[-1].what.endswith("So did 3 earlier runs, for this or another reason.")


def test_what_a_receiver_refuses_of_the_spool_is_nobodys_in_particular() -> None:
    """The run that spooled it is not known there."""
    (finding,) = find_losses([], [replace(ROW, run_id="", run_name="", reason="rejected")])

    assert finding.what.startswith(
        "An earlier run, whose telemetry waited in the spool until 2026-10-01T10:00:00Z, lost "
    )


def test_where_nothing_was_lost_nothing_is_told() -> None:
    """Silence is good news."""
    assert list(find_losses([], [])) == []


def test_a_killed_program_is_told_of_since_nobody_counts_what_it_held() -> None:
    """Only that one: other exit codes say that it ended by itself, or was asked to."""
    run = RunRow("id", "nightly", "failed", "2026-10-01T10:00:00.123456Z", 1.0, 1, 0, exit_code=137)
    (finding,) = find_killed(
        [run, replace(run, exit_code=1), replace(run, exit_code=None), replace(run, exit_code=143)], 0.5
    )

    assert (finding.id, finding.severity) == ("run.killed", Severity.NOTE)
    assert "the run nightly (id, 2026-10-01T10:00:00Z)" in finding.what
    assert "its last 0.5 s" in finding.why
