"""Telemetry that waits on disk."""

from __future__ import annotations

from pathlib import Path

from otelkit.health.spooled import find_spooled
from otelkit.model.checks import Severity


def test_an_empty_or_missing_spool_is_fine(tmp_path: Path) -> None:
    """Nothing waits."""
    assert list(find_spooled(tmp_path, 1000)) == []
    assert list(find_spooled(tmp_path / "none", 1000)) == []


def test_waiting_requests_are_a_note(tmp_path: Path) -> None:
    """They are taken in by themselves; files being written do not count."""
    (tmp_path / "1.otlp").write_bytes(b"x" * 100)
    (tmp_path / "2.otlp").write_bytes(b"x" * 100)
    (tmp_path / ".3.part").write_bytes(b"x" * 5000)

    (finding,) = find_spooled(tmp_path, 10_000)

    assert (finding.id, finding.severity) == ("spool.waiting", Severity.NOTE)
    assert finding.what.startswith("2 requests wait")


def test_a_full_spool_is_an_error(tmp_path: Path) -> None:
    """From here on telemetry is lost."""
    (tmp_path / "1.otlp").write_bytes(b"x" * 1000)

    (finding,) = find_spooled(tmp_path, 1000)

    assert (finding.id, finding.severity) == ("spool.full", Severity.ERROR)


def test_damaged_files_are_a_warning(tmp_path: Path) -> None:
    """What was set aside is named, and not counted as waiting."""
    (tmp_path / "1.otlp.damaged").write_bytes(b"x")

    (finding,) = find_spooled(tmp_path, 1000)

    assert (finding.id, finding.severity) == ("spool.damaged", Severity.WARNING)
